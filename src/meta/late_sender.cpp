// SPDX-FileCopyrightText: the xbucket authors
#include "late_sender.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

namespace xbucket {

namespace {

// Two lists of keys, each in order, as one.
std::vector<ObjectKey> both(std::vector<ObjectKey> a, const std::vector<ObjectKey>& b) {
    a.insert(a.end(), b.begin(), b.end());
    std::sort(a.begin(), a.end());
    a.erase(std::unique(a.begin(), a.end()), a.end());
    return a;
}

}  // namespace

struct LateSender::Collected {
    void add(const Result<void>& sent) {
        LockGuard lock(mutex);
        if (!sent && !first) first = sent.error();
        --left;
        changed.notify_all();
    }

    Mutex mutex;
    CondVar changed;
    size_t left GUARDED_BY(mutex) = 0;
    std::optional<Error> first GUARDED_BY(mutex);
};

LateSender::LateSender(MetaParts& parts, Updater& updater, ObjectMoves& moves)
    : parts_(parts),
      updater_(updater),
      moves_(moves),
      workers_("late", std::max<size_t>(parts.config.senders_max, 1)),
      window_(parts.config.senders_max),
      thread_([this] { run(); }) {}

LateSender::~LateSender() { stop(); }

void LateSender::add(const ObjectKey& key, const PosixRecord& change) {
    const TimePoint due = parts_.clock.now() + parts_.config.posix_delay;
    if (parts_.pending.add(key, change, due, parts_.posix_base(key))) wake();
}

void LateSender::wake() {
    LockGuard lock(mutex_);
    changed_.notify_one();
}

void LateSender::hurry() {
    parts_.behind.hurry();
    wake();
}

TimePoint LateSender::next_due() const {
    return std::min({parts_.pending.next_due(), parts_.behind.next_due(), parts_.rests.next_due()});
}

void LateSender::run() {
    for (;;) {
        {
            LockGuard lock(mutex_);
            if (stopping_) return;
            const TimePoint due = next_due();
            if (parts_.clock.now() < due) {
                changed_.wait_until(mutex_, parts_.clock, due);
                continue;
            }
        }
        parts_.behind.do_chores();
        const TimePoint now = parts_.clock.now();
        // A key whose sending fails for the moment comes up again after a while.
        const TimePoint again = now + kAgain;
        const std::vector<ObjectKey> due =
            both(both(parts_.pending.take_due(now, again), parts_.behind.take_due(now, again)),
                 parts_.rests.take_due(now, again));
        LockGuard lock(mutex_);
        if (stopping_) return;
        for (const ObjectKey& key : due) post(key, nullptr);
        start_jobs();
    }
}

void LateSender::post(const ObjectKey& key, const CollectedPtr& waiter) {
    Line& line = lines_[key];
    if (waiter) line.waiters.push_back(waiter);
    if (line.queued) return;
    line.queued = true;
    if (!line.running) queue_.push_back(key);
}

void LateSender::start_jobs() {
    while (!queue_.empty() && running_ < window_.size()) {
        const ObjectKey key = std::move(queue_.front());
        queue_.pop_front();
        if (park(key)) continue;
        Line& line = lines_.at(key);
        line.running = true;
        line.queued = false;
        line.was_parked = false;
        ++running_;
        workers_.post(
            [this, key, waiters = std::exchange(line.waiters, {})] { run_job(key, waiters); });
    }
}

// Whether the key's turn is to be waited for without a worker. Once only: whoever comes after that
// in the key's line is waited for as usual, or a busy key would never be sent.
bool LateSender::park(const ObjectKey& key) {
    Line& line = lines_.at(key);
    if (line.was_parked || !parts_.order.when_released(key, [this, key] { unpark(key); }))
        return false;
    line.parked = line.was_parked = true;
    ++parked_;
    return true;
}

void LateSender::unpark(const ObjectKey& key) {
    LockGuard lock(mutex_);
    const auto line = lines_.find(key);
    if (line == lines_.end() || !line->second.parked) return;
    line->second.parked = false;
    --parked_;
    queue_.push_back(key);
    start_jobs();
}

void LateSender::run_job(const ObjectKey& key, const std::vector<CollectedPtr>& waiters) {
    const auto sent = send(key);
    for (const CollectedPtr& waiter : waiters) waiter->add(sent);
    const uint64_t retries = parts_.store.stats().retries;
    LockGuard lock(mutex_);
    window_.sent(retries, parts_.clock.now());
    --running_;
    const auto line = lines_.find(key);
    line->second.running = false;
    if (line->second.queued)
        queue_.push_back(key);
    else
        lines_.erase(line);
    start_jobs();
    if (running_ == 0) idle_.notify_all();
    if (parts_.behind.owes_any() || parts_.behind.is_unsynced()) changed_.notify_one();
}

Result<void> LateSender::send(const ObjectKey& key) {
    Result<void> rest = finish_rest(key);
    Result<void> sent = send_pending(key);
    return rest ? sent : rest;
}

Result<void> LateSender::finish_rest(const ObjectKey& key) {
    if (!parts_.rests.has(key)) return {};
    const KeyOrder::Turn turn = parts_.order.acquire(key);
    return moves_.finish_rest(key);
}

Result<void> LateSender::send_pending(const ObjectKey& key) {
    const bool has_posix = !parts_.pending.get(key).empty();
    auto sent = updater_.send_pending(key);
    if (sent || is_passing(sent.error())) return sent;
    if (!has_posix) return sent;
    parts_.pending.drop(key);
    if (sent.error().kind == ErrorKind::not_found) return {};  // deleted: nothing to record
    log_warning("meta", "key={} mode, owner or times not recorded: {}", printable(key.str()),
                sent.error().describe());
    return sent;
}

// Whoever asked for it to be sent may tell others that it is: what they change then must not be
// overwritten by what a power loss would bring back.
Result<void> LateSender::flush(const ObjectKey& key) {
    const bool pending = !parts_.pending.get(key).empty() || parts_.behind.has(key);
    if (pending || parts_.rests.has(key)) TRY(send(key));
    parts_.behind.sync_erased();
    return parts_.behind.take_failures(key, FailureScope::key);
}

Result<void> LateSender::send_below(std::string_view prefix) {
    auto sent = send_all(keys_below(prefix));
    parts_.behind.sync_erased();
    return sent;
}

std::vector<ObjectKey> LateSender::keys_below(std::string_view prefix) const {
    return both(both(parts_.pending.keys_below(prefix), parts_.behind.keys_below(prefix)),
                parts_.rests.keys_below(prefix));
}

Result<void> LateSender::flush_directories_below(std::string_view prefix) {
    std::vector<ObjectKey> keys = keys_below(prefix);
    std::erase_if(keys, [](const ObjectKey& key) { return !key.str().ends_with('/'); });
    Result<void> flushed = send_all(keys);
    // One error can be told; those of others stay to be told.
    for (const ObjectKey& key : keys) {
        if (!flushed) break;
        flushed = parts_.behind.take_failures(key, FailureScope::key);
    }
    return flushed;
}

Result<void> LateSender::send_all(const std::vector<ObjectKey>& keys) {
    if (keys.empty()) return {};
    const auto collected = std::make_shared<Collected>();
    {
        LockGuard lock(collected->mutex);
        collected->left = keys.size();
    }
    {
        LockGuard lock(mutex_);
        for (const ObjectKey& key : keys) post(key, collected);
        start_jobs();
    }
    TimePoint report = parts_.clock.now() + kProgress;
    LockGuard lock(collected->mutex);
    while (collected->left != 0) {
        collected->changed.wait_until(collected->mutex, parts_.clock, report);
        if (collected->left == 0 || parts_.clock.now() < report) continue;
        log_info("meta", "event=sending_pending objects={} left={}", keys.size(), collected->left);
        report = parts_.clock.now() + kProgress;
    }
    if (collected->first) return *collected->first;
    return {};
}

Result<void> LateSender::shutdown() {
    end_timer();
    auto sent = send_below("");
    stop();
    return sent;
}

void LateSender::end_timer() {
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        drop_unasked();
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void LateSender::drop_unasked() {
    queue_.clear();
    for (auto line = lines_.begin(); line != lines_.end();) {
        if (line->second.waiters.empty()) {
            line->second.queued = false;
            if (std::exchange(line->second.parked, false)) --parked_;
        }
        if (line->second.queued && !line->second.running && !line->second.parked)
            queue_.push_back(line->first);
        const bool idle = !line->second.queued && !line->second.running;
        line = idle ? lines_.erase(line) : std::next(line);
    }
}

void LateSender::stop() {
    end_timer();
    {
        LockGuard lock(mutex_);
        while (running_ + parked_ != 0) idle_.wait(mutex_);
    }
    workers_.drain();
}

}  // namespace xbucket
