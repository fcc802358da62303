// SPDX-FileCopyrightText: the xbucket authors
// Sends what may be late: chmod, chown and utimens within MetaConfig::posix_delay, and with
// write-behind what the journal holds within MetaConfig::commit_delay. What uploads left undone is
// tried again here, too. One thread keeps the time,
// workers send, and all that is pending of an object goes as one update. A key waits in line once,
// however often it comes up, and takes one worker, or none while somebody else holds its turn.
#pragma once

#include "meta_parts.h"
#include "object_moves.h"
#include "send_window.h"
#include "updater.h"

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"

#include <deque>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe.
class LateSender {
  public:
    LateSender(MetaParts& parts, Updater& updater, ObjectMoves& moves);
    ~LateSender();

    // Never blocks.
    void add(const ObjectKey& key, const PosixRecord& change) EXCLUDES(mutex_);
    // The journal has something that is due before all else.
    void wake() EXCLUDES(mutex_);
    // The journal is full: all of it is due now.
    void hurry() EXCLUDES(mutex_);
    // Errors: the updater's, and io for what can never be sent (told once). POSIX state that cannot
    // be recorded is dropped.
    Result<void> flush(const ObjectKey& key);
    // Sends what is pending below; tells of nothing that failed for good. The first error, after
    // trying all.
    Result<void> send_below(std::string_view prefix);
    // Of directories only; told is what could not be sent of those.
    Result<void> flush_directories_below(std::string_view prefix);
    // Sends everything and ends the thread; tells of nothing that failed for good.
    Result<void> shutdown() EXCLUDES(mutex_);
    // Ends the thread; what is pending stays unsent.
    void stop() EXCLUDES(mutex_);

  private:
    static constexpr Duration kAgain = std::chrono::seconds(30);
    static constexpr Duration kProgress = std::chrono::seconds(5);

    struct Collected;  // what became of the keys that somebody waits for
    using CollectedPtr = std::shared_ptr<Collected>;
    struct Line {
        bool running = false;
        bool queued = false;  // for another time, where it is running
        // Queued, but somebody holds the key's turn: an upload may hold it for hours, and must not
        // keep others from being sent.
        bool parked = false;
        bool was_parked = false;  // and has its place among those who wait for the turn now
        std::vector<CollectedPtr> waiters;
    };

    void run() EXCLUDES(mutex_);
    TimePoint next_due() const;
    Result<void> send(const ObjectKey& key);
    Result<void> send_pending(const ObjectKey& key);
    Result<void> finish_rest(const ObjectKey& key);
    std::vector<ObjectKey> keys_below(std::string_view prefix) const;
    Result<void> send_all(const std::vector<ObjectKey>& keys) EXCLUDES(mutex_);
    // Sent when the window has room for it, in the order of the calls. `waiter`: told of the
    // result of sending that begins after this; else null.
    void post(const ObjectKey& key, const CollectedPtr& waiter) REQUIRES(mutex_);
    void start_jobs() REQUIRES(mutex_);
    bool park(const ObjectKey& key) REQUIRES(mutex_);
    void unpark(const ObjectKey& key) EXCLUDES(mutex_);
    void run_job(const ObjectKey& key, const std::vector<CollectedPtr>& waiters) EXCLUDES(mutex_);
    void end_timer() EXCLUDES(mutex_);
    // Those in line that nobody waits for.
    void drop_unasked() REQUIRES(mutex_);

    MetaParts& parts_;
    Updater& updater_;
    ObjectMoves& moves_;
    WorkerPool workers_;
    Mutex mutex_;
    CondVar changed_;
    bool stopping_ GUARDED_BY(mutex_) = false;
    SendWindow window_ GUARDED_BY(mutex_);
    std::unordered_map<ObjectKey, Line> lines_ GUARDED_BY(mutex_);
    std::deque<ObjectKey> queue_ GUARDED_BY(mutex_);  // queued, and neither running nor parked
    size_t running_ GUARDED_BY(mutex_) = 0;
    size_t parked_ GUARDED_BY(mutex_) = 0;
    CondVar idle_;
    std::thread thread_;
};

}  // namespace xbucket
