// SPDX-FileCopyrightText: the xbucket authors
// Files that are copies of an object and have not gone up (copy_file_range): the service copies
// them when they do, so that whoever changes or deletes the object must know of them.
#pragma once

#include "inode.h"

#include "xbucket/base/sync.h"

#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe; nothing is called with its mutex held, which is after Inode::mutex.
class PendingCopies {
  public:
    // One file is a copy of one object: the one that was added last.
    void add(const InodePtr& copy, const ObjectKey& source) EXCLUDES(mutex_);
    // It went up, was given up, or has other content.
    void forget(const InodePtr& copy) EXCLUDES(mutex_);
    std::vector<InodePtr> of(const ObjectKey& source) const EXCLUDES(mutex_);
    // Those that nobody else sees to: the caller does, until he puts them down.
    std::vector<InodePtr> take_up(const ObjectKey& source) EXCLUDES(mutex_);
    void put_down(const InodePtr& copy) EXCLUDES(mutex_);

  private:
    struct Copy {
        ObjectKey source;
        bool taken_up = false;
    };
    mutable Mutex mutex_;
    // Few: those of files that are open.
    std::unordered_map<InodePtr, Copy> copies_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
