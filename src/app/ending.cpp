// SPDX-FileCopyrightText: the xbucket authors
#include "ending.h"

#include "xbucket/base/log.h"
#include "xbucket/base/signals.h"

#include <utility>

namespace xbucket::app {

Ending::Ending(Clock& clock, Duration at_most, std::function<void(ExitCode)> end)
    : clock_(clock), at_most_(at_most), end_(std::move(end)) {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { watch(); });
}

Ending::~Ending() {
    {
        LockGuard lock(mutex_);
        over_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

Ending::Holding::Holding(Ending& ending, std::function<void()> save) : ending_(ending) {
    LockGuard lock(ending_.ending_);
    ending_.save_ = std::move(save);
}

Ending::Holding::~Holding() {
    LockGuard lock(ending_.ending_);
    ending_.save_ = nullptr;
}

void Ending::begin() {
    LockGuard lock(mutex_);
    if (deadline_ != TimePoint::never()) return;
    deadline_ = clock_.now() + at_most_;
    changed_.notify_all();
}

// With the lock held: what `save` saves must not go meanwhile, and nothing is to be done twice.
void Ending::now() {
    LockGuard lock(ending_);
    if (save_) save_();
    end_(code_);
}

void Ending::done(ExitCode code) {
    LockGuard lock(ending_);
    code_ = code;
}

void Ending::watch() {
    {
        LockGuard lock(mutex_);
        while (!over_ && clock_.now() < deadline_) changed_.wait_until(mutex_, clock_, deadline_);
        if (over_) return;
    }
    log_error("app", "event=stop_timeout seconds={}",
              std::chrono::duration_cast<std::chrono::seconds>(at_most_).count());
    now();
}

}  // namespace xbucket::app
