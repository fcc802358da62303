// SPDX-FileCopyrightText: the xbucket authors
// The file behind write-behind (DESIGN 3.11): changes that setxattr has acknowledged and the
// service has not, and those that could not be sent. SQLite; one file a mount, in a directory that
// all mounts of the source on this machine share. Each file has a lock beside it that its mount
// holds for life and the kernel takes away from the dead: whoever can take it may replay what the
// file says, and nobody replays the journal of a mount that lives.
#pragma once

#include "pending_change.h"

#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/sqlite.h"
#include "xbucket/base/sync.h"
#include "xbucket/store/object_types.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xbucket {

// A change that will not be sent. Kept until somebody clears the list.
struct PendingFailure {
    int64_t id = 0;
    ObjectKey key;
    std::string name;
    MaybeValue value;
    std::string reason;
    WallTime time;
    bool reported = false;  // by an fsync or close
};

// Changes by key, and by name below it.
using PendingByName = std::map<std::string, PendingChange, std::less<>>;
using PendingByKey = std::map<std::string, PendingByName, std::less<>>;

struct JournalContents {
    PendingByKey changes;
    std::vector<PendingFailure> failures;
};

// What one transaction does to one key: names leave, others come or are replaced.
struct JournalEdit {
    ObjectKey key;
    std::vector<std::string> erase;
    std::vector<PendingChange> put;
    std::vector<PendingFailure> failures;
    bool empty() const { return erase.empty() && put.empty() && failures.empty(); }
};

// The lock of one journal file. Movable.
class JournalLock {
  public:
    JournalLock(std::string base, FileDescriptor fd) : base_(std::move(base)), fd_(std::move(fd)) {}

    std::string database() const { return base_ + ".db"; }
    // Deletes the journal, its lock last; for good, where it is to survive a power loss.
    void remove_files(sqlite::Survives survives) const;

  private:
    std::string base_;
    FileDescriptor fd_;
};

// Journals of mounts that are no more, locked.
std::vector<JournalLock> lock_orphans(const std::string& directory);
// What one of them says. Blocks on the disk. Errors: io.
Result<JournalContents> read_journal(const JournalLock& locked);

// Thread-safe; blocks on the disk.
class Journal {
  public:
    // A new file in `directory`, which is made (mode 0700) where it is not there, and so is the one
    // above it. `source`: for a person who finds it. Errors: io.
    static Result<std::unique_ptr<Journal>> open(const std::string& directory,
                                                 sqlite::Survives survives,
                                                 const std::string& source);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    // All or nothing. When it returns, what is put has reached what `survives` asks for; what only
    // leaves has when sync() or another put returns. Errors: io.
    Result<void> write(const std::vector<JournalEdit>& edits) EXCLUDES(mutex_);
    // Whether there is anything for sync() to do. Cheap.
    bool is_unsynced() const { return unsynced_.load(std::memory_order_acquire); }
    Result<void> sync() EXCLUDES(mutex_);
    Result<void> mark_reported(const std::vector<int64_t>& failures) EXCLUDES(mutex_);
    Result<void> move_failures(const std::vector<int64_t>& failures, const ObjectKey& to)
        EXCLUDES(mutex_);
    Result<void> forget_failures(const std::vector<int64_t>& failures) EXCLUDES(mutex_);

    // Ends it and deletes the file, where nothing is left in it.
    void close_if_empty() EXCLUDES(mutex_);

  private:
    Journal(JournalLock lock, std::unique_ptr<sqlite::Connection> connection,
            sqlite::Survives survives)
        : lock_(std::move(lock)), survives_(survives), connection_(std::move(connection)) {}
    template <class Body>
    Result<void> transaction(sqlite::Survives survives, Body body) EXCLUDES(mutex_);

    const JournalLock lock_;
    const sqlite::Survives survives_;
    std::atomic<bool> unsynced_{false};
    Mutex mutex_;
    std::unique_ptr<sqlite::Connection> connection_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
