// SPDX-FileCopyrightText: the xbucket authors
#include "pending_posix.h"

#include <algorithm>

namespace xbucket {

namespace {

template <class T>
void clear_if_equal(std::optional<T>& pending, const std::optional<T>& recorded) {
    if (pending == recorded) pending.reset();
}

}  // namespace

void PendingPosix::add(const ObjectKey& key, const PosixRecord& change, TimePoint due) {
    if (change.empty()) return;
    LockGuard lock(mutex_);
    const auto [entry, is_new] = entries_.try_emplace(key.str());
    if (is_new) entry->second.due = due;  // a later change does not put the first one off
    entry->second.record.merge(change);
    count_.store(entries_.size(), std::memory_order_release);
}

PosixRecord PendingPosix::get(const ObjectKey& key) const {
    if (size() == 0) return {};
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    return found == entries_.end() ? PosixRecord{} : found->second.record;
}

void PendingPosix::recorded(const ObjectKey& key, const PosixRecord& recorded) {
    if (size() == 0) return;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return;
    PosixRecord& pending = found->second.record;
    clear_if_equal(pending.mode, recorded.mode);
    clear_if_equal(pending.uid, recorded.uid);
    clear_if_equal(pending.gid, recorded.gid);
    clear_if_equal(pending.mtime, recorded.mtime);
    clear_if_equal(pending.atime, recorded.atime);
    clear_if_equal(pending.ctime, recorded.ctime);
    if (pending.empty()) entries_.erase(found);
    count_.store(entries_.size(), std::memory_order_release);
}

void PendingPosix::drop(const ObjectKey& key) {
    LockGuard lock(mutex_);
    entries_.erase(key.str());
    count_.store(entries_.size(), std::memory_order_release);
}

void PendingPosix::drop_below(std::string_view prefix) {
    LockGuard lock(mutex_);
    auto entry = entries_.lower_bound(prefix);
    while (entry != entries_.end() && std::string_view(entry->first).starts_with(prefix))
        entry = entries_.erase(entry);
    count_.store(entries_.size(), std::memory_order_release);
}

std::vector<ObjectKey> PendingPosix::take_due(TimePoint now, TimePoint again) {
    std::vector<ObjectKey> keys;
    LockGuard lock(mutex_);
    for (auto& [key, entry] : entries_) {
        if (entry.due > now) continue;
        entry.due = again;
        keys.emplace_back(key);
    }
    return keys;
}

TimePoint PendingPosix::next_due() const {
    TimePoint due = TimePoint::never();
    LockGuard lock(mutex_);
    for (const auto& [key, entry] : entries_) due = std::min(due, entry.due);
    return due;
}

std::vector<ObjectKey> PendingPosix::keys_below(std::string_view prefix) const {
    std::vector<ObjectKey> keys;
    LockGuard lock(mutex_);
    for (auto entry = entries_.lower_bound(prefix);
         entry != entries_.end() && std::string_view(entry->first).starts_with(prefix); ++entry)
        keys.emplace_back(entry->first);
    return keys;
}

}  // namespace xbucket
