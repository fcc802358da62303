// SPDX-FileCopyrightText: the xbucket authors
#include "directory_moves.h"

#include <algorithm>

namespace xbucket {

DirectoryMoves::Move::Move(DirectoryMoves& moves, const ObjectKey& from) : moves_(moves) {
    LockGuard lock(moves_.mutex_);
    Moving moving;
    moving.prefix = from.str();
    moving_ = moves_.moving_.insert(moves_.moving_.end(), std::move(moving));
    while (is_any_below(moves_.changing_, moving_->prefix)) moves_.wait();
}

DirectoryMoves::Move::~Move() {
    LockGuard lock(moves_.mutex_);
    moves_.moving_.erase(moving_);
    moves_.ended_.notify_all();
}

void DirectoryMoves::Move::hold_back() {
    LockGuard lock(moves_.mutex_);
    moving_->stage = Moving::Stage::held_back;
    while (is_any_below(moves_.arriving_, moving_->prefix)) moves_.wait();
    moving_->came = false;
}

bool DirectoryMoves::Move::close() {
    LockGuard lock(moves_.mutex_);
    if (moving_->came) return false;
    moving_->stage = Moving::Stage::closed;
    return true;
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

DirectoryMoves::Arrival::Arrival(DirectoryMoves& moves, const InodePtr& at, Haste haste)
    : moves_(moves) {
    begin({at}, haste);
}

DirectoryMoves::Arrival::Arrival(DirectoryMoves& moves, const InodePtr& one, const InodePtr& other)
    : moves_(moves) {
    begin({one, other}, Haste::none);
}

void DirectoryMoves::Arrival::begin(const std::vector<InodePtr>& places, Haste haste) {
    LockGuard lock(moves_.mutex_);
    std::vector<std::string> keys;
    for (;;) {
        keys.clear();
        for (const InodePtr& place : places) keys.push_back(place->current_key().str());
        bool held_back = false;
        for (const std::string& key : keys)
            held_back = held_back || moves_.is_held_back(key, haste);
        if (!held_back) break;
        moves_.wait();
    }
    for (std::string& key : keys) {
        for (Moving& moving : moves_.moving_) {
            if (key.starts_with(moving.prefix)) moving.came = true;
        }
        keys_.push_back(moves_.arriving_.insert(std::move(key)));
    }
}

DirectoryMoves::Arrival::~Arrival() {
    LockGuard lock(moves_.mutex_);
    for (const auto& key : keys_) moves_.arriving_.erase(key);
    moves_.ended_.notify_all();
}

void DirectoryMoves::note_broken_off(const ObjectKey& from, BrokenOff move) {
    LockGuard lock(mutex_);
    broken_off_[from] = std::move(move);
}

std::optional<DirectoryMoves::BrokenOff> DirectoryMoves::broken_off(const ObjectKey& from,
                                                                    const ObjectKey& to) const {
    LockGuard lock(mutex_);
    const auto found = broken_off_.find(from);
    if (found == broken_off_.end() || found->second.to != to) return std::nullopt;
    return found->second;
}

void DirectoryMoves::forget_broken_off(const ObjectKey& directory) {
    LockGuard lock(mutex_);
    std::erase_if(broken_off_, [&](const auto& move) {
        return move.first.str().starts_with(directory.str()) ||
               move.second.to.str().starts_with(directory.str());
    });
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
                       [&](const Moving& moving) { return key.starts_with(moving.prefix); });
}

bool DirectoryMoves::is_held_back(const std::string& key, Haste haste) const {
    return std::any_of(moving_.begin(), moving_.end(), [&](const Moving& moving) {
        if (!key.starts_with(moving.prefix)) return false;
        return haste == Haste::urgent ? moving.stage == Moving::Stage::closed
                                      : moving.stage != Moving::Stage::open;
    });
}

bool DirectoryMoves::is_any_below(const Keys& keys, const std::string& prefix) {
    const auto first = keys.lower_bound(prefix);
    return first != keys.end() && first->starts_with(prefix);
}

}  // namespace xbucket
