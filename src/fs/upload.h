// SPDX-FileCopyrightText: the xbucket authors
// One file's content into the bucket: a single PUT, or a multipart upload where it is large. An
// upload is an update too (DESIGN 3.8): meta plans it, so that the object keeps its metadata, and
// looks again when it is done.
#pragma once

#include "core.h"

namespace xbucket {

struct UploadJob {
    ObjectKey key;
    std::shared_ptr<FileContent> content;  // with the file
    std::shared_ptr<AheadUpload> ahead;    // of this content; none if null
    Patch staged;
    bool times_set = false;    // `staged` has a time that somebody set
    bool append_only = false;  // of an appendable object: all was written with O_APPEND
    bool must_be_new = false;  // an object of that name is somebody else's
    bool exclusive = false;    // with that: the service is to refuse it as well, where it can
    bool in_doubt = false;     // ... but may be ours, by an upload that failed before
    Journaled journaled = Journaled::goes_along;
};

struct Uploaded {
    ObjectStat stat;
    // Of the object that has exactly this content.
    ETag etag;
    // What of `staged` could not travel with the content and is still to be recorded.
    PosixRecord late;
    // See FinishedUpload.
    Result<void> settled;
};

class Uploader {
  public:
    explicit Uploader(Core& core) : core_(core) {}

    // The caller holds the key's turn and keeps the content as it is. Errors: stale (the object
    // that the content started from was replaced by somebody else, or somebody else has made one
    // where none was to be; nothing was sent), the store's. None once the service has the content.
    Result<Uploaded> upload(const UploadJob& job);
    // Begins an upload of content that is still being written. The caller holds the key's turn.
    Result<AheadUpload> begin_ahead(const UploadJob& job);

  private:
    // What was sent, and the plan that tells meta what is left to do.
    struct Sent {
        PutReply reply;
        UploadPlan plan;
        PosixRecord late;
    };
    Result<UploadPlan> plan_for(const UploadJob& job);
    // Of a job that must be new: whether what is there is what an upload before has left.
    Result<bool> arrived_before(const UploadJob& job);
    Uploaded finish(const UploadJob& job, Sent sent);
    // A request as it was found in the object; proven: by more than its size.
    struct Landed {
        PutReply reply;
        bool proven = false;
    };
    // What is not known of an attempt that failed.
    struct Doubt {
        // The object could not be looked at to tell what became of a request: whoever tried again
        // then might meet his own success.
        bool unseen = false;
        std::optional<Sent> maybe;  // what may yet arrive, but for its reply
        bool journaled = false;     // it took changes along that wait in the journal
    };
    Result<Sent> send(const UploadJob& job, Doubt& doubt);
    // Whether the attempts before were not in vain: what `stale` takes for somebody else's is ours.
    std::optional<Sent> arrived_late(const UploadJob& job, const Doubt& before, const Error& stale);
    Result<PutReply> copy_whole(const UploadJob& job, const UploadPlan& plan);
    // Nothing where the object is not appendable any more, or did not grow, or grew too large.
    Result<std::optional<Sent>> append(const UploadJob& job, UploadPlan plan, Doubt& doubt);
    Result<PutReply> put_whole(const UploadJob& job, const UploadPlan& plan);
    Result<PutReply> put_parts(const UploadJob& job, UploadPlan& plan);
    // Nothing where what was begun cannot become the object that is wanted.
    Result<std::optional<Sent>> send_ahead(const UploadJob& job, Doubt& doubt);
    Result<PutReply> complete(const UploadJob& job, PartUpload& upload);
    // Whether a request whose reply is missing, or that was refused, arrived after all
    // (DESIGN 3.6). `sent` with its reply.
    Result<Sent> resolved(const UploadJob& job, Sent sent, Result<PutReply> reply, Doubt& doubt);
    Result<std::optional<Landed>> look_for(const UploadJob& job, const UploadPlan& plan);

    Core& core_;
};

}  // namespace xbucket
