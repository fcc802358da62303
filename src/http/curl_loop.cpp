// SPDX-FileCopyrightText: the xbucket authors
#include "curl_loop.h"

#include "curl_errors.h"

#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace xbucket {

namespace {

// libcurl looks at all of its transfers in each pass, with a poll() for each, so that one pass for
// every reply would cost most of the thread's time: where there are many, what comes within a
// moment is looked at together.
Duration moment_for(size_t transfers) {
    using std::chrono::microseconds;
    if (transfers >= 100) return microseconds(500);
    if (transfers >= 16) return microseconds(200);
    return microseconds(0);  // as one program at a time has them: each reply at once
}

Error cancelled(const Exchange& exchange) {
    return fail(ErrorKind::cancelled, exchange.label() + "cancelled");
}

}  // namespace

CurlLoop::CurlLoop(const CurlTransportConfig& config, CURLM* multi, CURLSH* share, Inbox& inbox,
                   LoopCounters& counters, const Clock& clock)
    : config_(config),
      multi_(multi),
      share_(share),
      inbox_(inbox),
      counters_(counters),
      clock_(clock) {
    const std::array<size_t, 4> maxima = {config.interactive_max, config.prefetch_max,
                                          config.update_max, config.data_max};
    size_t total = 0;
    for (size_t i = 0; i < maxima.size(); ++i) {
        budgets_[i].max = std::max<size_t>(1, maxima[i]);
        total += budgets_[i].max;
    }
    // libcurl's own default, four times the handles of the moment, would close most connections
    // each time that a burst ends.
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(total));
}

void CurlLoop::run() {
    while (true) {
        pass_begun_ = clock_.now();
        const bool stopping = inbox_.take(items_);
        for (Inbox::Item& item : items_) handle(item);
        items_.clear();
        if (stopping) break;
        admit();
        int running = 0;
        const CURLMcode code = curl_multi_perform(multi_, &running);
        if (code != CURLM_OK) {
            log_error("http", "curl_multi_perform failed: {}", curl_multi_strerror(code));
        }
        reap();
        expire();
        if (!can_admit()) poll();
    }
    finish_all();
}

void CurlLoop::handle(Inbox::Item& item) {
    switch (item.what) {
        case Inbox::What::start:
            enqueue(std::move(item.exchange));
            return;
        case Inbox::What::resume:
            resume(*item.exchange);
            return;
        case Inbox::What::cancel:
            cancel(item.exchange);
            return;
    }
}

void CurlLoop::enqueue(std::shared_ptr<Exchange> exchange) {
    if (exchange->refusal()) {
        drop_queued(*exchange, *exchange->refusal());
        return;
    }
    Budget& budget = budget_of(*exchange);
    if (budget.queue.size() >= kQueuedMax) {
        drop_queued(
            *exchange,
            fail(ErrorKind::busy, fmt::format("{}{} requests are waiting already; try again later",
                                              exchange->label(), kQueuedMax)));
        return;
    }
    next_look_ = std::min(next_look_, exchange->next_look(clock_.now()));
    budget.queue.push_back(std::move(exchange));
}

void CurlLoop::resume(Exchange& exchange) {
    if (!exchange.unpause() || exchange.slot() == nullptr) return;
    EasySlot& slot = *exchange.slot();
    // Delivers what libcurl has kept, here and now: the sink may pause again, or fail.
    const CURLcode code = curl_easy_pause(slot.easy(), CURLPAUSE_CONT);
    if (code != CURLE_OK) conclude(slot, code);
}

void CurlLoop::cancel(const std::shared_ptr<Exchange>& exchange) {
    switch (exchange->state()) {
        case Exchange::State::queued:
            drop_queued(*exchange, cancelled(*exchange));
            return;
        case Exchange::State::active:
            end(*exchange->slot(), cancelled(*exchange));
            return;
        case Exchange::State::over:
            return;
    }
}

void CurlLoop::drop_queued(Exchange& exchange, Error error) {
    --counters_.queued;
    exchange.finish(std::move(error), 0);
}

bool CurlLoop::can_admit() const {
    return std::any_of(budgets_.begin(), budgets_.end(), [](const Budget& budget) {
        return budget.active < budget.max && !budget.queue.empty();
    });
}

void CurlLoop::admit() {
    for (Budget& budget : budgets_) {
        while (budget.active < budget.max && !budget.queue.empty()) {
            std::shared_ptr<Exchange> exchange = std::move(budget.queue.front());
            budget.queue.pop_front();
            if (exchange->state() == Exchange::State::over) continue;
            activate(std::move(exchange), budget);
        }
    }
}

void CurlLoop::activate(std::shared_ptr<Exchange> exchange, Budget& budget) {
    const bool bulk = exchange->request().request_class == RequestClass::data;
    std::vector<EasySlot*>& idle = idle_[bulk ? 1 : 0];
    if (idle.empty()) {
        slots_.push_back(std::make_unique<EasySlot>(config_, share_, pass_begun_, bulk));
        idle.push_back(slots_.back().get());
    }
    EasySlot& slot = *idle.back();
    if (auto ready = exchange->activate(slot); !ready) {
        drop_queued(*exchange, std::move(ready).error().with_context(exchange->label() + "body"));
        return;
    }
    idle.pop_back();
    ++budget.active;
    slot.load(std::move(exchange));
    slot.index = active_.size();
    active_.push_back(&slot);
    --counters_.queued;
    ++counters_.in_flight;
    ++counters_.requests;
    next_look_ = std::min(next_look_, slot.exchange().next_look(clock_.now()));
    const CURLMcode code = curl_multi_add_handle(multi_, slot.easy());
    if (code != CURLM_OK) {
        end(slot, fail(ErrorKind::internal, slot.exchange().label() + curl_multi_strerror(code)));
    }
}

void CurlLoop::reap() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        EasySlot* slot = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        conclude(*slot, message->data.result);  // invalidates `message`
    }
}

void CurlLoop::conclude(EasySlot& slot, CURLcode code) {
    end(slot,
        slot.exchange().conclude(code, slot.error_text(), slot.os_error(), slot.verify_result()));
}

void CurlLoop::end(EasySlot& slot, Result<HttpResponse> result) {
    const uint64_t bytes_out = slot.request_bytes_out();
    const uint64_t opened = slot.connections_opened();
    curl_multi_remove_handle(multi_, slot.easy());
    active_[slot.index] = active_.back();
    active_[slot.index]->index = slot.index;
    active_.pop_back();
    const std::shared_ptr<Exchange> exchange = slot.unload();
    idle_[slot.bulk() ? 1 : 0].push_back(&slot);
    --budget_of(*exchange).active;
    --counters_.in_flight;
    counters_.connections_opened += opened;
    counters_.bytes_in += exchange->body_bytes_in();
    counters_.bytes_out += exchange->body_bytes_out();
    if (result) result->reused_connection = opened == 0;
    exchange->finish(std::move(result), bytes_out);
}

void CurlLoop::expire() {
    const TimePoint now = clock_.now();
    if (now < next_look_) return;
    // Ending one changes the lists, so those that are due are gathered first.
    std::vector<std::pair<std::shared_ptr<Exchange>, Error>> due;
    TimePoint next = TimePoint::never();
    const auto look = [&](const std::shared_ptr<Exchange>& exchange) {
        if (exchange->state() == Exchange::State::over) return;
        if (auto error = exchange->overdue(now)) {
            due.emplace_back(exchange, std::move(*error));
        } else {
            next = std::min(next, exchange->next_look(now));
        }
    };
    for (const EasySlot* slot : active_) look(slot->exchange().shared_from_this());
    for (const Budget& budget : budgets_)
        std::for_each(budget.queue.begin(), budget.queue.end(), look);
    next_look_ = next;
    for (auto& [exchange, error] : due) {
        if (exchange->state() == Exchange::State::queued) {
            drop_queued(*exchange, std::move(error));
        } else {
            end(*exchange->slot(), std::move(error));
        }
    }
}

// Callbacks of what ends here may start more, which ends at once as well.
void CurlLoop::finish_all() {
    do {
        for (Inbox::Item& item : items_) handle(item);
        items_.clear();
        while (!active_.empty()) end(*active_.back(), cancelled(active_.back()->exchange()));
        for (Budget& budget : budgets_) {
            while (!budget.queue.empty()) {
                const std::shared_ptr<Exchange> exchange = std::move(budget.queue.front());
                budget.queue.pop_front();
                cancel(exchange);
            }
        }
        inbox_.take(items_);
    } while (!items_.empty() || !inbox_.close_if_empty());
}

void CurlLoop::poll() {
    if (!inbox_.fall_asleep()) return;
    constexpr Duration kLongest = std::chrono::seconds(60);
    // A due deadline is seen by the next pass, which must come: round up, never down to a spin.
    const TimePoint now = clock_.now();
    const Duration left =
        next_look_ == TimePoint::never() ? kLongest : std::min(kLongest, next_look_ - now);
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    // Shortened by libcurl where one of its own timers runs out earlier.
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::max<int64_t>(0, timeout)), nullptr);
    inbox_.wake_up();
    const Duration moment = moment_for(active_.size());
    if (moment > Duration::zero()) std::this_thread::sleep_for(moment);
}

}  // namespace xbucket
