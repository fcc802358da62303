// SPDX-FileCopyrightText: the xbucket authors
#include "delayer.h"

#include <chrono>
#include <vector>

namespace xbucket::local {

Delayer::~Delayer() {
    release_all();
    std::thread thread;
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
        changed_.notify_all();
    }
    if (thread.joinable()) thread.join();
}

void Delayer::at(TimePoint when, std::function<void()> job) {
    LockGuard lock(mutex_);
    if (released_) {
        lock.unlock();
        job();
        lock.lock();
        return;
    }
    const auto added = jobs_.emplace(std::pair(when, next_++), std::move(job)).first;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    if (added == jobs_.begin()) changed_.notify_all();
}

void Delayer::release_all() {
    std::map<std::pair<TimePoint, uint64_t>, std::function<void()>> jobs;
    {
        LockGuard lock(mutex_);
        released_ = true;
        jobs = std::move(jobs_);
        jobs_.clear();
        while (running_) changed_.wait(mutex_);
    }
    for (auto& [when, job] : jobs) job();
}

// Where many wait, those that are due within a moment go together: each needs its connection's
// thread, which would be woken for every single one.
void Delayer::run() {
    constexpr size_t kMany = 16;
    constexpr auto kMoment = std::chrono::microseconds(200);
    std::vector<std::function<void()>> due;
    LockGuard lock(mutex_);
    while (!stopping_) {
        const TimePoint now = clock_.now();
        while (!jobs_.empty() && jobs_.begin()->first.first <= now) {
            due.push_back(std::move(jobs_.begin()->second));
            jobs_.erase(jobs_.begin());
        }
        if (!due.empty()) {
            const bool many = jobs_.size() >= kMany;
            running_ = true;
            lock.unlock();
            for (const auto& job : due) job();
            due.clear();
            if (many) std::this_thread::sleep_for(kMoment);
            lock.lock();
            running_ = false;
            changed_.notify_all();
        } else if (jobs_.empty() || jobs_.begin()->first.first == TimePoint::never()) {
            changed_.wait(mutex_);
        } else {
            changed_.wait_until(mutex_, clock_, jobs_.begin()->first.first);
        }
    }
}

}  // namespace xbucket::local
