// SPDX-FileCopyrightText: the xbucket authors
#include "pending_posix.h"

namespace xbucket {

namespace {

template <class T>
void clear_if_equal(std::optional<T>& pending, const std::optional<T>& recorded) {
    if (pending == recorded) pending.reset();
}

}  // namespace

bool PendingPosix::add(const ObjectKey& key, const PosixRecord& change, TimePoint due) {
    if (change.empty()) return false;
    LockGuard lock(mutex_);
    const auto [entry, is_new] = entries_.try_emplace(key.str());
    entry->second.record.merge(change);
    if (!is_new) return false;  // a later change does not put the first one off
    entry->second.due = due;
    const auto place = due_.emplace(due, entry->first).first;
    count_.store(entries_.size(), std::memory_order_release);
    return place == due_.begin();
}

PendingPosix::Entries::iterator PendingPosix::erase(Entries::iterator entry) {
    due_.erase({entry->second.due, entry->first});
    const auto next = entries_.erase(entry);
    count_.store(entries_.size(), std::memory_order_release);
    return next;
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
    if (pending.empty()) erase(found);
}

void PendingPosix::drop(const ObjectKey& key) {
    LockGuard lock(mutex_);
    if (const auto found = entries_.find(key.str()); found != entries_.end()) erase(found);
}

void PendingPosix::drop_below(std::string_view prefix) {
    LockGuard lock(mutex_);
    auto entry = entries_.lower_bound(prefix);
    while (entry != entries_.end() && std::string_view(entry->first).starts_with(prefix))
        entry = erase(entry);
}

std::vector<ObjectKey> PendingPosix::take_due(TimePoint now, TimePoint again) {
    std::vector<ObjectKey> keys;
    LockGuard lock(mutex_);
    while (!due_.empty() && due_.begin()->first <= now) {
        const auto entry = entries_.find(due_.begin()->second);
        due_.erase(due_.begin());
        due_.emplace(again, entry->first);
        entry->second.due = again;
        keys.emplace_back(entry->first);
    }
    return keys;
}

TimePoint PendingPosix::next_due() const {
    if (size() == 0) return TimePoint::never();
    LockGuard lock(mutex_);
    return due_.empty() ? TimePoint::never() : due_.begin()->first;
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
