// SPDX-FileCopyrightText: the xbucket authors
#include "journal.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/base/sync_directory.h"
#include "xbucket/meta/left_journals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace xbucket {

namespace {

using sqlite::Connection;
using sqlite::Query;
using sqlite::Survives;

// 1 had neither the source nor what a rename has moved.
constexpr int64_t kVersion = 2;
constexpr const char* kSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE mount(source BLOB NOT NULL);"
    "CREATE TABLE changes(key BLOB NOT NULL, name BLOB NOT NULL, value BLOB,"
    " replaces BLOB NOT NULL, etag BLOB NOT NULL, size INTEGER NOT NULL, time INTEGER NOT NULL,"
    " moved INTEGER NOT NULL, PRIMARY KEY(key, name)) WITHOUT ROWID;"
    "CREATE TABLE failures(id INTEGER PRIMARY KEY, key BLOB NOT NULL, name BLOB NOT NULL,"
    " value BLOB, reason BLOB NOT NULL, time INTEGER NOT NULL, reported INTEGER NOT NULL);"
    "PRAGMA user_version=2;";

Result<void> make_tables(Connection& connection, const std::string& source) {
    TRY(connection.execute(kSchema));
    {
        Query label(connection, "INSERT INTO mount(source) VALUES(?)");
        TRY(label.bytes(source).run());
    }
    return connection.execute("COMMIT");
}

// Values in one column: "-" for none, else the length in decimal, ":" and the bytes.
std::string pack_values(const std::vector<MaybeValue>& values) {
    std::string packed;
    for (const MaybeValue& value : values) {
        if (!value)
            packed += '-';
        else
            packed += fmt::format("{}:{}", value->size(), *value);
    }
    return packed;
}

std::optional<std::vector<MaybeValue>> unpack_values(std::string_view packed) {
    std::vector<MaybeValue> values;
    while (!packed.empty()) {
        if (packed.front() == '-') {
            values.emplace_back();
            packed.remove_prefix(1);
            continue;
        }
        const size_t colon = packed.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        const auto size = parse_u64(packed.substr(0, colon));
        packed.remove_prefix(colon + 1);
        if (!size || *size > packed.size()) return std::nullopt;
        values.emplace_back(std::string(packed.substr(0, *size)));
        packed.remove_prefix(*size);
    }
    return values;
}

void bind_value(Query& query, const MaybeValue& value) {
    if (value)
        query.bytes(*value);
    else
        query.null();
}

MaybeValue value_at(const Query& row, int column) {
    if (row.null_at(column)) return std::nullopt;
    return row.string_at(column);
}

Error damaged(const std::string& path, std::string_view what) {
    return fail(ErrorKind::io, fmt::format("the journal {} {}", path, what));
}

Result<void> read_changes(Connection& connection, const std::string& path, int64_t version,
                          PendingByKey& changes) {
    Query rows(connection,
               version == 1
                   ? "SELECT key, name, value, replaces, etag, size, time, 0 FROM changes"
                   : "SELECT key, name, value, replaces, etag, size, time, moved FROM changes");
    while (TRY(rows.step())) {
        PendingChange change;
        change.name = TRY(AttrName::parse(rows.bytes_at(1)));
        change.value = value_at(rows, 2);
        auto replaces = unpack_values(rows.bytes_at(3));
        if (!replaces || replaces->empty()) return damaged(path, "has a row that makes no sense");
        change.replaces = *std::move(replaces);
        change.etag = ETag(rows.string_at(4));
        change.size = static_cast<uint64_t>(rows.int_at(5));
        change.time = WallTime{std::chrono::nanoseconds(rows.int_at(6))};
        change.moved = rows.int_at(7) != 0;
        change.tried = true;  // for all that is known
        std::string name = change.name.full;
        changes[rows.string_at(0)].insert_or_assign(std::move(name), std::move(change));
    }
    return {};
}

Result<void> read_failures(Connection& connection, std::vector<PendingFailure>& failures) {
    Query rows(connection,
               "SELECT key, name, value, reason, time, reported FROM failures ORDER BY id");
    while (TRY(rows.step())) {
        PendingFailure failure;
        failure.key = ObjectKey(rows.string_at(0));
        failure.name = rows.string_at(1);
        failure.value = value_at(rows, 2);
        failure.reason = rows.string_at(3);
        failure.time = WallTime{std::chrono::nanoseconds(rows.int_at(4))};
        failure.reported = rows.int_at(5) != 0;
        failures.push_back(std::move(failure));
    }
    return {};
}

// 0: its mount died before there was anything in it.
Result<int64_t> version_of(Connection& connection, const std::string& path) {
    Query version(connection, "PRAGMA user_version");
    if (!TRY(version.step())) return damaged(path, "says nothing of its version");
    if (version.int_at(0) > kVersion)
        return damaged(path, "was written by a later version of xbucket; mount with that");
    return version.int_at(0);
}

Result<std::string> source_in(Connection& connection) {
    Query label(connection, "SELECT source FROM mount");
    if (!TRY(label.step())) return std::string();
    return label.string_at(0);
}

Result<void> count_rows(LeftJournal& journal) {
    auto connection = TRY(Connection::open_to_read(journal.file));
    const int64_t version = TRY(version_of(*connection, journal.file));
    if (version == 0) return {};
    if (version > 1) journal.source = TRY(source_in(*connection));
    Query rows(*connection,
               "SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM failures)");
    if (!TRY(rows.step())) return damaged(journal.file, "cannot be counted");
    journal.changes = static_cast<uint64_t>(rows.int_at(0));
    journal.failures = static_cast<uint64_t>(rows.int_at(1));
    return {};
}

// False: a mount that lives has it. left_journals() shares it for an instant.
bool take_lock(int fd) {
    constexpr int kTriesMax = 1000;
    for (int i = 0; i < kTriesMax; ++i) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
        if (flock(fd, LOCK_SH | LOCK_NB) != 0) return false;
        flock(fd, LOCK_UN);
        std::this_thread::yield();
    }
    return false;
}

// Whether a mount holds it, without keeping one that starts from taking it.
bool is_held(int fd) {
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) return true;
    flock(fd, LOCK_UN);
    return false;
}

Result<void> write_one(Connection& connection, const JournalEdit& edit) {
    for (const std::string& name : edit.erase) {
        Query erase(connection, "DELETE FROM changes WHERE key=? AND name=?");
        TRY(erase.bytes(edit.key.str()).bytes(name).run());
    }
    for (const PendingChange& change : edit.put) {
        const std::string replaces = pack_values(change.replaces);
        Query put(connection,
                  "INSERT OR REPLACE INTO changes(key, name, value, replaces, etag, size, time,"
                  " moved) VALUES(?,?,?,?,?,?,?,?)");
        put.bytes(edit.key.str()).bytes(change.name.full);
        bind_value(put, change.value);
        put.bytes(replaces).bytes(change.etag.str());
        put.number(static_cast<int64_t>(change.size)).number(change.time.since_epoch.count());
        TRY(put.number(change.moved ? 1 : 0).run());
    }
    for (const PendingFailure& failure : edit.failures) {
        Query put(connection,
                  "INSERT OR REPLACE INTO failures(id, key, name, value, reason, time, reported)"
                  " VALUES(?,?,?,?,?,?,?)");
        put.number(failure.id).bytes(failure.key.str()).bytes(failure.name);
        bind_value(put, failure.value);
        put.bytes(failure.reason).number(failure.time.since_epoch.count());
        TRY(put.number(failure.reported ? 1 : 0).run());
    }
    return {};
}

// False: it was there.
Result<bool> make_directory(const std::string& directory) {
    if (mkdir(directory.c_str(), 0700) == 0) return true;
    if (errno == EEXIST) return false;
    return fail(ErrorKind::io,
                fmt::format("the journal's directory {} cannot be made: {}; --spool chooses "
                            "another place",
                            directory, std::strerror(errno)));
}

void sync_or_log(const std::string& directory) {
    const Result<void> synced = sync_directory(directory);
    if (!synced) log_warning("meta", "{}", synced.error().message);
}

// Whether it is there and nobody else's.
bool is_ours(const FileDescriptor& locked) {
    struct stat st {};
    return fstat(locked.get(), &st) == 0 && st.st_nlink != 0;
}

// A mount that starts at the same moment may take a new file for one that was left behind, before
// it is locked here: then it is that one's to delete, and another is made.
Result<JournalLock> make_lock(const std::string& directory) {
    constexpr size_t kNameBytes = 8;
    constexpr int kAttempts = 100;
    std::string path;
    for (int i = 0; i < kAttempts; ++i) {
        std::string base = fmt::format("{}/{}", directory, hex_encode(random_bytes(kNameBytes)));
        path = base + ".lock";
        FileDescriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!fd.is_open()) break;
        const bool locked = take_lock(fd.get());
        if (locked && is_ours(fd)) return JournalLock(std::move(base), std::move(fd));
        if (!locked && errno != EWOULDBLOCK) break;
    }
    return fail(ErrorKind::io,
                fmt::format("the journal {} cannot be made: {}; --spool chooses another place",
                            path, std::strerror(errno)));
}

}  // namespace

void JournalLock::remove_files(Survives survives) const {
    for (const char* ending : {".db", ".db-wal", ".db-shm", ".lock"})
        unlink((base_ + ending).c_str());
    if (survives == Survives::power_loss)
        sync_or_log(std::filesystem::path(base_).parent_path().string());
}

Result<JournalContents> read_journal(const JournalLock& locked) {
    JournalContents contents;
    const std::string path = locked.database();
    auto connection = TRY(Connection::open(path, Survives::kill));
    const int64_t version = TRY(version_of(*connection, path));
    if (version == 0) return contents;
    TRY(read_changes(*connection, path, version, contents.changes));
    TRY(read_failures(*connection, contents.failures));
    return contents;
}

std::vector<JournalLock> lock_orphans(const std::string& directory) {
    namespace stdfs = std::filesystem;
    std::vector<JournalLock> locks;
    std::error_code error;
    for (stdfs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        const stdfs::path& path = it->path();
        if (path.extension() != ".lock") continue;
        FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
        if (!fd.is_open() || !take_lock(fd.get())) continue;
        // Between open and lock its owner may have ended in order and deleted it.
        if (!is_ours(fd)) continue;
        locks.emplace_back((path.parent_path() / path.stem()).string(), std::move(fd));
    }
    return locks;
}

namespace {

// Where a mount holds it, or there is nothing in it: nullopt.
std::optional<LeftJournal> look_at(const std::filesystem::path& lock) {
    LeftJournal one;
    one.file = (lock.parent_path() / lock.stem()).string() + ".db";
    const FileDescriptor fd(open(lock.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.is_open() && errno == ENOENT) return std::nullopt;
    if (!fd.is_open()) {
        one.unreadable = fmt::format("{}: {}", lock.string(), std::strerror(errno));
        return one;
    }
    std::error_code ignored;
    if (is_held(fd.get()) || !std::filesystem::exists(one.file, ignored)) return std::nullopt;
    const Result<void> counted = count_rows(one);
    // Taken over in this moment.
    if (!counted && !std::filesystem::exists(lock, ignored)) return std::nullopt;
    if (!counted) one.unreadable = counted.error().message;
    if (one.changes + one.failures == 0 && counted) return std::nullopt;
    return one;
}

}  // namespace

std::vector<LeftJournal> left_journals(const std::string& directory) {
    namespace stdfs = std::filesystem;
    std::vector<LeftJournal> left;
    std::error_code error;
    for (stdfs::recursive_directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        if (it.depth() == 1) it.disable_recursion_pending();
        if (it->path().extension() != ".lock") continue;
        if (auto one = look_at(it->path())) left.push_back(*std::move(one));
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        LeftJournal all;
        all.file = directory;
        all.unreadable = error.message();
        left.push_back(std::move(all));
    }
    std::sort(left.begin(), left.end(),
              [](const LeftJournal& a, const LeftJournal& b) { return a.file < b.file; });
    return left;
}

Result<std::unique_ptr<Journal>> Journal::open(const std::string& directory, Survives survives,
                                               const std::string& source) {
    const std::string above = std::filesystem::path(directory).parent_path().string();
    const bool made_above = TRY(make_directory(above));
    TRY(make_directory(directory));
    JournalLock lock = TRY(make_lock(directory));
    auto connection = TRY(Connection::open(lock.database(), survives));
    TRY(make_tables(*connection, source));
    if (survives == Survives::power_loss) {
        sync_or_log(directory);
        sync_or_log(above);
        if (made_above) sync_or_log(above + "/..");
    }
    return std::unique_ptr<Journal>(new Journal(std::move(lock), std::move(connection), survives));
}

template <class Body>
Result<void> Journal::transaction(Survives survives, Body body) {
    LockGuard lock(mutex_);
    if (!connection_) return fail(ErrorKind::cancelled, "the journal is closed");
    TRY(connection_->sync_commits(survives));
    TRY(connection_->execute("BEGIN IMMEDIATE"));
    Result<void> done = body(*connection_);
    if (done) done = connection_->execute("COMMIT");
    if (!done) static_cast<void>(connection_->execute("ROLLBACK").has_value());
    // Whoever waits for the disk waits for what was written before as well.
    if (done && survives != survives_) unsynced_.store(true, std::memory_order_release);
    if (done && survives == survives_ && connection_->changes() != 0)
        unsynced_.store(false, std::memory_order_release);
    return done;
}

Result<void> Journal::write(const std::vector<JournalEdit>& edits) {
    const bool only_leaves = std::all_of(edits.begin(), edits.end(), [](const JournalEdit& edit) {
        return edit.put.empty() && edit.failures.empty();
    });
    return transaction(only_leaves ? Survives::kill : survives_,
                       [&](Connection& connection) -> Result<void> {
                           for (const JournalEdit& edit : edits) TRY(write_one(connection, edit));
                           return {};
                       });
}

Result<void> Journal::sync() {
    LockGuard lock(mutex_);
    if (!connection_ || !unsynced_.load(std::memory_order_acquire)) return {};
    TRY(connection_->sync_log());
    unsynced_.store(false, std::memory_order_release);
    return {};
}

Result<void> Journal::mark_reported(const std::vector<int64_t>& failures) {
    return transaction(Survives::kill, [&](Connection& connection) -> Result<void> {
        for (const int64_t id : failures) {
            Query mark(connection, "UPDATE failures SET reported=1 WHERE id=?");
            TRY(mark.number(id).run());
        }
        return {};
    });
}

Result<void> Journal::move_failures(const std::vector<int64_t>& failures, const ObjectKey& to) {
    return transaction(Survives::kill, [&](Connection& connection) -> Result<void> {
        for (const int64_t id : failures) {
            Query move(connection, "UPDATE failures SET key=? WHERE id=?");
            TRY(move.bytes(to.str()).number(id).run());
        }
        return {};
    });
}

Result<void> Journal::forget_failures(const std::vector<int64_t>& failures) {
    return transaction(survives_, [&](Connection& connection) -> Result<void> {
        for (const int64_t id : failures) {
            Query erase(connection, "DELETE FROM failures WHERE id=?");
            TRY(erase.number(id).run());
        }
        return {};
    });
}

void Journal::close_if_empty() {
    LockGuard lock(mutex_);
    if (!connection_) return;
    {
        Query rows(*connection_,
                   "SELECT EXISTS(SELECT 1 FROM changes) OR EXISTS(SELECT 1 FROM failures)");
        const auto row = rows.step();
        if (!row || !*row || rows.int_at(0) != 0) return;
    }
    connection_.reset();
    lock_.remove_files(survives_);
}

}  // namespace xbucket
