// SPDX-FileCopyrightText: the xbucket authors
// What the parts of the file system share. Each part (Names, Files, Directories, ...) holds a
// Core& and does one kind of operation; FileSystemImpl only hands calls on.
#pragma once

#include "directory_moves.h"
#include "inode_table.h"
#include "listing_cache.h"
#include "lookup_ahead.h"
#include "missing_names.h"
#include "pending_copies.h"
#include "walk_ahead.h"

#include "xbucket/base/parallel.h"
#include "xbucket/data/reading.h"
#include "xbucket/data/spool.h"
#include "xbucket/data/uploads.h"
#include "xbucket/fs/filesystem.h"

#include <atomic>
#include <memory>
#include <string>

namespace xbucket {

class Directories;

// Requests of one operation that run at the same time (directory renames, stats of a page).
inline constexpr size_t kParallelRequests = 16;

struct Core {
    Core(const FsConfig& fs_config, MetaEngine& meta_engine, ObjectStore& object_store,
         Clock& the_clock, std::unique_ptr<SpoolSpace> spool_space);

    const FsConfig config;
    MetaEngine& meta;
    ObjectStore& store;
    Clock& clock;
    const std::unique_ptr<SpoolSpace> spool;  // none on a read-only mount
    const std::unique_ptr<Reading> reading;
    const std::unique_ptr<Uploads> uploads;  // none on a read-only mount
    InodeTable table;
    DirectoryMoves moves;
    ListingCache listings;
    WalkAhead walks;
    LookupAhead lookups;
    MissingNames missing;
    PendingCopies copies;
    std::atomic<KernelNotifier*> notifier{nullptr};
    std::atomic<size_t> files_dirty{0};  // written and not uploaded; Content's
    std::atomic<size_t> files_kept{0};   // given up, and in the recovery folder if that had room
    Directories* directories = nullptr;  // set once, before use
    WorkerPool helpers;                  // last: its jobs use what stands above

    // Errors: stale.
    Result<InodePtr> inode(InodeNumber ino) const;
    // Errors: stale, not_directory.
    Result<InodePtr> directory(InodeNumber ino) const;
    // Errors: read_only.
    Result<void> check_writable() const;
    // What a stat must know for this mount: stat=meta wants attributes too.
    Freshness freshness() const;
    TimePoint entry_expiry() const { return clock.now() + config.entry_life; }

    // Takes over what is known of an inode's object; local content is not touched by it. Tells the
    // kernel when pages that it keeps became worthless.
    void show(const InodePtr& inode, const ObjectStat& stat);
    // Whether it tells enough for this mount: with stat=meta, what a listing knows is enough only
    // of a native link that is shown already, whose HEAD it never agrees with.
    bool may_show(const InodePtr& inode, const ObjectStat& stat) const;
    void show_implicit(const InodePtr& inode);
    // Meta has learnt something of a key that the kernel may know.
    void hear(const ObjectKey& key, const ObjectStat& stat);
    // Waits until no change of ours of an object is under way: it may give the object another ETag,
    // and tells so before its end. Not with a turn held.
    void wait_for_changes(const ObjectKey& key) { meta.order().acquire(key); }
    // The inode of an object that is no directory, showing `stat`; counts one lookup.
    InodePtr look_up_file(const ObjectKey& key, const ObjectStat& stat);
    Entry entry_of(const InodePtr& inode) const;
    Attr attr_of(const InodePtr& inode) const;

    // user.xbucket.stats: a JSON object; never blocks.
    std::string stats_json() const;

    // A name came or went by our own doing: listings and open directories hear of it.
    void note_created(const ObjectKey& key);
    void note_removed(const ObjectKey& key);
    // Whether the service has an object of this key. Errors: already_exists, the store's.
    Result<void> check_free(const ObjectKey& key);
    // The service has just told that an inode's object is not there: the name goes, and the inode
    // stays with who has it open. Not with a turn held.
    void drop_gone(const InodePtr& inode, const ObjectKey& key);
    // The kernel's idea of this name is wrong.
    void invalidate_name(const ObjectKey& key);
    void invalidate_entry(InodeNumber parent, std::string_view name);
    bool invalidate_inode(const InodePtr& inode, bool data_too);
    // See KernelNotifier::wait_until_told(). True without a kernel.
    bool wait_until_kernel_knows(Duration at_most);

  private:
    void rename_copied(const ObjectKey& source, const ObjectStat& stat);
};

}  // namespace xbucket
