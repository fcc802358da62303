// SPDX-FileCopyrightText: the xbucket authors
// One file's content into the bucket: a single PUT, or a multipart upload where it is large. An
// upload is an update too (DESIGN 3.8): meta plans it, so that the object keeps its metadata, and
// looks again when it is done.
#pragma once

#include "core.h"

namespace xbucket {

struct UploadJob {
    ObjectKey key;
    const Spool* spool = nullptr;
    Patch staged;
    // Whose content the spool started from; "" = nobody's.
    ETag base_etag;
};

class Uploader {
  public:
    explicit Uploader(Core& core) : core_(core) {}

    // The caller holds the key's turn and keeps the spool as it is. Errors: stale (the object that
    // the content started from was replaced by somebody else; nothing was sent), the store's.
    Result<ObjectStat> upload(const UploadJob& job);

  private:
    Result<PutReply> send(const UploadJob& job, UploadPlan& plan);
    Result<PutReply> put_whole(const UploadJob& job, const UploadPlan& plan);
    Result<PutReply> put_parts(const UploadJob& job, UploadPlan& plan);
    Result<std::vector<UploadPart>> send_parts(const UploadJob& job, const UploadId& id,
                                               uint64_t part_bytes);
    // Whether a request whose reply is missing arrived after all (DESIGN 3.6).
    Result<std::optional<PutReply>> look_for(const UploadJob& job, const UploadPlan& plan);

    Core& core_;
};

}  // namespace xbucket
