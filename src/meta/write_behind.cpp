// SPDX-FileCopyrightText: the xbucket authors
#include "write_behind.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

void WriteBehind::stop() {
    accepts_.store(false, std::memory_order_release);
    Journal* const journal = journal_;
    if (journal == nullptr) return;
    log_unwritten(write_owed());
    sync_erased();
    journal->close_if_empty();
}

// What only leaves, or has failed, is believed even where the disk does not take it, and written
// later: after a crash it would be judged again.
void WriteBehind::write(const std::vector<JournalEdit>& edits) {
    const bool nothing =
        std::all_of(edits.begin(), edits.end(), [](const auto& edit) { return edit.empty(); });
    if (journal_ == nullptr || nothing) return;
    const Result<void> written = commit(edits);
    if (!written) owe(edits);
    log_unwritten(written);
}

// With what is owed, in one transaction: of each key the rows are as memory says then.
Result<void> WriteBehind::commit(const std::vector<JournalEdit>& edits) {
    std::vector<JournalEdit> all;
    for (const auto& [key, owed] : owed_) all.push_back(repeat_of(key, owed));
    all.insert(all.end(), edits.begin(), edits.end());
    TRY(journal_.load()->write(all));
    note_unsynced();
    if (owed_.empty()) return {};
    owed_.clear();
    owed_count_.store(0, std::memory_order_release);
    return {};
}

void WriteBehind::owe(const std::vector<JournalEdit>& edits) {
    for (const JournalEdit& edit : edits) {
        Owed& owed = owed_[edit.key.str()];
        owed.erase.insert(edit.erase.begin(), edit.erase.end());
        for (const PendingFailure& failure : edit.failures) owed.failures.insert(failure.id);
    }
    owed_count_.store(owed_.size(), std::memory_order_release);
    LockGuard lock(mutex_);
    owed_again_ = clock_.now() + kOwedAgain;
}

JournalEdit WriteBehind::repeat_of(const std::string& key, const Owed& owed) const {
    JournalEdit edit;
    edit.key = ObjectKey(key);
    edit.erase.assign(owed.erase.begin(), owed.erase.end());
    edit.put = pending(edit.key);
    LockGuard lock(mutex_);
    for (const int64_t id : owed.failures)
        if (failures_.has(id)) edit.failures.push_back(failures_.at(id));
    return edit;
}

bool WriteBehind::owes(const ObjectKey& key, std::string_view name) const {
    if (!owes_any()) return false;
    LockGuard lock(writing_);
    const auto found = owed_.find(key.str());
    return found != owed_.end() && found->second.erase.find(name) != found->second.erase.end();
}

Result<void> WriteBehind::write_owed() {
    if (!owes_any()) return {};
    LockGuard writing(writing_);
    auto written = commit({});
    if (written) return {};
    LockGuard lock(mutex_);
    owed_again_ = clock_.now() + kOwedAgain;
    return std::move(written).error().with_context(
        "the journal holds what is not so any more, and cannot be written");
}

// What was erased once and is there again after a power loss would be judged again: then it is in
// conflict or, where another client has put the old value back, sent a second time.
void WriteBehind::note_unsynced() {
    if (!is_unsynced()) return;
    LockGuard lock(mutex_);
    if (sync_at_ == TimePoint::never()) sync_at_ = clock_.now() + kSyncAfter;
}

bool WriteBehind::is_unsynced() const {
    const Journal* journal = journal_;
    return journal != nullptr && journal->is_unsynced();
}

void WriteBehind::sync_erased() {
    if (!is_unsynced()) return;
    const auto synced = journal_.load()->sync();
    log_unwritten(synced);
    LockGuard lock(mutex_);
    sync_at_ = synced ? TimePoint::never() : clock_.now() + kOwedAgain;
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

// What is known of a key that waits already; when it is due stays as it was.
void WriteBehind::replace(const ObjectKey& key, PendingByName names) {
    LockGuard lock(mutex_);
    const auto known = entries_.find(key.str());
    if (known == entries_.end()) return;
    const bool taken = known->second.taken;
    put(key, std::move(names), known->second.due);
    if (const auto now = entries_.find(key.str()); now != entries_.end()) now->second.taken = taken;
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
                               const ObjectInfo& info, std::optional<WallTime> service_time) {
    LockGuard writing(writing_);
    PendingChange next = make(key, change, info);
    next.acknowledged = service_time;
    const MaybeValue found = value_found(model_, key, info, next.name);
    PendingByName names = names_of(key);
    JournalEdit edit;
    edit.key = key;
    if (const auto old = names.find(next.name.full); old != names.end()) {
        const PendingChange& before = old->second;
        if (judge_pending(before, found, info) == Verdict::conflict) {
            // Its time has passed; the new one stands on what is there now.
            edit.failures.push_back(make_failure(
                key, before, "another client changed the object before this could be sent"));
            number(edit.failures);
        } else if (same_content(before, info)) {
            next.replaces = before.replaces;
            if (before.tried) add_value(next.replaces, before.value);
        }
    }
    add_value(next.replaces, found);
    edit.put.push_back(next);
    TRY(commit({edit}));
    add_failures(edit.failures);
    names.insert_or_assign(next.name.full, std::move(next));
    if (has(key)) {  // a later change does not put the first one off
        replace(key, std::move(names));
        return false;
    }
    LockGuard lock(mutex_);
    put(key, std::move(names), clock_.now() + config_.commit_delay);
    return due_.begin()->second == key.str();
}

void WriteBehind::mark_tried(const ObjectKey& key) {
    if (size() == 0) return;
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return;
    for (auto& [name, change] : found->second.names) change.tried = true;
}

std::optional<Error> WriteBehind::settle(const ObjectKey& key, const JournaledSend& sent) {
    if (sent.changes.empty()) return std::nullopt;
    CHECK(sent.changes.size() == sent.results.size());
    LockGuard writing(writing_);
    std::optional<Error> waits;
    PendingByName names = names_of(key);
    JournalEdit edit;
    edit.key = key;
    for (size_t i = 0; i < sent.changes.size(); ++i) {
        const auto found = names.find(sent.changes[i].name.full);
        if (found == names.end() || found->second.value != sent.changes[i].value) continue;
        const PendingResult& result = sent.results[i];
        if (stays(key, result, found->second)) {
            if (sent.maybe_there || result.error->outcome_unknown) found->second.tried = true;
            if (!waits) waits = result.error;
            continue;
        }
        edit.erase.push_back(found->first);
        if (result.error && !(result.gone && found->second.moved))
            edit.failures.push_back(make_failure(key, found->second, result.error->message));
        names.erase(found);
    }
    number(edit.failures);
    write({edit});
    add_failures(edit.failures);
    replace(key, std::move(names));
    return waits;
}

// Whether a change goes on waiting after that; notes in it why.
bool WriteBehind::stays(const ObjectKey& key, const PendingResult& result, PendingChange& change) {
    if (result.state != PendingResult::State::failed) return false;
    const Error& error = *result.error;
    if (result.limit_guessed) {
        if (!result.alone) return true;
        if (!change.failed_alone) {
            change.failed_alone = PendingRefusal{error, clock_.now()};
            return true;
        }
        ++change.failed_alone->times;
        return change.failed_alone->times < kAloneMax ||
               clock_.now() - change.failed_alone->since < kAloneLong;
    }
    if (needs_a_person(error)) return waits_for_service(key, error, change);
    return is_passing(error);
}

// A refusal heals when the right is granted, the debt is paid, there is room again, or the next
// mount has another profile; unless access is denied and the service has taken changes of other
// objects since: then it is about this one.
bool WriteBehind::waits_for_service(const ObjectKey& key, const Error& error,
                                    PendingChange& change) {
    if (change.refused) {
        ++change.refused->times;
        if (change.refused->error.kind != error.kind) change.refused->since = clock_.now();
        change.refused->error = error;
        return error.kind != ErrorKind::access_denied ||
               !accepted_elsewhere(key, change.refused->since);
    }
    change.refused = PendingRefusal{error, clock_.now()};
    any_refused_.store(true, std::memory_order_release);
    log_warning("meta",
                "event=change_refused key='{}' name={} reason=\"{}\" note=\"it waits in the "
                "journal and is tried again\"",
                printable(key.str()), printable(change.name.full), error.describe());
    return true;
}

void WriteBehind::note_accepted(const ObjectKey& key, TimePoint begun) {
    if (!any_refused_.load(std::memory_order_acquire)) return;
    LockGuard lock(mutex_);
    if (accepted_.key != key) accepted_other_ = std::exchange(accepted_, Accepted{key, begun});
    accepted_.begun = std::max(accepted_.begun, begun);
}

bool WriteBehind::accepted_elsewhere(const ObjectKey& key, TimePoint since) const {
    LockGuard lock(mutex_);
    const Accepted& other = accepted_.key == key ? accepted_other_ : accepted_;
    return other.begun > since;
}

Result<void> WriteBehind::refusal(const ObjectKey& key) const {
    if (!any_refused_.load(std::memory_order_acquire) || size() == 0) return {};
    LockGuard lock(mutex_);
    const auto found = entries_.find(key.str());
    if (found == entries_.end()) return {};
    for (const auto& [name, change] : found->second.names)
        if (change.refused) return change.refused->error;
    return {};
}

void WriteBehind::follow_content(const ObjectKey& key, const ObjectInfo& now) {
    LockGuard writing(writing_);
    PendingByName names = names_of(key);
    if (names.empty()) return;
    for (auto& [name, change] : names) {
        change.etag = now.etag;
        change.size = now.size;
    }
    write({JournalEdit{.key = key, .erase = {}, .put = changes_in(names), .failures = {}}});
    replace(key, std::move(names));
}

void WriteBehind::drop(const ObjectKey& key) {
    if (untold_ != 0) {
        std::vector<int64_t> failures;
        {
            LockGuard lock(mutex_);
            failures = failures_.untold_of(key, FailureScope::key);
        }
        let_go_of(failures);
    }
    LockGuard writing(writing_);
    const PendingByName names = names_of(key);
    if (names.empty()) return;
    write({JournalEdit{.key = key, .erase = names_in(names), .put = {}, .failures = {}}});
    replace(key, {});
}

Result<MovedPending> WriteBehind::move(const ObjectKey& from, const ObjectKey& to,
                                       const ObjectInfo& target) {
    LockGuard writing(writing_);
    MovedPending moved;
    moved.from = from;
    moved.names = names_of(from);
    const PendingByName replaced = names_of(to);
    {
        LockGuard lock(mutex_);
        moved.failures = failures_.of(from, FailureScope::key);
        moved.replaced_failures = failures_.untold_of(to, FailureScope::key);
    }
    PendingByName leaving = moved.names;
    for (auto& [name, change] : leaving) change.moved = true;
    PendingByName arriving = moved.names;
    for (auto& [name, change] : arriving) {
        change.etag = target.etag;
        change.size = target.size;
        change.tried = true;
        change.moved = false;
        add_value(change.replaces, change.value);
    }
    if (!moved.names.empty() || !replaced.empty()) {
        TRY(commit({{from, {}, changes_in(leaving), {}},
                    {to, names_in(replaced), changes_in(arriving), {}}}));
        LockGuard lock(mutex_);
        const auto known = entries_.find(from.str());
        const TimePoint due = known == entries_.end() ? clock_.now() : known->second.due;
        put(from, {}, due);
        put(to, std::move(arriving), due);
    }
    move_failures(moved.failures, to);
    return moved;
}

void WriteBehind::finish_move(const MovedPending& moved) {
    {
        LockGuard writing(writing_);
        write({JournalEdit{.key = moved.from,
                           .erase = names_in(moved.names),
                           .put = pending(moved.from),
                           .failures = {}}});
    }
    let_go_of(moved.replaced_failures);
}

void WriteBehind::undo_move(const ObjectKey& to, const MovedPending& moved, bool maybe_removed) {
    const ObjectKey& from = moved.from;
    LockGuard writing(writing_);
    move_failures(moved.failures, from);
    if (moved.names.empty()) return;
    const PendingByName at_target = names_of(to);
    PendingByName back = moved.names;
    for (auto& [name, change] : back) change.moved = change.moved || maybe_removed;
    write({{to, names_in(at_target), {}, {}}, {from, {}, changes_in(back), {}}});
    LockGuard lock(mutex_);
    put(to, {}, TimePoint{});
    put(from, std::move(back), clock_.now());
}

void WriteBehind::move_failures(const std::vector<int64_t>& failures, const ObjectKey& to) {
    if (failures.empty()) return;
    {
        LockGuard lock(mutex_);
        for (const int64_t id : failures)
            if (failures_.has(id)) failures_.move(id, to);
    }
    log_unwritten(journal_.load()->move_failures(failures, to));
    note_unsynced();
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
        Entry& entry = entries_.find(key)->second;
        entry.due = again;
        entry.taken = true;
        keys.emplace_back(key);
    }
    return keys;
}

TimePoint WriteBehind::next_due() const {
    LockGuard lock(mutex_);
    const TimePoint owed = owes_any() ? owed_again_ : TimePoint::never();
    const TimePoint due = due_.empty() ? TimePoint::never() : due_.begin()->first;
    return std::min({owed, due, sync_at_, look_at_});
}

void WriteBehind::do_chores() {
    const TimePoint now = clock_.now();
    bool looks = false;
    bool syncs = false;
    {
        LockGuard lock(mutex_);
        looks = look_at_ <= now;
        syncs = sync_at_ <= now;
        if (looks) look_at_ = now + kLookAgain;
        if (syncs) sync_at_ = TimePoint::never();
    }
    static_cast<void>(write_owed().has_value());
    if (looks) log_unwritten(adopt());
    if (syncs) sync_erased();
}

void WriteBehind::hurry() {
    LockGuard lock(mutex_);
    const TimePoint now = clock_.now();
    if (now < next_hurry_) return;
    next_hurry_ = now + kHurryAgain;
    for (auto& [key, entry] : entries_) {
        if (entry.taken || entry.due <= now) continue;
        due_.erase({entry.due, key});
        entry.due = now;
        due_.emplace(now, key);
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
