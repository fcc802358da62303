// SPDX-FileCopyrightText: the xbucket authors
// Keeps what is done in a directory apart from the renames of what it lies in. A directory has its
// old key until everything below it has moved. A change of a directory that went to that key
// meanwhile would make the directory there again, and the one that moved would be without it. What
// arrives in it moves along; behind the last look at what is there it would stay behind.
#pragma once

#include "inode.h"

#include "xbucket/base/sync.h"

#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xbucket {

// Thread-safe. Nothing of it is made with an inode's lock or a key's turn held: who waits here
// waits for those that need both.
class DirectoryMoves {
  private:
    struct Moving {
        std::string prefix;
        enum class Stage { open, held_back, closed } stage = Stage::open;
        bool came = false;  // something urgent, although arrivals were held back
    };

  public:
    // While it lives, changes of `from` and of directories below it wait. Blocks until those that
    // are under way have ended.
    class Move {
      public:
        Move(DirectoryMoves& moves, const ObjectKey& from);
        ~Move();
        Move(const Move&) = delete;
        Move& operator=(const Move&) = delete;

        // From now on arrivals wait, except for urgent ones. Blocks until those that are under way
        // have ended: then a listing finds them.
        void hold_back();
        // Now urgent ones wait, too: what was listed since hold_back() is all there is. False where
        // one came meanwhile: hold back and list again.
        bool close();

      private:
        DirectoryMoves& moves_;
        std::list<Moving>::iterator moving_;
    };

    // While it lives, the directory keeps its key. Blocks while it moves. Of a file: nothing.
    class Change {
      public:
        Change(DirectoryMoves& moves, const InodePtr& inode);
        ~Change();
        Change(const Change&) = delete;
        Change& operator=(const Change&) = delete;

      private:
        DirectoryMoves& moves_;
        const bool is_directory_;
        std::multiset<std::string>::iterator key_;
    };

    // Urgent is what a move itself may wait for: it is not held back, and listed once more.
    enum class Haste { none, urgent };

    // Something that makes an object or a name: of a file, or anything in a directory. While it
    // lives, a directory keeps its key, and no move of what lies above ends. Blocks while such a
    // move is about to end: read keys after it is made.
    class Arrival {
      public:
        Arrival(DirectoryMoves& moves, const InodePtr& at, Haste haste = Haste::none);
        // In either of two directories. At once: whoever held one and waited for the other might
        // wait for ever.
        Arrival(DirectoryMoves& moves, const InodePtr& one, const InodePtr& other);
        ~Arrival();
        Arrival(const Arrival&) = delete;
        Arrival& operator=(const Arrival&) = delete;

      private:
        void begin(const std::vector<InodePtr>& places, Haste haste);

        DirectoryMoves& moves_;
        std::vector<std::multiset<std::string>::iterator> keys_;
    };

    // A move that ended half way may go on, into a directory that is not empty any more.
    struct BrokenOff {
        ObjectKey to;
        bool marker_moved = false;  // what the directory itself has is at its new name
    };
    void note_broken_off(const ObjectKey& from, BrokenOff move);
    std::optional<BrokenOff> broken_off(const ObjectKey& from, const ObjectKey& to) const;
    // Another directory has come to, or left, this key: what was broken off there is no more.
    void forget_broken_off(const ObjectKey& directory);

    // Changes, arrivals and moves that wait for one another now.
    size_t waiting() const EXCLUDES(mutex_);

  private:
    using Keys = std::multiset<std::string>;

    bool is_moving(const std::string& key) const REQUIRES(mutex_);
    bool is_held_back(const std::string& key, Haste haste) const REQUIRES(mutex_);
    static bool is_any_below(const Keys& keys, const std::string& prefix);

    void wait() REQUIRES(mutex_);

    mutable Mutex mutex_;  // before Inode::mutex
    CondVar ended_;
    size_t waiting_ GUARDED_BY(mutex_) = 0;
    std::list<Moving> moving_ GUARDED_BY(mutex_);
    Keys changing_ GUARDED_BY(mutex_);
    Keys arriving_ GUARDED_BY(mutex_);
    std::map<ObjectKey, BrokenOff> broken_off_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
