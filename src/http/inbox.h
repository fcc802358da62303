// SPDX-FileCopyrightText: the xbucket authors
// What other threads ask of the transport's thread, and the bell that wakes it.
//
// The bell (curl_multi_wakeup, a system call) rings only when the thread is in its poll or on its
// way there, so that a burst of requests costs one wakeup. The inbox outlives the transport in the
// hands of Transfers that callers kept; once closed, everything asked of it is dropped.
#pragma once

#include "xbucket/base/sync.h"

#include <curl/curl.h>

#include <memory>
#include <vector>

namespace xbucket {

class Exchange;

// Thread-safe.
class Inbox {
  public:
    enum class What { start, resume, cancel };
    struct Item {
        What what;
        std::shared_ptr<Exchange> exchange;  // lives until both the caller and the thread let go
    };

    explicit Inbox(CURLM* multi) : multi_(multi) {}

    // False when closed: nothing will come of the item.
    bool post(Item item) EXCLUDES(mutex_);
    // Asks the thread to end.
    void stop() EXCLUDES(mutex_);

    // For the transport's thread. Puts everything posted into `items` (which must be empty), in
    // order; true when stop() was called.
    bool take(std::vector<Item>& items) EXCLUDES(mutex_);
    // Announces a poll, after which post() rings; false when there is something to take first.
    bool fall_asleep() EXCLUDES(mutex_);
    void wake_up() EXCLUDES(mutex_);
    // Closes for good unless something is left to take.
    bool close_if_empty() EXCLUDES(mutex_);

  private:
    void ring() REQUIRES(mutex_);

    Mutex mutex_;
    CURLM* const multi_;  // valid until closed_
    std::vector<Item> items_ GUARDED_BY(mutex_);
    bool asleep_ GUARDED_BY(mutex_) = false;
    bool stopping_ GUARDED_BY(mutex_) = false;
    bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace xbucket
