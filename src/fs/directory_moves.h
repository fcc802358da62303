// SPDX-FileCopyrightText: the xbucket authors
// Keeps changes of directories apart from the renames of what they lie in. A directory has its old
// key until everything below it has moved: a change that went to that key meanwhile would make the
// directory there again, and the one that moved would be without it.
#pragma once

#include "inode.h"

#include "xbucket/base/sync.h"

#include <list>
#include <set>
#include <string>

namespace xbucket {

// Thread-safe. Neither Move nor Change is made with an inode's lock held.
class DirectoryMoves {
  public:
    // While it lives, changes of `from` and of directories below it wait. Blocks until those that
    // are under way have ended.
    class Move {
      public:
        Move(DirectoryMoves& moves, const ObjectKey& from);
        ~Move();
        Move(const Move&) = delete;
        Move& operator=(const Move&) = delete;

      private:
        DirectoryMoves& moves_;
        std::list<std::string>::iterator prefix_;
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

    // Changes and moves that wait for one another now.
    size_t waiting() const EXCLUDES(mutex_);

  private:
    bool is_moving(const std::string& key) const REQUIRES(mutex_);
    bool is_changing_below(const std::string& prefix) const REQUIRES(mutex_);

    void wait() REQUIRES(mutex_);

    mutable Mutex mutex_;
    CondVar ended_;
    size_t waiting_ GUARDED_BY(mutex_) = 0;
    std::list<std::string> moving_ GUARDED_BY(mutex_);
    std::multiset<std::string> changing_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
