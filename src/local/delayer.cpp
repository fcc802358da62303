// SPDX-FileCopyrightText: the xbucket authors
#include "delayer.h"

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
    jobs_.emplace(std::pair(when, next_++), std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    changed_.notify_all();
}

void Delayer::release_all() {
    std::map<std::pair<TimePoint, uint64_t>, std::function<void()>> jobs;
    {
        LockGuard lock(mutex_);
        released_ = true;
        jobs = std::move(jobs_);
        jobs_.clear();
    }
    for (auto& [when, job] : jobs) job();
}

void Delayer::run() {
    LockGuard lock(mutex_);
    while (!stopping_) {
        if (jobs_.empty()) {
            changed_.wait(mutex_);
            continue;
        }
        const auto first = jobs_.begin();
        const TimePoint when = first->first.first;
        if (when == TimePoint::never()) {
            changed_.wait(mutex_);
        } else if (clock_.now() < when) {
            changed_.wait_until(mutex_, clock_, when);
        } else {
            auto job = std::move(first->second);
            jobs_.erase(first);
            lock.unlock();
            job();
            lock.lock();
        }
    }
}

}  // namespace xbucket::local
