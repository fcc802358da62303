// SPDX-FileCopyrightText: the xbucket authors
#include "directory_moves.h"

#include <algorithm>

namespace xbucket {

DirectoryMoves::Move::Move(DirectoryMoves& moves, const ObjectKey& from) : moves_(moves) {
    LockGuard lock(moves_.mutex_);
    prefix_ = moves_.moving_.insert(moves_.moving_.end(), from.str());
    while (moves_.is_changing_below(*prefix_)) moves_.wait();
}

DirectoryMoves::Move::~Move() {
    LockGuard lock(moves_.mutex_);
    moves_.moving_.erase(prefix_);
    moves_.ended_.notify_all();
}

DirectoryMoves::Change::Change(DirectoryMoves& moves, const InodePtr& inode)
    : moves_(moves), is_directory_(inode->type == NodeType::directory) {
    if (!is_directory_) return;
    LockGuard lock(moves_.mutex_);
    std::string key = inode->current_key().str();
    while (moves_.is_moving(key)) {
        moves_.wait();
        key = inode->current_key().str();
    }
    key_ = moves_.changing_.insert(std::move(key));
}

DirectoryMoves::Change::~Change() {
    if (!is_directory_) return;
    LockGuard lock(moves_.mutex_);
    moves_.changing_.erase(key_);
    moves_.ended_.notify_all();
}

size_t DirectoryMoves::waiting() const {
    LockGuard lock(mutex_);
    return waiting_;
}

void DirectoryMoves::wait() {
    ++waiting_;
    ended_.wait(mutex_);
    --waiting_;
}

bool DirectoryMoves::is_moving(const std::string& key) const {
    return std::any_of(moving_.begin(), moving_.end(),
                       [&](const std::string& prefix) { return key.starts_with(prefix); });
}

bool DirectoryMoves::is_changing_below(const std::string& prefix) const {
    const auto first = changing_.lower_bound(prefix);
    return first != changing_.end() && first->starts_with(prefix);
}

}  // namespace xbucket
