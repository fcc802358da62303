// SPDX-FileCopyrightText: the xbucket authors
// One queue, one lock; a thread is added while jobs outnumber the idle threads. There is a token
// for each job, given when the lock has been released: whom it wakes need not wait for that. The
// threads end when all tokens have been given, so that no pool goes while somebody is still
// posting.
#include "xbucket/base/worker_pool.h"

#include "xbucket/base/log.h"
#include "xbucket/base/result.h"
#include "xbucket/base/signals.h"

#include <exception>
#include <system_error>
#include <utility>

namespace xbucket {
namespace {

// A job that throws has broken its contract; the other jobs are not to suffer for it.
void run_job(const std::function<void()>& job, const std::string& pool) {
    try {
        job();
    } catch (const std::exception& e) {
        log_error("worker", "pool={} job threw: {}", pool, e.what());
    } catch (...) {
        log_error("worker", "pool={} job threw", pool);
    }
}

}  // namespace

WorkerPool::WorkerPool(std::string name, size_t threads_max)
    : name_(std::move(name)), threads_max_(threads_max) {
    CHECK(threads_max_ > 0);
}

WorkerPool::~WorkerPool() {
    std::vector<std::thread> threads;
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        threads.swap(threads_);
    }
    for (size_t i = 0; i < threads.size(); ++i) tokens_.release();
    for (std::thread& thread : threads) thread.join();
}

void WorkerPool::post(std::function<void()> job) {
    {
        LockGuard lock(mutex_);
        jobs_.push_back(std::move(job));
        // While stopping, only jobs post, and the thread that runs one comes back to the queue.
        if (!stopping_ && idle_ < jobs_.size() && threads_.size() < threads_max_) add_thread();
    }
    tokens_.release();
}

void WorkerPool::add_thread() {
    const SignalsBlocked blocked;
    try {
        threads_.emplace_back([this] { run(); });
    } catch (const std::system_error& e) {
        log_warning("worker", "pool={} threads={} cannot start another: {}", name_, threads_.size(),
                    e.what());
        CHECK(!threads_.empty());
    }
}

void WorkerPool::drain() {
    LockGuard lock(mutex_);
    while (!jobs_.empty() || running_ > 0) drained_.wait(mutex_);
}

size_t WorkerPool::queued() const {
    LockGuard lock(mutex_);
    return jobs_.size();
}

void WorkerPool::run() {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());  // The kernel's limit.
    while (true) {
        {
            LockGuard lock(mutex_);
            ++idle_;
        }
        tokens_.acquire();
        LockGuard lock(mutex_);
        --idle_;
        if (jobs_.empty()) return;  // stopping; each thread has a token for that
        std::function<void()> job = std::move(jobs_.front());
        jobs_.pop_front();
        ++running_;
        lock.unlock();
        run_job(job, name_);
        job = nullptr;  // What it holds is gone before drain() returns.
        lock.lock();
        --running_;
        if (jobs_.empty() && running_ == 0) drained_.notify_all();
    }
}

}  // namespace xbucket
