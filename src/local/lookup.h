// SPDX-FileCopyrightText: the xbucket authors
// Finding what a request names, and the conditions and rights that are judged against it.
#pragma once

#include "site.h"

#include <optional>
#include <string>

namespace xbucket::local {

// The bucket of the request. Refusal: NoSuchBucket.
Outcome<BucketState> find_bucket(Site& site, Connection& c, const std::string& name);

struct Found {
    BucketState bucket;
    ObjectRecord record;
    std::optional<ObjectRecord> link;  // the symlink through which `record` was reached
};
enum class Links { follow, keep };
// The object (current or ?versionId=) of the request. Adopts a plain file of that name. Refusals:
// NoSuchBucket, NoSuchKey (with x-*-delete-marker), NoSuchVersion, 405 for a marker's version,
// SymlinkTargetNotExist, InvalidTargetType.
Outcome<Found> find_object(Site& site, Connection& c, const Request& request, Links links);
// The same by name, for copy sources. `version` "" = current.
Outcome<ObjectRecord> find_record(Site& site, Connection& c, const Request& request,
                                  const BucketState& bucket, const std::string& key,
                                  const std::string& version);

// GET and HEAD: If-Match and relatives, at one-second resolution. Refusals: 412, 304.
Outcome<void> check_read_conditions(const Request& request, const ObjectRecord& record);
// x-*-copy-source-if-*; OSS answers 304 where S3 answers 412 (protocol.md 3.4, 3.7).
Outcome<void> check_copy_conditions(const Request& request, const ObjectRecord& source);
// PUT, copy, complete: S3's If-Match and If-None-Match:*, OSS's x-oss-forbid-overwrite. OSS
// refuses any other If-* with 400 NotImplemented.
Outcome<void> check_write_conditions(const Request& request, const BucketState& bucket,
                                     const std::optional<ObjectRecord>& existing);

// Whether archived data can be read now. Refusal: InvalidObjectState.
Outcome<void> check_readable(const Request& request, const ObjectRecord& record, int64_t now);

enum class Access { owner, object_read, object_write, bucket_list, bucket_none };
// Anonymous requests pass only by ACL. Refusal: AccessDenied.
Outcome<void> check_access(Site& site, const Request& request, Access access);

// RFC 1123 or ISO 8601: clients send both (protocol.md 3.4).
std::optional<int64_t> parse_condition_time(std::string_view text);

}  // namespace xbucket::local
