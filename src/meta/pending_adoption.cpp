// SPDX-FileCopyrightText: the xbucket authors
// Journals that mounts of this source left when they died, before this one began or since: what
// they say is this mount's to send from then on. Their rows are in this mount's journal before
// their files are deleted, so that a crash between finds them twice, and once is enough.
#include "write_behind.h"

#include "xbucket/base/log.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace xbucket {

namespace {

void add_missing(std::vector<MaybeValue>& values, const std::vector<MaybeValue>& more) {
    for (const MaybeValue& value : more)
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

// Of two changes of the same name the later one, which may replace what the other one has perhaps
// put there. True: the other one says something else, and will not be sent.
bool merge(PendingChange& known, PendingChange& other) {
    if (known.time < other.time) std::swap(known, other);
    known.tried = known.tried || other.tried;
    known.moved = known.moved && other.moved;
    const bool same_content = known.etag == other.etag && known.size == other.size;
    if (same_content) add_missing(known.replaces, other.replaces);
    if (known.value == other.value) return false;
    add_missing(known.replaces, {other.value});
    return !other.moved;  // it is in the new object
}

PendingFailure overtaken(const std::string& key, const PendingChange& change) {
    PendingFailure failure;
    failure.key = ObjectKey(key);
    failure.name = change.name.full;
    failure.value = change.value;
    failure.reason = "another mount of this machine set the same attribute later";
    failure.time = change.time;
    return failure;
}

void gather(JournalContents& all, JournalContents&& one) {
    for (auto& [key, names] : one.changes) {
        PendingByName& there = all.changes[key];
        for (auto& [name, change] : names) {
            const auto [known, is_new] = there.try_emplace(name, change);
            if (!is_new && merge(known->second, change))
                all.failures.push_back(overtaken(key, change));
        }
    }
    std::move(one.failures.begin(), one.failures.end(), std::back_inserter(all.failures));
}

}  // namespace

Result<void> WriteBehind::start() {
    if (config_.journal_directory.empty()) return {};
    const bool timed = config_.durability == Durability::timed;
    if (timed) {
        LockGuard writing(writing_);
        TRY(open_journal());
    }
    TRY(adopt());
    {
        LockGuard lock(mutex_);
        first_own_failure_ = failures_.next_id();
        look_at_ = clock_.now() + kLookAgain;
    }
    accepts_.store(timed, std::memory_order_release);
    return {};
}

Result<void> WriteBehind::open_journal() {
    if (opened_) return {};
    opened_ = TRY(Journal::open(config_.journal_directory, survives(), config_.journal_source));
    journal_.store(opened_.get(), std::memory_order_release);
    return {};
}

sqlite::Survives WriteBehind::survives() const {
    return config_.journal_survives_power_loss ? sqlite::Survives::power_loss
                                               : sqlite::Survives::kill;
}

// All that are there as one: what one of them says is not sent before the others have been heard.
Result<void> WriteBehind::adopt() {
    std::vector<std::string> directories = config_.older_journals;
    directories.push_back(config_.journal_directory);
    std::vector<JournalLock> orphans;
    for (const std::string& directory : directories)
        for (JournalLock& orphan : lock_orphans(directory)) orphans.push_back(std::move(orphan));
    LockGuard writing(writing_);
    JournalContents all;
    std::vector<const JournalLock*> read;
    for (const JournalLock& orphan : orphans) {
        auto left = read_journal(orphan);
        if (left) {
            gather(all, *std::move(left));
            read.push_back(&orphan);
        } else if (unreadable_.insert(orphan.database()).second) {  // it stays where it is
            log_error("meta", "event=journal_unreadable file={} reason=\"{}\"", orphan.database(),
                      left.error().describe());
        }
    }
    if (!all.changes.empty() || !all.failures.empty()) {
        TRY(open_journal());
        TRY(take_over(std::move(all)));
    }
    for (const JournalLock* orphan : read) orphan->remove_files(survives());
    return {};
}

Result<void> WriteBehind::take_over(JournalContents left) {
    std::vector<JournalEdit> edits;
    std::vector<PendingFailure> failures = std::move(left.failures);
    size_t changes = 0;
    for (auto& [key, names] : left.changes) {
        const PendingByName known = names_of(ObjectKey(key));
        changes += names.size();
        edits.emplace_back();
        edits.back().key = ObjectKey(key);
        for (auto& [name, change] : names) {
            if (const auto same = known.find(name); same != known.end()) {
                PendingChange other = same->second;
                if (merge(change, other)) failures.push_back(overtaken(key, other));
            }
            edits.back().put.push_back(change);
        }
    }
    failures = not_listed(std::move(failures));
    number(failures);
    edits.emplace_back();
    edits.back().failures = failures;
    TRY(commit(edits));
    for (auto& [key, names] : left.changes) join(ObjectKey(key), std::move(names));
    add_failures(failures);
    if (changes != 0)
        log_info("meta", "event=journal_replay objects={} changes={}", left.changes.size(),
                 changes);
    return {};
}

std::vector<PendingFailure> WriteBehind::not_listed(std::vector<PendingFailure> failures) const {
    std::vector<PendingFailure> rest;
    FailureList seen;  // one may be in two of the journals
    LockGuard lock(mutex_);
    for (PendingFailure& failure : failures) {
        if (failures_.has_same(failure) || seen.has_same(failure)) continue;
        failure.id = seen.next_id();
        seen.add(failure);
        rest.push_back(std::move(failure));
    }
    return rest;
}

// `names` in place of those of the same names; due now.
void WriteBehind::join(const ObjectKey& key, PendingByName names) {
    LockGuard lock(mutex_);
    if (const auto known = entries_.find(key.str()); known != entries_.end()) {
        for (auto& [name, change] : known->second.names) {
            const auto [there, is_new] = names.try_emplace(name, change);
            if (!is_new && change.tried) there->second.tried = true;
        }
    }
    put(key, std::move(names), clock_.now());
}

}  // namespace xbucket
