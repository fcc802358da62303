// SPDX-FileCopyrightText: the xbucket authors
// What a write or delete does to the versions of a key, by the bucket's versioning: off (the
// object is replaced), Enabled (every write is a version, a delete is a marker), Suspended (writes
// replace the "null" version). Run inside the caller's transaction.
#pragma once

#include "object_db.h"

namespace xbucket::local {

// The place in the order of versions that an id tells, also where the version is gone; nullopt for
// "null" and for what was never an id.
std::optional<int64_t> seq_of_version(std::string_view version_id);

// Makes `record` the current version of its key; fills its seq and version_id. Segments that
// `record` shares with the version it replaces are kept (in-place copy), others discarded.
// With Enabled, `record` must own all its segments.
Result<void> put_version(ObjectDb::Transaction& t, const BucketState& bucket, ObjectRecord& record);

struct Deleted {
    bool existed = false;
    bool marker = false;     // a delete marker was made, or the version deleted was one
    std::string version_id;  // of the marker made, or the version deleted; "" = null
};
// DELETE without a version.
Result<Deleted> delete_current(ObjectDb::Transaction& t, const BucketState& bucket,
                               std::string_view key, int64_t now);
// DELETE ?versionId=: removes it for good; the next older one becomes current.
Result<Deleted> delete_version(ObjectDb::Transaction& t, const BucketState& bucket,
                               std::string_view key, std::string_view version);

}  // namespace xbucket::local
