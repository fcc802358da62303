// SPDX-FileCopyrightText: the xbucket authors
#include "pending_copies.h"

namespace xbucket {

void PendingCopies::add(const InodePtr& copy, const ObjectKey& source) {
    LockGuard lock(mutex_);
    copies_[copy].source = source;
}

void PendingCopies::forget(const InodePtr& copy) {
    LockGuard lock(mutex_);
    copies_.erase(copy);
}

std::vector<InodePtr> PendingCopies::of(const ObjectKey& source) const {
    LockGuard lock(mutex_);
    std::vector<InodePtr> all;
    for (const auto& [inode, copy] : copies_)
        if (copy.source == source) all.push_back(inode);
    return all;
}

std::vector<InodePtr> PendingCopies::take_up(const ObjectKey& source) {
    LockGuard lock(mutex_);
    std::vector<InodePtr> all;
    for (auto& [inode, copy] : copies_) {
        if (copy.source != source || copy.taken_up) continue;
        copy.taken_up = true;
        all.push_back(inode);
    }
    return all;
}

void PendingCopies::put_down(const InodePtr& copy) {
    LockGuard lock(mutex_);
    const auto found = copies_.find(copy);
    if (found != copies_.end()) found->second.taken_up = false;
}

}  // namespace xbucket
