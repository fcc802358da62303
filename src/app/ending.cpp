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

Ending::Holding::Holding(Ending& ending, std::function<void()> save,
                         std::function<uint64_t()> progress)
    : ending_(ending) {
    LockGuard lock(ending_.ending_);
    ending_.save_ = std::move(save);
    ending_.progress_ = std::move(progress);
}

Ending::Holding::~Holding() {
    LockGuard lock(ending_.ending_);
    ending_.save_ = nullptr;
    ending_.progress_ = nullptr;
}

void Ending::begin() {
    LockGuard lock(mutex_);
    if (deadline_ != TimePoint::never() && !patient_) return;
    patient_ = false;
    deadline_ = clock_.now() + at_most_;
    changed_.notify_all();
}

void Ending::begin_unmounted() {
    const uint64_t seen = progress();
    LockGuard lock(mutex_);
    if (deadline_ != TimePoint::never()) return;
    patient_ = true;
    seen_ = seen;
    deadline_ = clock_.now() + at_most_;
    changed_.notify_all();
}

uint64_t Ending::progress() {
    LockGuard lock(ending_);
    return progress_ ? progress_() : 0;
}

// Whether the time, which has passed, begins again.
bool Ending::goes_on() {
    const uint64_t now = progress();
    LockGuard lock(mutex_);
    if (!patient_) return clock_.now() < deadline_;  // begun anew meanwhile
    if (now == seen_) return false;
    seen_ = now;
    deadline_ = clock_.now() + at_most_;
    return true;
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
    do {
        LockGuard lock(mutex_);
        while (!over_ && clock_.now() < deadline_) changed_.wait_until(mutex_, clock_, deadline_);
        if (over_) return;
    } while (goes_on());
    log_error("app", "event=stop_timeout seconds={}",
              std::chrono::duration_cast<std::chrono::seconds>(at_most_).count());
    now();
}

}  // namespace xbucket::app
