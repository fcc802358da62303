// SPDX-FileCopyrightText: the xbucket authors
#include "interrupts.h"

#include "caller.h"
#include "mount.h"

#include "xbucket/base/log.h"
#include "xbucket/base/signals.h"

#include <algorithm>
#include <pthread.h>

namespace xbucket::fuse {

namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(250);

}  // namespace

fuse_req_t Request::take() {
    const fuse_req_t req = req_.exchange(nullptr);
    // Before it is answered, and its address free for the next.
    if (req != nullptr && watched_) mount_.interrupts.forget(req);
    return req;
}

Interrupts::Interrupts(const Clock& clock) : clock_(clock) {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

Interrupts::~Interrupts() { stop(); }

void Interrupts::stop() {
    {
        LockGuard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Interrupts::watch(const RequestPtr& request, Look look) {
    const fuse_req_t req = request->req_;
    request->watched_ = true;
    {
        LockGuard lock(mutex_);
        requests_.emplace(req, Known{.request = request});
    }
    // Calls back at once where the interrupt came first; and goes on to use its request after that,
    // which must not be answered before.
    fuse_req_interrupt_func(req, &on_interrupt, this);
    bool wake = false;
    {
        LockGuard lock(mutex_);
        Known& known = requests_[req];
        known.ready = true;
        if (known.interrupted) {
            watched_.push_back({request, TimePoint{}});
            wake = true;
        } else if (look == Look::unasked) {
            watched_.push_back({request, clock_.now() + kLookAgain});
            wake = next_look_ == TimePoint::never();
        }
    }
    if (wake) changed_.notify_one();
}

// Holds a lock of libfuse's request, which keeps it alive.
void Interrupts::on_interrupt(fuse_req_t req, void* self) {
    Interrupts& interrupts = *static_cast<Interrupts*>(self);
    {
        LockGuard lock(interrupts.mutex_);
        const auto found = interrupts.requests_.find(req);
        if (found == interrupts.requests_.end()) return;
        found->second.interrupted = true;
        if (!found->second.ready) return;
        interrupts.watched_.push_back({found->second.request, TimePoint{}});
    }
    interrupts.changed_.notify_one();
}

void Interrupts::forget(fuse_req_t req) {
    LockGuard lock(mutex_);
    requests_.erase(req);
}

void Interrupts::finished(const Request& request) {
    std::vector<std::function<void()>> releases;
    {
        LockGuard lock(mutex_);
        const auto given_up = given_up_.find(&request);
        if (given_up == given_up_.end()) return;
        for (const HandleId handle : given_up->second) {
            const auto use = in_use_.find(handle);
            if (--use->second.handlers != 0) continue;
            if (use->second.release) releases.push_back(std::move(use->second.release));
            in_use_.erase(use);
        }
        given_up_.erase(given_up);
    }
    for (const auto& release : releases) release();
}

void Interrupts::when_unused(HandleId handle, std::function<void()> release) {
    {
        LockGuard lock(mutex_);
        const auto use = in_use_.find(handle);
        if (use != in_use_.end()) {
            use->second.release = std::move(release);
            return;
        }
    }
    release();
}

void Interrupts::give_up(Request& request) {
    {
        // First, for its release may follow its answer at once.
        LockGuard lock(mutex_);
        for (const HandleId handle : request.handles()) ++in_use_[handle].handlers;
        given_up_.emplace(&request, request.handles());
    }
    const fuse_req_t req = request.take();
    if (req == nullptr) return finished(request);  // its handler was faster
    log_debug("fuse", "event=caller_killed thread={}", request.thread());
    fuse_reply_err(req, EINTR);
}

std::vector<RequestPtr> Interrupts::take_due(TimePoint now) {
    std::vector<RequestPtr> due;
    std::vector<Watched> left;
    next_look_ = TimePoint::never();
    for (Watched& watched : watched_) {
        if (watched.request->is_answered()) continue;
        if (watched.next_look <= now) {
            due.push_back(watched.request);
            watched.next_look = now + kLookAgain;
        }
        next_look_ = std::min(next_look_, watched.next_look);
        left.push_back(std::move(watched));
    }
    watched_ = std::move(left);
    return due;
}

void Interrupts::run() {
    pthread_setname_np(pthread_self(), "fuse-interrupts");
    LockGuard lock(mutex_);
    while (!stopping_) {
        const std::vector<RequestPtr> due = take_due(clock_.now());
        if (!due.empty()) {
            lock.unlock();
            for (const RequestPtr& request : due) {
                if (!request->is_answered() && is_dying(request->thread())) give_up(*request);
            }
            lock.lock();
            continue;  // what came meanwhile may be due
        }
        changed_.wait_until(mutex_, clock_, next_look_);
    }
}

}  // namespace xbucket::fuse
