// SPDX-FileCopyrightText: the xbucket authors
// A copy above the single-copy limit (DESIGN 3.7, protocol.md 3.7 and 6): parts copied inside the
// service, everything that a multipart upload does not take over resent at its start, the source
// read again before it is completed, the result compared after.
#pragma once

#include "http_store_impl.h"

namespace xbucket {

// One use; confined to the calling thread but for copy_parts()'s pool.
class MultipartCopy {
  public:
    // References must outlive the object. Keys are as callers know them, without the prefix.
    MultipartCopy(HttpStore& store, const CopyRequest& request, const CallOptions& options)
        : store_(store), request_(request), options_(options) {}
    Result<CopyReply> run();

  private:
    // The guard that a single copy leaves to the service.
    Result<void> check_guard(const ObjectInfo& source) const;
    Result<ObjectAttributes> attributes_for(const ObjectInfo& source);
    // Whether nothing is left of it.
    bool abort(const UploadId& id);
    Result<std::vector<UploadPart>> copy_parts(const UploadId& id, const ObjectInfo& source);
    Result<PutReply> complete(const UploadId& id, const ObjectInfo& source,
                              const std::vector<UploadPart>& parts);
    Result<CopyReply> compare(const PutReply& reply, const ObjectInfo& source);
    VersionId below(const VersionId& made, const ObjectInfo& source);

    HttpStore& store_;
    const CopyRequest& request_;
    const CallOptions& options_;
    std::optional<KeptChecksum> checksum_;  // the source's, as it was at the start
};

// Bytes per part: few enough parts, none above the service's limit.
uint64_t copy_part_bytes(uint64_t size, const StoreTraits& traits);

}  // namespace xbucket
