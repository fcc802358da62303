// SPDX-FileCopyrightText: the xbucket authors
// The database: connections for readers, one writer at a time, and the rows behind objects and
// buckets. Several processes may have it open: every condition that a change depends on is read
// inside the same transaction (BEGIN IMMEDIATE), and nothing is cached between requests.
#pragma once

#include "blobs.h"
#include "object_record.h"

#include "xbucket/base/sqlite.h"
#include "xbucket/base/sync.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xbucket::local {

using sqlite::Connection;
using sqlite::Query;

struct BucketState {
    std::string name;
    int64_t created = 0;
    std::string versioning;  // "", "Enabled", "Suspended"
    std::string acl;         // "" = private
    std::string tags;        // S3 bucket tagging, url-encoded
};

// What x-oss-version-id says of a version; "" where the bucket never had versioning.
std::string version_id_on_wire(const BucketState& bucket, const ObjectRecord& record);

// Rows of objects. All read in whatever transaction the connection is in.
Result<std::optional<ObjectRecord>> find_current(Connection& c, std::string_view bucket,
                                                 std::string_view key);
// Current or older; "null" names the version made while versioning was off or suspended.
Result<std::optional<ObjectRecord>> find_version(Connection& c, std::string_view bucket,
                                                 std::string_view key, std::string_view version);
// The newest that is not current: another version or a delete marker.
Result<std::optional<ObjectRecord>> find_newest_older(Connection& c, std::string_view bucket,
                                                      std::string_view key);
Result<void> write_current(Connection& c, const ObjectRecord& record);  // insert or replace
Result<void> write_older(Connection& c, const ObjectRecord& record);
Result<void> erase_current(Connection& c, std::string_view bucket, std::string_view key);
Result<void> erase_older(Connection& c, const ObjectRecord& record);
// Reads one row of the columns in kRecordColumns.
ObjectRecord record_from(const Query& row);
extern const char* const kRecordColumns;

class ObjectDb {
  public:
    static Result<std::unique_ptr<ObjectDb>> open(const BlobStore& blobs, bool versioning_default);
    ~ObjectDb();

    // A connection for reading, given back with the lease.
    class Lease {
      public:
        Lease(ObjectDb& db, std::unique_ptr<Connection> c) : db_(&db), c_(std::move(c)) {}
        Lease(Lease&&) = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        Connection& operator*() const { return *c_; }

      private:
        ObjectDb* db_;
        std::unique_ptr<Connection> c_;
    };
    Result<Lease> reader() EXCLUDES(pool_mutex_);

    // The write transaction; rolled back with the object unless committed. Holds this process's
    // writer lock: no network or long file work while one is open.
    class Transaction {
      public:
        // The lock's scope is the object's life, which the analysis cannot follow.
        explicit Transaction(ObjectDb& db) NO_THREAD_SAFETY_ANALYSIS;
        ~Transaction() NO_THREAD_SAFETY_ANALYSIS;
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;
        Connection& operator*() const;
        // These bytes are no longer referenced once this commits.
        Result<void> discard(const std::vector<Segment>& segments);
        Result<void> commit();
        // Next number in the order of versions and uploads.
        Result<int64_t> next_seq();

      private:
        friend class ObjectDb;
        ObjectDb& db_;
        std::vector<std::string> garbage_;
        bool open_ = false;
    };
    Result<std::unique_ptr<Transaction>> begin();

    // Buckets are folders; their settings are rows.
    bool bucket_exists(const std::string& name) const;
    Result<std::optional<BucketState>> bucket(Connection& c, const std::string& name) const;
    Result<void> write_bucket(Connection& c, const BucketState& state) const;
    std::vector<std::string> bucket_names() const;

    // Removes what killed servers left: unreferenced blobs and rows of garbage.
    Result<void> recover(BlobStore& blobs);

  private:
    ObjectDb(const BlobStore& blobs, bool versioning_default)
        : blobs_(blobs), versioning_default_(versioning_default) {}
    Result<void> make_schema();

    const BlobStore& blobs_;
    const bool versioning_default_;
    Mutex pool_mutex_;
    std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(pool_mutex_);
    // Held from begin() to the end of the Transaction; with it the three below.
    Mutex writer_mutex_;
    std::unique_ptr<Connection> writer_;
    std::vector<std::string> unlinked_;  // garbage rows whose files are gone
};

}  // namespace xbucket::local
