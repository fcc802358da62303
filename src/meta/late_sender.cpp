// SPDX-FileCopyrightText: the xbucket authors
#include "late_sender.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>

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

LateSender::LateSender(MetaParts& parts, Updater& updater)
    : parts_(parts),
      updater_(updater),
      workers_("late", std::max<size_t>(parts.config.senders_max, 1)),
      window_(parts.config.senders_max),
      thread_([this] { run(); }) {}

LateSender::~LateSender() { stop(); }

void LateSender::add(const ObjectKey& key, const PosixRecord& change) {
    if (parts_.pending.add(key, change, parts_.clock.now() + parts_.config.posix_delay)) wake();
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
    return std::min(parts_.pending.next_due(), parts_.behind.next_due());
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
        const TimePoint now = parts_.clock.now();
        // A key whose sending fails for the moment comes up again after a while.
        const TimePoint again = now + kAgain;
        for (const ObjectKey& key :
             both(parts_.pending.take_due(now, again), parts_.behind.take_due(now, again)))
            post([this, key] { static_cast<void>(send(key).has_value()); });
    }
}

void LateSender::post(std::function<void()> job) {
    LockGuard lock(mutex_);
    jobs_.push_back(std::move(job));
    start_jobs();
}

void LateSender::start_jobs() {
    while (!jobs_.empty() && running_ < window_.size()) {
        ++running_;
        workers_.post([this, job = std::move(jobs_.front())] { run_job(job); });
        jobs_.pop_front();
    }
}

void LateSender::run_job(const std::function<void()>& job) {
    job();
    const uint64_t retries = parts_.store.stats().retries;
    LockGuard lock(mutex_);
    window_.sent(retries, parts_.clock.now());
    --running_;
    start_jobs();
    if (running_ == 0) idle_.notify_all();
}

Result<void> LateSender::send(const ObjectKey& key) {
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

Result<void> LateSender::flush(const ObjectKey& key) {
    if (!parts_.pending.get(key).empty() || parts_.behind.has(key)) TRY(send(key));
    return parts_.behind.take_failures(key, WriteBehind::Scope::key);
}

Result<void> LateSender::flush_below(std::string_view prefix) {
    auto sent = send_all(both(parts_.pending.keys_below(prefix), parts_.behind.keys_below(prefix)));
    auto told =
        parts_.behind.take_failures(ObjectKey(std::string(prefix)), WriteBehind::Scope::prefix);
    return sent ? told : sent;
}

Result<void> LateSender::flush_directories_below(std::string_view prefix) {
    std::vector<ObjectKey> keys =
        both(parts_.pending.keys_below(prefix), parts_.behind.keys_below(prefix));
    std::erase_if(keys, [](const ObjectKey& key) { return !key.str().ends_with('/'); });
    Result<void> flushed = send_all(keys);
    // One error can be told; those of others stay to be told.
    for (const ObjectKey& key : keys) {
        if (!flushed) break;
        flushed = parts_.behind.take_failures(key, WriteBehind::Scope::key);
    }
    return flushed;
}

Result<void> LateSender::send_all(const std::vector<ObjectKey>& keys) {
    struct Collected {
        Mutex mutex;
        CondVar changed;
        size_t left GUARDED_BY(mutex) = 0;
        std::optional<Error> first GUARDED_BY(mutex);
    };
    if (keys.empty()) return {};
    const auto collected = std::make_shared<Collected>();
    {
        LockGuard lock(collected->mutex);
        collected->left = keys.size();
    }
    for (const ObjectKey& key : keys) {
        post([this, key, collected] {
            auto sent = send(key);
            LockGuard lock(collected->mutex);
            if (!sent && !collected->first) collected->first = std::move(sent).error();
            --collected->left;
            collected->changed.notify_all();
        });
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
    auto sent = flush_below("");
    stop();
    return sent;
}

void LateSender::stop() {
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    {
        LockGuard lock(mutex_);
        while (running_ != 0) idle_.wait(mutex_);
    }
    workers_.drain();
}

}  // namespace xbucket
