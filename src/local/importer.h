// SPDX-FileCopyrightText: the xbucket authors
// Plain files that lie in DIR/BUCKET as objects, so that a newcomer can point the server at a
// folder of folders. A file is read in place and never changed or removed; the row of its object
// remembers its size and time. Only a key that has no object, or whose object is that very file in
// an older state, is taken from a file: what was written through the server is never covered, and
// a deleted object does not come back until its file changes.
//
// The ETag is made of path, size and time in the form of a multipart ETag ("...-1"), because
// hashing every byte at start would make large folders slow to open.
#pragma once

#include "blobs.h"
#include "object_db.h"

#include <string>

namespace xbucket::local {

// Thread-safe.
class Importer {
  public:
    Importer(BlobStore& blobs, ObjectDb& db) : blobs_(blobs), db_(db) {}

    // All new and changed plain files of all buckets; objects whose files are gone are dropped.
    // Returns how many were taken.
    Result<uint64_t> scan();
    // The one file of that key: takes it, takes its new state, or drops the object whose file is
    // gone.
    Result<void> adopt(const BucketState& bucket, const std::string& key);

  private:
    struct File {
        std::string key;
        uint64_t size = 0;
        int64_t mtime_ns = 0;
    };
    // Taken before in this state (the object may have been deleted or written since).
    Result<bool> is_known(Connection& c, const BucketState& bucket, const File& file);
    Result<bool> take(ObjectDb::Transaction& t, const BucketState& bucket, const File& file);
    Result<void> forget(const BucketState& bucket, const std::string& key);
    Result<void> drop(ObjectDb::Transaction& t, const BucketState& bucket, const std::string& key);
    Result<void> forget_gone(const BucketState& bucket);
    Result<uint64_t> scan_bucket(const BucketState& bucket);

    BlobStore& blobs_;
    ObjectDb& db_;
};

}  // namespace xbucket::local
