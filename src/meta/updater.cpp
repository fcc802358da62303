// SPDX-FileCopyrightText: the xbucket authors
#include "updater.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <algorithm>

namespace xbucket {

namespace {

using namespace update_step;

constexpr size_t kGroupMax = 64;

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// Takes what a GET says before its first byte, and declines the bytes.
class InfoSink final : public GetSink {
  public:
    Result<void> on_info(const ObjectInfo& info) override {
        info_ = info;
        return fail(ErrorKind::cancelled, "only the metadata was wanted");
    }
    Result<BodySink::Action> on_data(std::string_view) override {
        return fail(ErrorKind::cancelled, "only the metadata was wanted");
    }
    const std::optional<ObjectInfo>& info() const { return info_; }

  private:
    std::optional<ObjectInfo> info_;
};

Result<ObjectInfo> read_version(ObjectStore& store, const ObjectKey& key,
                                const VersionId& version) {
    InfoSink sink;
    GetRequest request;
    request.key = key;
    request.version = version;
    auto info = store.get(request, sink, kUpdateCall);
    if (sink.info()) return *sink.info();
    return info;
}

// Nothing was said of what was asked, and asking for more is of no use now.
bool is_away(const PendingResult& result) {
    return result.state == PendingResult::State::failed && !result.limit_guessed &&
           (is_passing(*result.error) || needs_a_person(*result.error));
}

Error not_erased() {
    return fail(ErrorKind::io,
                "the service has it, but the journal has an older value that could not be erased, "
                "and that a crash may bring back; the log says why");
}

}  // namespace

Result<void> Updater::change(const ObjectKey& key, AttrChange change) {
    Waiter waiter;
    if (change.name.kind == AttrKind::tag) waiter.kind = Kind::tags;
    if (change.name.kind == AttrKind::acl) waiter.kind = Kind::acl;
    waiter.patch.changes.push_back(std::move(change));
    return commit(key, waiter);
}

Result<void> Updater::change_all(const ObjectKey& key, Patch patch) {
    Waiter waiter;
    waiter.patch = std::move(patch);
    return commit(key, waiter);
}

Result<void> Updater::send_pending(const ObjectKey& key) {
    Waiter waiter;
    waiter.pending_only = true;
    return commit(key, waiter);
}

Result<void> Updater::commit(const ObjectKey& key, Waiter& waiter) {
    {
        LockGuard lock(mutex_);
        Line& line = lines_[key];
        line.waiting.push_back(&waiter);
        if (line.led) {
            while (!waiter.leads && !waiter.result) waiter.called.wait(mutex_);
            if (waiter.result) return *std::move(waiter.result);
        }
        line.led = true;
    }
    // Others may join the group until the turn has come.
    KeyOrder::Turn turn = parts_.order.acquire(key);
    const std::vector<Waiter*> group = take_group(key);
    std::vector<Result<void>> results = run(key, group);
    turn.release();
    hand_over(key, group, std::move(results));
    return *std::move(waiter.result);
}

// The leader's run of waiters of one kind, from the front; it leads itself.
std::vector<Updater::Waiter*> Updater::take_group(const ObjectKey& key) {
    LockGuard lock(mutex_);
    std::deque<Waiter*>& waiting = lines_[key].waiting;
    std::vector<Waiter*> group;
    for (Waiter* waiter : waiting) {
        if (group.size() == kGroupMax || waiter->kind != waiting.front()->kind) break;
        group.push_back(waiter);
    }
    return group;
}

void Updater::hand_over(const ObjectKey& key, const std::vector<Waiter*>& group,
                        std::vector<Result<void>> results) {
    LockGuard lock(mutex_);
    Line& line = lines_[key];
    for (size_t i = 0; i < group.size(); ++i) {
        CHECK(line.waiting.front() == group[i]);
        line.waiting.pop_front();
        group[i]->result = std::move(results[i]);
        group[i]->called.notify_one();
    }
    if (line.waiting.empty()) {
        lines_.erase(key);
        return;
    }
    line.waiting.front()->leads = true;  // the line stays led
    line.waiting.front()->called.notify_one();
}

std::vector<Result<void>> Updater::run(const ObjectKey& key, const std::vector<Waiter*>& group) {
    if (group.front()->kind == Kind::copy) return run_copies(key, group);
    parts_.rests.note_sides_set(key);
    std::vector<Result<void>> results;
    if (group.front()->kind == Kind::acl) {
        for (const Waiter* waiter : group)
            results.push_back(update_acl(parts_, key, waiter->patch.changes.front()));
        return results;
    }
    std::vector<const AttrChange*> changes;
    for (const Waiter* waiter : group) changes.push_back(&waiter->patch.changes.front());
    return update_tags(parts_, key, changes);
}

std::vector<Result<void>> Updater::run_copies(const ObjectKey& key,
                                              const std::vector<Waiter*>& group) {
    UpdateWork work;
    work.key = key;
    work.posix = parts_.pending.get(key);
    work.pending = parts_.behind.pending(key);
    for (const Waiter* waiter : group) {
        if (waiter->pending_only)
            work.posix_alone = parts_.pending.is_to_be_sent(key);
        else
            work.patches.push_back(waiter->patch);
    }
    std::vector<Result<void>> results(group.size());
    if (work.patches.empty() && work.pending.empty() && !work.posix_alone) return results;
    const size_t changes = work.patches.size() + work.pending.size();
    parts_.facts.counters.merged.fetch_add(std::max(changes, group.size()) - 1);
    // What is acknowledged now must not be undone by what a crash would bring back.
    if (std::any_of(work.patches.begin(), work.patches.end(),
                    [&](const Patch& patch) { return is_owed(key, patch); }))
        if (auto written = parts_.behind.write_owed(); !written)
            return std::vector<Result<void>>(group.size(), written);
    note_followers(work);
    UpdateOutcome outcome = run_update(work);
    if (outcome.refused_whole) run_apart(work, outcome);
    const JournaledSend journaled{work.pending, std::move(outcome.pending), outcome.changed};
    const std::optional<Error> waits = parts_.behind.settle(key, journaled);
    // What is acknowledged here must not be undone by what a power loss would bring back.
    if (!work.patches.empty()) parts_.behind.sync_erased();
    const std::optional<Error> pending_error = outcome.posix_error ? outcome.posix_error : waits;
    size_t patch = 0;
    for (size_t i = 0; i < group.size(); ++i) {
        const auto& error = group[i]->pending_only ? pending_error : outcome.errors[patch++];
        if (error)
            results[i] = *error;
        else if (is_owed(key, group[i]->patch) && !parts_.behind.write_owed())
            results[i] = not_erased();
    }
    return results;
}

bool Updater::is_owed(const ObjectKey& key, const Patch& patch) const {
    return std::any_of(patch.changes.begin(), patch.changes.end(), [&](const AttrChange& change) {
        return parts_.behind.owes(key, canonical_name(change.name).full);
    });
}

// What was refused as a whole, change by change: one must not take the others along, and only one
// that comes alone can be said to be at fault.
void Updater::run_apart(const UpdateWork& work, UpdateOutcome& outcome) {
    UpdateWork rest;
    rest.key = work.key;
    rest.patches = work.patches;
    rest.posix = work.posix;
    rest.posix_alone = work.posix_alone;
    std::vector<size_t> with_rest;
    const bool is_alone = work.pending.size() == 1 && work.patches.empty() && !work.posix_alone;
    if (is_alone) {
        outcome.pending.front().alone = true;
        return;
    }
    for (size_t i = 0; i < work.pending.size(); ++i) {
        if (outcome.pending[i].state != PendingResult::State::failed) continue;
        if (!work.pending[i].followed_by.empty()) {
            rest.pending.push_back(work.pending[i]);
            with_rest.push_back(i);
        } else if (!run_pending_alone(work, i, outcome)) {
            return;
        }
    }
    if (work.pending.empty() || (rest.patches.empty() && !rest.posix_alone)) return;
    UpdateOutcome last = run_update(std::move(rest));
    outcome.changed = outcome.changed || last.changed;
    outcome.errors = std::move(last.errors);
    outcome.posix_error = std::move(last.posix_error);
    for (size_t i = 0; i < with_rest.size(); ++i)
        outcome.pending[with_rest[i]] = std::move(last.pending[i]);
}

// False: the service is away, and so it is for those that have not been tried.
bool Updater::run_pending_alone(const UpdateWork& work, size_t i, UpdateOutcome& outcome) {
    UpdateWork one;
    one.key = work.key;
    one.pending.push_back(work.pending[i]);
    UpdateOutcome alone = run_update(std::move(one));
    outcome.changed = outcome.changed || alone.changed;
    PendingResult& result = outcome.pending[i];
    result = std::move(alone.pending.front());
    result.alone = true;
    if (!is_away(result)) return true;
    for (size_t n = i + 1; n < outcome.pending.size(); ++n)
        if (outcome.pending[n].state == PendingResult::State::failed) outcome.pending[n] = result;
    if (outcome.posix_error) outcome.posix_error = result.error;
    return false;
}

// A patch that changes what a journaled change changes goes on top of it: where its value is found,
// after a reply was lost, the journaled one has done its duty.
void Updater::note_followers(UpdateWork& work) {
    for (PendingChange& pending : work.pending) {
        for (const Patch& patch : work.patches) {
            for (const AttrChange& change : patch.changes)
                if (canonical_name(change.name).full == pending.name.full)
                    pending.followed_by.push_back(value_left_by(work.key, change));
        }
    }
}

Result<ETag> Updater::change_held(const ObjectKey& key, Patch patch) {
    UpdateWork work;
    work.key = key;
    work.patches.push_back(std::move(patch));
    const UpdateOutcome outcome = run_update(std::move(work));
    if (outcome.errors.front()) return *outcome.errors.front();
    return outcome.edited;
}

UpdateOutcome Updater::run_update(UpdateWork work) {
    const ObjectKey key = work.key;
    const PosixRecord posix = work.posix.record;
    work.own = parts_.own.find(key);
    const UpdatePolicy policy{parts_.config.preserve, parts_.config.verify,
                              parts_.config.big_copies, parts_.config.update_deadline};
    GuardedUpdate update(parts_.model, parts_.traits, parts_.facts, policy, std::move(work),
                         parts_.next_seed());
    drive(update, key);
    keep(key, update.outcome(), posix);
    return update.outcome();
}

void Updater::drive(GuardedUpdate& update, const ObjectKey& key) {
    ObjectStore& store = parts_.store;
    Clock& clock = parts_.clock;
    UpdateStep step = update.start(clock.now());
    while (!std::holds_alternative<Done>(step)) {
        const TimePoint begun = clock.now();
        const auto now = [&] { return clock.now(); };
        step = std::visit(
            Overloaded{
                [&](const Read& read) {
                    auto replies = store.read_facets(key, read.facets, kUpdateCall);
                    return update.on_read(std::move(replies), begun, now());
                },
                [&](const Wait& wait) {
                    clock.sleep_for(wait.time);
                    return update.on_waited(now());
                },
                [&](const Copy& copy) {
                    auto reply = store.copy(copy.request, kUpdateCall);
                    if (reply) parts_.behind.note_accepted(key, begun);
                    return update.on_copied(std::move(reply), begun, now());
                },
                [&](const Create& create) {
                    auto reply = store.put(create.request, kUpdateCall);
                    if (reply) parts_.behind.note_accepted(key, begun);
                    return update.on_created(std::move(reply), now());
                },
                [&](const ReadLock& read) {
                    auto lock = store.get_lock(key, read.head, kUpdateCall);
                    return update.on_lock(std::move(lock), begun, now());
                },
                [&](const ReadVersion& version) {
                    return update.on_version(read_version(store, key, version.version), now());
                },
                [&](const WriteAcl& write) {
                    auto written = store.put_acl(key, write.acl, kUpdateCall);
                    return update.on_written(std::move(written), now());
                },
                [&](const WriteTags& write) {
                    auto written = store.put_tags(key, write.tags, kUpdateCall);
                    return update.on_written(std::move(written), now());
                },
                [&](const WriteLock& write) {
                    auto written = store.put_lock(key, write.lock, write.version, kUpdateCall);
                    return update.on_written(std::move(written), now());
                },
                [&](const Done&) -> UpdateStep { return Done{}; },
            },
            step);
    }
}

// What the update tells of the object, for the cache and the next update.
void Updater::keep(const ObjectKey& key, const UpdateOutcome& outcome, const PosixRecord& posix) {
    if (outcome.own)
        parts_.own.set(key, *outcome.own);
    else
        parts_.own.drop(key);
    if (outcome.posix_recorded) {
        PosixRecord settled = posix;
        for_each_member([&](auto member) {
            if (outcome.posix_left.*member) (settled.*member).reset();
        });
        parts_.pending.recorded(key, settled);
        parts_.facts.counters.posix_sent.fetch_add(1);
        if (outcome.posix_outlived) parts_.log_outlived(key);
    }
    if (outcome.info && !outcome.edited.empty()) {
        parts_.pending.follow(key, outcome.edited, *outcome.info);
        parts_.rests.follow(key, outcome.edited, *outcome.info);
    }
    if (!outcome.posix_left.empty()) {
        const auto now = outcome.info ? std::optional(PosixBase::of(*outcome.info)) : std::nullopt;
        parts_.keep_without_room(key, outcome.posix_left, now);
    }
    if (outcome.info) {
        parts_.adopt(key, *outcome.info, outcome.edited);
        if (outcome.acl) parts_.cache.learn_acl(key, *outcome.acl, parts_.cache.epoch(key));
        return;
    }
    if (outcome.missing)
        parts_.cache.adopt_absent(key);
    else if (outcome.changed)
        parts_.cache.forget(key);
}

size_t Updater::queued() const {
    LockGuard lock(mutex_);
    size_t count = 0;
    for (const auto& [key, line] : lines_) count += line.waiting.size();
    return count;
}

}  // namespace xbucket
