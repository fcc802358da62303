// SPDX-FileCopyrightText: the xbucket authors
// The last step of every write: blobs published, conditions judged and row written in one
// transaction, tmp names dropped after it (blobs.h says why in this order).
#pragma once

#include "lookup.h"

#include <functional>
#include <memory>
#include <vector>

namespace xbucket::local {

// Content-MD5 and x-amz-content-sha256 were checked while the body came in; here the object goes
// in. `record` needs bucket, key, size, etag, kind and metadata; mtime is set unless it is already.
// `before` runs inside the transaction after the bucket's state is read: further conditions, and
// its own changes (uploads). Refusals: NoSuchBucket, those of check_write_conditions.
Outcome<void> commit_object(
    Site& site, const Call& call, ObjectRecord& record,
    const std::vector<std::unique_ptr<Incoming>>& blobs, BucketState* bucket_out,
    const std::function<Outcome<void>(ObjectDb::Transaction&, const BucketState&)>& before = {});

// WORM and object lock on what would be replaced or removed. Refusal: 409 FileImmutable (OSS),
// 403 AccessDenied (S3).
Outcome<void> check_not_locked(const Request& request, const ObjectRecord& record, int64_t now);

}  // namespace xbucket::local
