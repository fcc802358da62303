// SPDX-FileCopyrightText: the xbucket authors
// Which inode stands for which key. Numbers come from a hash of the key, so that a key has the
// same number in every mount; where the number is taken (a renamed or unlinked file still has it)
// the next free one serves until the inode is forgotten.
#pragma once

#include "inode.h"

#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe. Takes inode mutexes while holding its own; see inode.h for the lock order.
class InodeTable {
  public:
    InodeTable();

    InodePtr root() const { return root_; }
    // Null when the kernel's number means nothing (any more).
    InodePtr find(InodeNumber ino) const EXCLUDES(mutex_);
    InodePtr find_key(const ObjectKey& key) const EXCLUDES(mutex_);
    // The inode of a key, made where there is none. One of another type gives way, unless its
    // content here is what counts. Counts one lookup.
    InodePtr look_up(const ObjectKey& key, NodeType type) EXCLUDES(mutex_);
    // A new inode for a file that is not in the bucket; whatever had the key is removed. Counts
    // one lookup.
    InodePtr create_local(const ObjectKey& key) EXCLUDES(mutex_);
    void forget(InodeNumber ino, uint64_t lookups) EXCLUDES(mutex_);

    // A pinned inode stays although the kernel forgot it; so does one that is not in the bucket.
    void pin(const InodePtr& inode) EXCLUDES(mutex_);
    void unpin(const InodePtr& inode) EXCLUDES(mutex_);

    // The key leads nowhere from now on; the inode lives as long as somebody uses it.
    void remove(const InodePtr& inode) EXCLUDES(mutex_);
    // The same for one whose object somebody else deleted. False where the content here is what
    // counts: it goes up and makes the object again.
    bool remove_gone(const InodePtr& inode) EXCLUDES(mutex_);
    // The inode gets another key; what had that key is removed.
    void move(const InodePtr& inode, const ObjectKey& to) EXCLUDES(mutex_);
    // The same for all inodes below directory `from`.
    void move_below(const ObjectKey& from, const ObjectKey& to) EXCLUDES(mutex_);
    // The file is in the bucket now.
    void settle(const InodePtr& inode) EXCLUDES(mutex_);

    // Live inodes whose keys start with `prefix`.
    std::vector<InodePtr> below(const std::string& prefix) const EXCLUDES(mutex_);
    // Keys of files that are not in the bucket yet: directly in a directory, or anywhere below.
    std::vector<ObjectKey> local_in(const ObjectKey& directory) const EXCLUDES(mutex_);
    std::vector<ObjectKey> local_below(const std::string& prefix) const EXCLUDES(mutex_);

    // The number that look_up() would give.
    InodeNumber number_for(const ObjectKey& key) const EXCLUDES(mutex_);
    size_t size() const EXCLUDES(mutex_);
    // Up to `count` keys of inodes that could be forgotten, going round the table.
    std::vector<ObjectKey> candidates(size_t count) EXCLUDES(mutex_);

  private:
    struct Slot {
        InodePtr inode;
        std::string key;  // by_key_ goes by it
        uint64_t lookups = 0;
        uint64_t pins = 0;
        bool removed = false;
        bool local = false;
    };
    // Slots by their keys, which so are kept once: millions of files may be known.
    struct ByKey {
        using is_transparent = void;
        static std::string_view key_of(const Slot* slot) { return slot->key; }
        static std::string_view key_of(std::string_view key) { return key; }
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return key_of(a) < key_of(b);
        }
    };
    Slot& add(const ObjectKey& key, NodeType type) REQUIRES(mutex_);
    uint64_t free_number(const ObjectKey& key) const REQUIRES(mutex_);
    // Null where there is none.
    Slot* slot_of(std::string_view key) const REQUIRES(mutex_);
    void detach(Slot& slot) REQUIRES(mutex_);
    void attach(Slot& slot, const ObjectKey& key) REQUIRES(mutex_);
    void remove_key(const std::string& key) REQUIRES(mutex_);
    // False where the content here is what counts; else the inode is removed.
    bool gives_way(const Slot& slot) REQUIRES(mutex_);
    void erase_if_unused(uint64_t number) REQUIRES(mutex_);

    const InodePtr root_;
    mutable Mutex mutex_;
    std::unordered_map<uint64_t, Slot> slots_ GUARDED_BY(mutex_);
    std::set<Slot*, ByKey> by_key_ GUARDED_BY(mutex_);  // all but those that were removed
    std::set<std::string, std::less<>> local_ GUARDED_BY(mutex_);
    std::string candidates_after_ GUARDED_BY(mutex_);
};

// Hash of a key, never 0 (none), 1 (the root) or beyond a signed 64-bit number.
uint64_t inode_number_of(std::string_view key);

// Keeps an inode in the table for a scope or longer.
class Pin {
  public:
    Pin() = default;
    Pin(InodeTable& table, InodePtr inode) : table_(&table), inode_(std::move(inode)) {
        table_->pin(inode_);
    }
    Pin(Pin&& other) noexcept : table_(other.table_), inode_(std::move(other.inode_)) {
        other.inode_ = nullptr;
    }
    Pin& operator=(Pin&& other) noexcept {
        std::swap(table_, other.table_);
        std::swap(inode_, other.inode_);
        return *this;
    }
    ~Pin() {
        if (inode_) table_->unpin(inode_);
    }

  private:
    InodeTable* table_ = nullptr;
    InodePtr inode_;
};

}  // namespace xbucket
