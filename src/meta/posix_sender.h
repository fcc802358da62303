// SPDX-FileCopyrightText: the xbucket authors
// Records pending chmod, chown and utimens within MetaConfig::posix_delay: one thread keeps the
// time, a few workers send, merged per key.
#pragma once

#include "meta_parts.h"
#include "updater.h"

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"

#include <thread>

namespace xbucket {

// Thread-safe.
class PosixSender {
  public:
    PosixSender(MetaParts& parts, Updater& updater);
    ~PosixSender();

    // Never blocks.
    void add(const ObjectKey& key, const PosixRecord& change) EXCLUDES(mutex_);
    // Errors: the updater's; what cannot be recorded is dropped.
    Result<void> flush(const ObjectKey& key);
    // The first error, after trying all.
    Result<void> flush_below(std::string_view prefix);
    // Sends everything and ends the thread.
    Result<void> shutdown() EXCLUDES(mutex_);
    // Ends the thread; what is pending stays unsent.
    void stop() EXCLUDES(mutex_);

  private:
    static constexpr size_t kWorkers = 8;
    static constexpr Duration kAgain = std::chrono::seconds(30);

    void run() EXCLUDES(mutex_);
    Result<void> send(const ObjectKey& key);

    MetaParts& parts_;
    Updater& updater_;
    WorkerPool workers_;
    Mutex mutex_;
    CondVar changed_;
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace xbucket
