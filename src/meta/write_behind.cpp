// SPDX-FileCopyrightText: the xbucket authors
#include "write_behind.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

void add_value(std::vector<MaybeValue>& values, const MaybeValue& value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

std::vector<std::string> names_in(const PendingByName& changes) {
    std::vector<std::string> names;
    for (const auto& [name, change] : changes) names.push_back(name);
    return names;
}

std::vector<PendingChange> changes_in(const PendingByName& changes) {
    std::vector<PendingChange> all;
    all.reserve(changes.size());
    for (const auto& [name, change] : changes) all.push_back(change);
    return all;
}

}  // namespace

Result<void> WriteBehind::start() {
    if (config_.journal_directory.empty()) return {};
    const std::vector<JournalLock> orphans = lock_orphans(config_.journal_directory);
    const bool timed = config_.durability == Durability::timed;
    if (!timed && orphans.empty()) return {};
    auto journal = TRY(Journal::open(config_.journal_directory, config_.journal_survives_power_loss
                                                                    ? sqlite::Survives::power_loss
                                                                    : sqlite::Survives::kill));
    JournalContents left = TRY(journal->adopt(orphans));
    journal_ = std::move(journal);
    size_t changes = 0;
    {
        LockGuard lock(mutex_);
        for (auto& [key, names] : left.changes) {
            changes += names.size();
            put(ObjectKey(key), std::move(names), clock_.now());
        }
    }
    add_failures(left.failures);
    if (changes != 0)
        log_info("meta", "event=journal_replay objects={} changes={}", left.changes.size(),
                 changes);
    accepts_.store(timed, std::memory_order_release);
    return {};
}

void WriteBehind::stop() {
    accepts_.store(false, std::memory_order_release);
    if (journal_) journal_->close_if_empty();
}

// What only leaves, or has failed, is believed even where the disk does not take it: after a crash
// it is judged again.
void WriteBehind::write(const std::vector<JournalEdit>& edits) {
    const bool nothing =
        std::all_of(edits.begin(), edits.end(), [](const auto& edit) { return edit.empty(); });
    if (!journal_ || nothing) return;
    log_unwritten(journal_->write(edits));
}

void WriteBehind::log_unwritten(const Result<void>& written) {
    if (!written)
        log_warning("meta", "event=journal_not_written reason=\"{}\"", written.error().describe());
}

// ---- what is pending ----

PendingByName WriteBehind::names_of(const ObjectKey& key) const {
    if (size() == 0) return {};
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    return found == entries_.end() ? PendingByName{} : found->second.names;
}

std::vector<PendingChange> WriteBehind::pending(const ObjectKey& key) const {
    return changes_in(names_of(key));
}

bool WriteBehind::has(const ObjectKey& key) const {
    if (size() == 0) return false;
    LockGuard lock(mutex_);
    return entries_.find(key.str()) != entries_.end();
}

// Replaces what is known of a key.
void WriteBehind::put(const ObjectKey& key, PendingByName names, TimePoint due) {
    if (const auto old = entries_.find(key.str()); old != entries_.end()) erase(old);
    if (names.empty()) return;
    count_.fetch_add(names.size(), std::memory_order_acq_rel);
    due_.emplace(due, key.str());
    entries_.emplace(key.str(), Entry{std::move(names), due});
}

void WriteBehind::erase(Entries::iterator entry) {
    count_.fetch_sub(entry->second.names.size(), std::memory_order_acq_rel);
    due_.erase({entry->second.due, entry->first});
    entries_.erase(entry);
}

PendingChange WriteBehind::make(const ObjectKey& key, const AttrChange& change,
                                const ObjectInfo& info) const {
    PendingChange made;
    made.name = canonical_name(change.name);
    made.value = value_left_by(key, change);
    made.etag = info.etag;
    made.size = info.size;
    made.time = clock_.wall_now();
    return made;
}

Result<bool> WriteBehind::keep(const ObjectKey& key, const AttrChange& change,
                               const ObjectInfo& info) {
    PendingChange next = make(key, change, info);
    const MaybeValue found = value_found(model_, key, info, next.name);
    PendingByName names = names_of(key);
    JournalEdit edit;
    edit.key = key;
    if (const auto old = names.find(next.name.full); old != names.end()) {
        const PendingChange& before = old->second;
        const bool same = same_content(before, info);
        if (judge_pending(before, found, same) == Verdict::conflict) {
            // Its time has passed; the new one stands on what is there now.
            LockGuard lock(mutex_);
            edit.failures.push_back(make_failure(
                key, before, "another client changed the object before this could be sent"));
        } else if (same) {
            next.replaces = before.replaces;
            next.tried = before.tried;
            if (before.tried) add_value(next.replaces, before.value);
        }
    }
    add_value(next.replaces, found);
    edit.put.push_back(next);
    TRY(journal_->write({edit}));
    add_failures(edit.failures);
    names.insert_or_assign(next.name.full, std::move(next));
    LockGuard lock(mutex_);
    const auto known = entries_.find(key.str());
    // A later change does not put the first one off.
    const TimePoint due =
        known != entries_.end() ? known->second.due : clock_.now() + config_.commit_delay;
    put(key, std::move(names), due);
    return due_.begin()->second == key.str();
}

void WriteBehind::mark_tried(const ObjectKey& key) {
    if (size() == 0) return;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return;
    for (auto& [name, change] : found->second.names) change.tried = true;
}

void WriteBehind::settle(const ObjectKey& key, const JournaledSend& sent) {
    if (sent.changes.empty()) return;
    CHECK(sent.changes.size() == sent.results.size());
    PendingByName names = names_of(key);
    JournalEdit edit;
    edit.key = key;
    {
        LockGuard lock(mutex_);
        for (size_t i = 0; i < sent.changes.size(); ++i) {
            const auto found = names.find(sent.changes[i].name.full);
            if (found == names.end() || found->second.value != sent.changes[i].value) continue;
            const PendingResult& result = sent.results[i];
            const bool later =
                result.state == PendingResult::State::failed && is_passing(*result.error);
            if (later) {
                found->second.tried = true;
                continue;
            }
            edit.erase.push_back(found->first);
            if (result.error)
                edit.failures.push_back(make_failure(key, found->second, result.error->message));
            names.erase(found);
        }
    }
    write({edit});
    add_failures(edit.failures);
    LockGuard lock(mutex_);
    const auto known = entries_.find(key.str());
    if (known != entries_.end()) put(key, std::move(names), known->second.due);
}

void WriteBehind::follow_content(const ObjectKey& key, const ObjectInfo& now) {
    PendingByName names = names_of(key);
    if (names.empty()) return;
    for (auto& [name, change] : names) {
        change.etag = now.etag;
        change.size = now.size;
    }
    write({JournalEdit{.key = key, .erase = {}, .put = changes_in(names), .failures = {}}});
    LockGuard lock(mutex_);
    const auto known = entries_.find(key.str());
    if (known != entries_.end()) put(key, std::move(names), known->second.due);
}

void WriteBehind::drop(const ObjectKey& key) {
    const PendingByName names = names_of(key);
    if (names.empty()) return;
    write({JournalEdit{.key = key, .erase = names_in(names), .put = {}, .failures = {}}});
    LockGuard lock(mutex_);
    put(key, {}, TimePoint{});
}

Result<PendingByName> WriteBehind::move(const ObjectKey& from, const ObjectKey& to,
                                        const ObjectInfo& target) {
    PendingByName moved = names_of(from);
    const PendingByName replaced = names_of(to);
    if (untold_ != 0) {
        TRY(journal_->move_failures(from, to));
        LockGuard lock(mutex_);
        for (auto& [id, failure] : failures_)
            if (failure.key == from) failure.key = to;
    }
    if (moved.empty() && replaced.empty()) return moved;
    PendingByName arriving = moved;
    for (auto& [name, change] : arriving) {
        change.etag = target.etag;
        change.size = target.size;
        change.tried = true;
        add_value(change.replaces, change.value);
    }
    TRY(journal_->write(
        {{from, names_in(moved), {}, {}}, {to, names_in(replaced), changes_in(arriving), {}}}));
    LockGuard lock(mutex_);
    const auto known = entries_.find(from.str());
    const TimePoint due = known == entries_.end() ? clock_.now() : known->second.due;
    put(from, {}, due);
    put(to, std::move(arriving), due);
    return moved;
}

void WriteBehind::undo_move(const ObjectKey& from, const ObjectKey& to,
                            const PendingByName& moved) {
    if (moved.empty()) return;
    const PendingByName at_target = names_of(to);
    write({{to, names_in(at_target), {}, {}}, {from, {}, changes_in(moved), {}}});
    LockGuard lock(mutex_);
    put(to, {}, TimePoint{});
    put(from, moved, clock_.now());
}

// ---- when it is due ----

std::vector<ObjectKey> WriteBehind::take_due(TimePoint now, TimePoint again) {
    std::vector<ObjectKey> keys;
    if (size() == 0) return keys;
    LockGuard lock(mutex_);
    while (!due_.empty() && due_.begin()->first <= now) {
        const std::string key = due_.begin()->second;
        due_.erase(due_.begin());
        due_.emplace(again, key);
        entries_.find(key)->second.due = again;
        keys.emplace_back(key);
    }
    return keys;
}

TimePoint WriteBehind::next_due() const {
    if (size() == 0) return TimePoint::never();
    LockGuard lock(mutex_);
    return due_.empty() ? TimePoint::never() : due_.begin()->first;
}

void WriteBehind::hurry() {
    LockGuard lock(mutex_);
    const TimePoint now = clock_.now();
    if (now < next_hurry_) return;
    next_hurry_ = now + kHurryAgain;
    due_.clear();
    for (auto& [key, entry] : entries_) {
        entry.due = std::min(entry.due, now);
        due_.emplace(entry.due, key);
    }
}

std::vector<ObjectKey> WriteBehind::keys_below(std::string_view prefix) const {
    std::vector<ObjectKey> keys;
    if (size() == 0) return keys;
    LockGuard lock(mutex_);
    for (auto entry = entries_.lower_bound(prefix);
         entry != entries_.end() && std::string_view(entry->first).starts_with(prefix); ++entry)
        keys.emplace_back(entry->first);
    return keys;
}

std::string WriteBehind::json() const {
    LockGuard lock(mutex_);
    return fmt::format(R"({{"objects":{},"changes":{},"failures":{}}})", entries_.size(), size(),
                       failures_.size());
}

}  // namespace xbucket
