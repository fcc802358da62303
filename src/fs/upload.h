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
};

struct Uploaded {
    ObjectStat stat;
    // Of the object that has exactly this content.
    ETag etag;
    // What of `staged` could not travel with the content and is still to be recorded.
    PosixRecord late;
};

class Uploader {
  public:
    explicit Uploader(Core& core) : core_(core) {}

    // The caller holds the key's turn and keeps the content as it is. Errors: stale (the object
    // that the content started from was replaced by somebody else; nothing was sent), the store's.
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
    Result<Uploaded> finish(const UploadJob& job, Sent sent);
    // A request as it was found in the object; proven: by more than its size.
    struct Landed {
        PutReply reply;
        bool proven = false;
    };
    // `unseen` is set where the object could not be looked at to tell what became of a request:
    // whoever tried again then might meet his own success.
    Result<Sent> send(const UploadJob& job, bool& unseen);
    Result<PutReply> copy_whole(const UploadJob& job, const UploadPlan& plan);
    // Nothing where the object is not appendable any more, or did not grow.
    Result<std::optional<Sent>> append(const UploadJob& job, UploadPlan plan, bool& unseen);
    Result<PutReply> put_whole(const UploadJob& job, const UploadPlan& plan);
    Result<PutReply> put_parts(const UploadJob& job, UploadPlan& plan);
    // Nothing where what was begun cannot become the object that is wanted.
    Result<std::optional<Sent>> send_ahead(const UploadJob& job, bool& unseen);
    Result<PutReply> complete(const UploadJob& job, PartUpload& upload);
    // Whether a request whose reply is missing, or that was refused, arrived after all
    // (DESIGN 3.6).
    Result<PutReply> resolved(const UploadJob& job, const UploadPlan& plan, Result<PutReply> reply,
                              bool& unseen);
    Result<std::optional<Landed>> look_for(const UploadJob& job, const UploadPlan& plan);

    Core& core_;
};

}  // namespace xbucket
