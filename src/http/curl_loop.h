// SPDX-FileCopyrightText: the xbucket authors
// The transport's thread: takes what the inbox holds, lets each class of requests have its budget,
// drives libcurl, and watches the deadlines.
//
// One pass of the loop is: take the inbox, admit from the queues, curl_multi_perform, reap what
// is done, look at the deadlines; then poll, unless there is more to do at once.
#pragma once

#include "curl_handle.h"
#include "easy_slot.h"
#include "inbox.h"

#include <array>
#include <deque>

namespace xbucket {

// What stats() shows; written by the loop (queued: by start() too), read by anybody.
struct LoopCounters {
    std::atomic<uint64_t> requests{0};
    std::atomic<uint64_t> bytes_out{0};
    std::atomic<uint64_t> bytes_in{0};
    std::atomic<uint64_t> connections_opened{0};
    std::atomic<uint64_t> in_flight{0};
    std::atomic<uint64_t> queued{0};
};

// Made on one thread, then confined to the thread that calls run().
class CurlLoop {
  public:
    // Requests that wait in one class's queue; more are refused with `busy`.
    static constexpr size_t kQueuedMax = 100'000;

    // All of them must outlive the loop.
    CurlLoop(const CurlTransportConfig& config, CURLM* multi, CURLSH* share, Inbox& inbox,
             LoopCounters& counters, const Clock& clock);

    // Returns when the inbox was stopped and every exchange has been finished.
    void run();

  private:
    struct Budget {
        size_t max = 1;
        size_t active = 0;
        // Those that were cancelled or ran out of time meanwhile are over, and skipped.
        std::deque<std::shared_ptr<Exchange>> queue;
    };

    void handle(Inbox::Item& item);
    void enqueue(std::shared_ptr<Exchange> exchange);
    void resume(Exchange& exchange);
    void cancel(const std::shared_ptr<Exchange>& exchange);

    bool can_admit() const;
    void admit();
    void activate(std::shared_ptr<Exchange> exchange, Budget& budget);
    void reap();
    void expire();
    void end(EasySlot& slot, Result<HttpResponse> result);
    void conclude(EasySlot& slot, CURLcode code);
    void drop_queued(Exchange& exchange, Error error);
    void finish_all();
    void poll();

    Budget& budget_of(const Exchange& exchange) {
        return budgets_[static_cast<size_t>(exchange.request().request_class)];
    }

    const CurlTransportConfig& config_;
    CURLM* const multi_;
    CURLSH* const share_;
    Inbox& inbox_;
    LoopCounters& counters_;
    const Clock& clock_;

    std::array<Budget, 4> budgets_;
    std::vector<std::unique_ptr<EasySlot>> slots_;  // all of them
    std::vector<EasySlot*> idle_[2];                // by bulk()
    std::vector<EasySlot*> active_;
    std::vector<Inbox::Item> items_;
    TimePoint pass_begun_;
    TimePoint next_look_ = TimePoint::never();  // no deadline passes before it
};

}  // namespace xbucket
