// SPDX-FileCopyrightText: the xbucket authors
#include "posix_sender.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <memory>

namespace xbucket {

namespace {

// May go better later.
bool is_passing(ErrorKind kind) {
    return kind == ErrorKind::timed_out || kind == ErrorKind::network ||
           kind == ErrorKind::throttled || kind == ErrorKind::server_error ||
           kind == ErrorKind::conflict || kind == ErrorKind::expired_credentials;
}

}  // namespace

PosixSender::PosixSender(MetaParts& parts, Updater& updater)
    : parts_(parts), updater_(updater), workers_("posix", kWorkers), thread_([this] { run(); }) {}

PosixSender::~PosixSender() { stop(); }

void PosixSender::add(const ObjectKey& key, const PosixRecord& change) {
    parts_.pending.add(key, change, parts_.clock.now() + parts_.config.posix_delay);
    LockGuard lock(mutex_);
    changed_.notify_one();
}

void PosixSender::run() {
    for (;;) {
        {
            LockGuard lock(mutex_);
            if (stopping_) return;
            const TimePoint due = parts_.pending.next_due();
            if (parts_.clock.now() < due) {
                changed_.wait_until(mutex_, parts_.clock, due);
                continue;
            }
        }
        const TimePoint now = parts_.clock.now();
        // A key whose sending fails for the moment comes up again after a while.
        for (const ObjectKey& key : parts_.pending.take_due(now, now + kAgain))
            workers_.post([this, key] { static_cast<void>(send(key).has_value()); });
    }
}

Result<void> PosixSender::send(const ObjectKey& key) {
    auto sent = updater_.record_pending(key);
    if (sent || is_passing(sent.error().kind)) return sent;
    parts_.pending.drop(key);
    if (sent.error().kind == ErrorKind::not_found) return {};  // deleted: nothing to record
    log_warning("meta", "key={} mode, owner or times not recorded: {}", printable(key.str()),
                sent.error().describe());
    return sent;
}

Result<void> PosixSender::flush(const ObjectKey& key) {
    if (parts_.pending.get(key).empty()) return {};
    return send(key);
}

Result<void> PosixSender::flush_below(std::string_view prefix) {
    struct Collected {
        Mutex mutex;
        CondVar changed;
        size_t left GUARDED_BY(mutex) = 0;
        std::optional<Error> first GUARDED_BY(mutex);
    };
    const std::vector<ObjectKey> keys = parts_.pending.keys_below(prefix);
    if (keys.empty()) return {};
    const auto collected = std::make_shared<Collected>();
    {
        LockGuard lock(collected->mutex);
        collected->left = keys.size();
    }
    for (const ObjectKey& key : keys) {
        workers_.post([this, key, collected] {
            auto sent = send(key);
            LockGuard lock(collected->mutex);
            if (!sent && !collected->first) collected->first = std::move(sent).error();
            --collected->left;
            collected->changed.notify_all();
        });
    }
    LockGuard lock(collected->mutex);
    while (collected->left != 0) collected->changed.wait(collected->mutex);
    if (collected->first) return *collected->first;
    return {};
}

Result<void> PosixSender::shutdown() {
    auto sent = flush_below("");
    stop();
    return sent;
}

void PosixSender::stop() {
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    workers_.drain();
}

}  // namespace xbucket
