// SPDX-FileCopyrightText: the xbucket authors
#include "crew.h"

#include <utility>

namespace xbucket::app {

void Crew::post(std::function<Delivery()> job) {
    uint64_t number = 0;
    {
        LockGuard lock(mutex_);
        while (posted_ - delivered_ >= window_) moved_.wait(mutex_);
        number = posted_++;
    }
    pool_.post([this, number, job = std::move(job)] { deliver(number, job()); });
}

void Crew::deliver(uint64_t number, Delivery delivery) {
    LockGuard lock(mutex_);
    ready_.emplace(number, std::move(delivery));
    // Whoever delivers goes on as long as the next one is ready; the others return to their work.
    if (delivering_) return;
    delivering_ = true;
    while (!ready_.empty() && ready_.begin()->first == delivered_) {
        const Delivery next = std::move(ready_.begin()->second);
        ready_.erase(ready_.begin());
        lock.unlock();
        if (next) next();
        lock.lock();
        ++delivered_;
        moved_.notify_all();
    }
    delivering_ = false;
}

void Crew::finish() {
    LockGuard lock(mutex_);
    while (delivered_ != posted_) moved_.wait(mutex_);
}

}  // namespace xbucket::app
