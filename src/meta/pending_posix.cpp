// SPDX-FileCopyrightText: the xbucket authors
#include "pending_posix.h"

#include "posix_entry.h"

namespace xbucket {

bool PendingPosix::add(const ObjectKey& key, const PosixRecord& change, TimePoint due,
                       const std::optional<PosixBase>& now) {
    if (change.empty()) return false;
    LockGuard lock(mutex_);
    const auto [entry, is_new] = entries_.try_emplace(key.str());
    PendingRecord& pending = entry->second.pending;
    if (change.mtime || change.atime || change.ctime) pending.times_of = now;
    if (change.mode || change.uid || change.gid) pending.rights_of = now;
    pending.record.merge(change);
    if (is_new) {
        entry->second.due = TimePoint::never();
        count_.store(entries_.size(), std::memory_order_release);
    }
    // A later change does not put the first one off.
    if (entry->second.due != TimePoint::never() || entry->second.is_parked()) return false;
    set_due(entry, due);
    return !due_.empty() && due_.begin()->second == entry->first;
}

void PendingPosix::set_due(Entries::iterator entry, TimePoint due) {
    due_.erase({entry->second.due, entry->first});
    entry->second.due = due;
    if (due != TimePoint::never()) due_.emplace(due, entry->first);
}

PendingPosix::Entries::iterator PendingPosix::erase(Entries::iterator entry) {
    due_.erase({entry->second.due, entry->first});
    const auto next = entries_.erase(entry);
    count_.store(entries_.size(), std::memory_order_release);
    return next;
}

PendingRecord PendingPosix::get(const ObjectKey& key) const {
    if (size() == 0) return {};
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    return found == entries_.end() ? PendingRecord{} : found->second.pending;
}

bool PendingPosix::is_to_be_sent(const ObjectKey& key) const {
    if (size() == 0) return false;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    return found != entries_.end() && !found->second.is_parked();
}

// After members of an entry were done with.
void PendingPosix::tidy(Entries::iterator entry) {
    if (entry->second.pending.empty())
        erase(entry);
    else if (entry->second.is_parked())
        set_due(entry, TimePoint::never());
}

void PendingPosix::recorded(const ObjectKey& key, const PosixRecord& recorded) {
    if (size() == 0) return;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    for_each_member([&](auto member) {
        if (entry.pending.record.*member != recorded.*member) return;
        (entry.pending.record.*member).reset();
        (entry.parked.*member).reset();
    });
    tidy(found);
}

PosixRecord PendingPosix::park(const ObjectKey& key, const PosixRecord& left,
                               const std::optional<PosixBase>& now) {
    PosixRecord newly;
    if (left.empty()) return newly;
    LockGuard lock(mutex_);
    const auto [found, is_new] = entries_.try_emplace(key.str());
    Entry& entry = found->second;
    if (is_new) {
        entry.due = TimePoint::never();
        entry.pending.times_of = entry.pending.rights_of = now;
        count_.store(entries_.size(), std::memory_order_release);
    }
    for_each_member([&](auto member) {
        auto& pending = entry.pending.record.*member;
        if (!(left.*member)) return;
        if (!pending) pending = left.*member;
        if (pending != left.*member || entry.parked.*member == pending) return;
        newly.*member = entry.parked.*member = pending;
    });
    tidy(found);
    return newly;
}

void PendingPosix::follow(const ObjectKey& key, const ETag& content, const ObjectInfo& now) {
    if (size() == 0) return;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return;
    for (auto* base : {&found->second.pending.times_of, &found->second.pending.rights_of})
        if (content.empty() || (*base && (*base)->etag == content)) *base = PosixBase::of(now);
}

void PendingPosix::supersede(const ObjectKey& key, std::string_view metadata_name) {
    if (size() == 0) return;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return;
    clear_member(found->second.pending.record, metadata_name);
    clear_member(found->second.parked, metadata_name);
    tidy(found);
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
