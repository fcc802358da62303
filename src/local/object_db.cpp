// SPDX-FileCopyrightText: the xbucket authors
#include "object_db.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <dirent.h>
#include <sys/stat.h>

namespace xbucket::local {

namespace {

// objects holds what is current, and so lists fast; versions holds older ones and delete markers.
#define XB_RECORD_COLUMNS                                                                    \
    "bucket, key, seq, version_id, marker, size, etag, mtime, kind, class, acl, crc, tags, " \
    "attributes, restore_ready, restore_until, restore_days, target, segments"

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS objects(
    bucket TEXT NOT NULL, key BLOB NOT NULL, seq INTEGER NOT NULL, version_id TEXT NOT NULL,
    marker INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, mtime INTEGER NOT NULL,
    kind INTEGER NOT NULL, class TEXT NOT NULL, acl TEXT NOT NULL, crc INTEGER, tags TEXT NOT NULL,
    attributes BLOB NOT NULL, restore_ready INTEGER NOT NULL, restore_until INTEGER NOT NULL,
    restore_days INTEGER NOT NULL, target BLOB NOT NULL, segments TEXT NOT NULL,
    PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions(
    bucket TEXT NOT NULL, key BLOB NOT NULL, seq INTEGER NOT NULL, version_id TEXT NOT NULL,
    marker INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, mtime INTEGER NOT NULL,
    kind INTEGER NOT NULL, class TEXT NOT NULL, acl TEXT NOT NULL, crc INTEGER, tags TEXT NOT NULL,
    attributes BLOB NOT NULL, restore_ready INTEGER NOT NULL, restore_until INTEGER NOT NULL,
    restore_days INTEGER NOT NULL, target BLOB NOT NULL, segments TEXT NOT NULL,
    PRIMARY KEY(bucket, key, seq DESC)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets(
    name TEXT PRIMARY KEY, created INTEGER NOT NULL, versioning TEXT NOT NULL, acl TEXT NOT NULL,
    tags TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads(
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, initiated INTEGER NOT NULL,
    class TEXT NOT NULL, acl TEXT NOT NULL, tags TEXT NOT NULL, attributes BLOB NOT NULL)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads(bucket, key, id);
CREATE TABLE IF NOT EXISTS parts(
    upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    crc INTEGER NOT NULL, mtime INTEGER NOT NULL, segments TEXT NOT NULL,
    PRIMARY KEY(upload, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imported(
    bucket TEXT NOT NULL, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    PRIMARY KEY(bucket, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS garbage(blob TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES('seq', 1);
PRAGMA user_version=1;
)";

constexpr size_t kIdleConnectionsMax = 32;

Result<std::optional<ObjectRecord>> one(Query& query) {
    if (!TRY(query.step())) return std::optional<ObjectRecord>();
    return std::optional<ObjectRecord>(record_from(query));
}

Result<void> write_record(Query& q, const ObjectRecord& r) {
    const std::string attributes = r.attributes.serialize();
    const std::string segments = serialize_segments(r.segments);
    q.text(r.bucket).bytes(r.key).number(r.seq).text(r.version_id).number(r.delete_marker ? 1 : 0);
    q.number(static_cast<int64_t>(r.size)).text(r.etag).number(r.mtime);
    q.number(static_cast<int64_t>(r.kind)).text(r.storage_class).text(r.acl);
    if (r.crc64) {
        q.number(static_cast<int64_t>(*r.crc64));
    } else {
        q.null();
    }
    q.text(r.tags).bytes(attributes).number(r.restore_ready).number(r.restore_until);
    q.number(r.restore_days).bytes(r.target).text(segments);
    return q.run();
}

}  // namespace

const char* const kRecordColumns = XB_RECORD_COLUMNS;

ObjectRecord record_from(const Query& row) {
    ObjectRecord r;
    r.bucket = row.string_at(0);
    r.key = row.string_at(1);
    r.seq = row.int_at(2);
    r.version_id = row.string_at(3);
    r.delete_marker = row.int_at(4) != 0;
    r.size = static_cast<uint64_t>(row.int_at(5));
    r.etag = row.string_at(6);
    r.mtime = row.int_at(7);
    r.kind = static_cast<ObjectKind>(row.int_at(8));
    r.storage_class = row.string_at(9);
    r.acl = row.string_at(10);
    if (!row.null_at(11)) r.crc64 = static_cast<uint64_t>(row.int_at(11));
    r.tags = row.string_at(12);
    r.attributes = Attributes::parse(row.bytes_at(13));
    r.restore_ready = row.int_at(14);
    r.restore_until = row.int_at(15);
    r.restore_days = static_cast<int>(row.int_at(16));
    r.target = row.string_at(17);
    r.segments = parse_segments(row.bytes_at(18));
    return r;
}

Result<std::optional<ObjectRecord>> find_current(Connection& c, std::string_view bucket,
                                                 std::string_view key) {
    Query q(c, "SELECT " XB_RECORD_COLUMNS " FROM objects WHERE bucket=? AND key=?");
    q.text(bucket).bytes(key);
    return one(q);
}

Result<std::optional<ObjectRecord>> find_version(Connection& c, std::string_view bucket,
                                                 std::string_view key, std::string_view version) {
    const std::string_view stored = version == "null" ? std::string_view() : version;
    auto current = TRY(find_current(c, bucket, key));
    if (current && current->version_id == stored) return current;
    Query q(c,
            "SELECT " XB_RECORD_COLUMNS " FROM versions WHERE bucket=? AND key=? AND version_id=?");
    q.text(bucket).bytes(key).text(stored);
    return one(q);
}

Result<std::optional<ObjectRecord>> find_newest_older(Connection& c, std::string_view bucket,
                                                      std::string_view key) {
    Query q(c, "SELECT " XB_RECORD_COLUMNS
               " FROM versions WHERE bucket=? AND key=? ORDER BY seq DESC LIMIT 1");
    q.text(bucket).bytes(key);
    return one(q);
}

Result<void> write_current(Connection& c, const ObjectRecord& record) {
    Query q(c, "INSERT OR REPLACE INTO objects(" XB_RECORD_COLUMNS
               ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    return write_record(q, record);
}

Result<void> write_older(Connection& c, const ObjectRecord& record) {
    Query q(c, "INSERT OR REPLACE INTO versions(" XB_RECORD_COLUMNS
               ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    return write_record(q, record);
}

Result<void> erase_current(Connection& c, std::string_view bucket, std::string_view key) {
    Query q(c, "DELETE FROM objects WHERE bucket=? AND key=?");
    q.text(bucket).bytes(key);
    return q.run();
}

Result<void> erase_older(Connection& c, const ObjectRecord& record) {
    Query q(c, "DELETE FROM versions WHERE bucket=? AND key=? AND seq=?");
    q.text(record.bucket).bytes(record.key).number(record.seq);
    return q.run();
}

std::string version_id_on_wire(const BucketState& bucket, const ObjectRecord& record) {
    if (!record.version_id.empty()) return record.version_id;
    return bucket.versioning.empty() ? "" : "null";
}

Result<std::unique_ptr<ObjectDb>> ObjectDb::open(const BlobStore& blobs, bool versioning_default) {
    std::unique_ptr<ObjectDb> db(new ObjectDb(blobs, versioning_default));
    db->writer_ = TRY(Connection::open(blobs.database_path(), sqlite::Survives::kill));
    TRY(db->make_schema());
    return db;
}

ObjectDb::~ObjectDb() = default;

Result<void> ObjectDb::make_schema() {
    Query version(*writer_, "PRAGMA user_version");
    if (TRY(version.step()) && version.int_at(0) == 1) return {};
    version.restart();
    TRY(writer_->execute("BEGIN IMMEDIATE"));
    auto made = writer_->execute(kSchema);
    if (!made) {
        (void)writer_->execute("ROLLBACK");
        return made;
    }
    return writer_->execute("COMMIT");
}

ObjectDb::Lease::~Lease() {
    if (!c_) return;
    LockGuard lock(db_->pool_mutex_);
    if (db_->idle_.size() < kIdleConnectionsMax) db_->idle_.push_back(std::move(c_));
}

Result<ObjectDb::Lease> ObjectDb::reader() {
    {
        LockGuard lock(pool_mutex_);
        if (!idle_.empty()) {
            auto connection = std::move(idle_.back());
            idle_.pop_back();
            return Lease(*this, std::move(connection));
        }
    }
    return Lease(*this, TRY(Connection::open(blobs_.database_path(), sqlite::Survives::kill)));
}

ObjectDb::Transaction::Transaction(ObjectDb& db) : db_(db) { db_.writer_mutex_.lock(); }

ObjectDb::Transaction::~Transaction() {
    if (open_) (void)db_.writer_->execute("ROLLBACK");
    db_.writer_mutex_.unlock();
}

Connection& ObjectDb::Transaction::operator*() const { return *db_.writer_; }

Result<std::unique_ptr<ObjectDb::Transaction>> ObjectDb::begin() {
    auto transaction = std::make_unique<Transaction>(*this);
    Query q(*writer_, "BEGIN IMMEDIATE");
    TRY(q.run());
    transaction->open_ = true;
    for (const auto& blob : unlinked_) {
        Query erase(*writer_, "DELETE FROM garbage WHERE blob=?");
        TRY(erase.text(blob).run());
    }
    return transaction;
}

Result<void> ObjectDb::Transaction::discard(const std::vector<Segment>& segments) {
    for (const auto& s : segments) {
        if (s.imported()) continue;
        Query q(*db_.writer_, "INSERT OR IGNORE INTO garbage(blob) VALUES(?)");
        TRY(q.text(s.blob).run());
        garbage_.push_back(s.blob);
    }
    return {};
}

Result<void> ObjectDb::Transaction::commit() {
    Query q(*db_.writer_, "COMMIT");
    TRY(q.run());
    open_ = false;
    // The next transaction drops the rows of what is unlinked here; until then they do no harm.
    db_.unlinked_ = std::move(garbage_);
    for (const auto& blob : db_.unlinked_) db_.blobs_.remove(blob);
    return {};
}

Result<int64_t> ObjectDb::Transaction::next_seq() {
    Query q(*db_.writer_, "UPDATE counters SET value=value+1 WHERE name='seq' RETURNING value");
    if (!TRY(q.step())) return fail(ErrorKind::internal, "the counter of versions is missing");
    const int64_t value = q.int_at(0);
    TRY(q.run());
    return value;
}

bool ObjectDb::bucket_exists(const std::string& name) const {
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos || name.size() > 255) {
        return false;
    }
    struct stat st {};
    return ::stat(blobs_.bucket_path(name).c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Result<std::optional<BucketState>> ObjectDb::bucket(Connection& c, const std::string& name) const {
    struct stat st {};
    if (!bucket_exists(name) || ::stat(blobs_.bucket_path(name).c_str(), &st) != 0) {
        return std::optional<BucketState>();
    }
    BucketState state;
    state.name = name;
    state.created = st.st_mtim.tv_sec;
    state.versioning = versioning_default_ ? "Enabled" : "";
    Query q(c, "SELECT created, versioning, acl, tags FROM buckets WHERE name=?");
    if (TRY(q.text(name).step())) {
        state.created = q.int_at(0);
        state.versioning = q.string_at(1);
        state.acl = q.string_at(2);
        state.tags = q.string_at(3);
    }
    return std::optional<BucketState>(std::move(state));
}

Result<void> ObjectDb::write_bucket(Connection& c, const BucketState& state) const {
    Query q(c,
            "INSERT OR REPLACE INTO buckets(name,created,versioning,acl,tags) "
            "VALUES(?,?,?,?,?)");
    return q.text(state.name)
        .number(state.created)
        .text(state.versioning)
        .text(state.acl)
        .text(state.tags)
        .run();
}

std::vector<std::string> ObjectDb::bucket_names() const {
    std::vector<std::string> names;
    DIR* dir = ::opendir(blobs_.directory().c_str());
    if (dir == nullptr) return names;
    while (const dirent* entry = ::readdir(dir)) {
        std::string name = entry->d_name;
        if (bucket_exists(name)) names.push_back(std::move(name));
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> ObjectDb::recover(BlobStore& blobs) {
    // Under the write lock: nobody is between publishing a blob and committing its row.
    auto transaction = TRY(begin());
    Connection& c = **transaction;
    TRY(blobs.recover([&c](std::set<std::string>& orphans) -> Result<void> {
        Query rows(c,
                   "SELECT segments FROM objects UNION ALL SELECT segments FROM versions "
                   "UNION ALL SELECT segments FROM parts");
        while (TRY(rows.step())) {
            for (const auto& s : parse_segments(rows.bytes_at(0))) orphans.erase(s.blob);
        }
        return {};
    }));
    Query q(c, "DELETE FROM garbage RETURNING blob");
    while (TRY(q.step())) blobs.remove(q.string_at(0));
    return transaction->commit();
}

}  // namespace xbucket::local
