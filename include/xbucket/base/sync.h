// SPDX-FileCopyrightText: the xbucket authors
// Mutex, LockGuard and CondVar with clang's thread-safety annotations: libstdc++'s are not
// annotated, so clang cannot check them. Every mutex in xbucket is one of these, and every member
// that it protects says GUARDED_BY.
#pragma once

#include "xbucket/base/clock.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <semaphore.h>

#if defined(__clang__)
#define XB_TSA(x) __attribute__((x))
#else
#define XB_TSA(x)
#endif
#define CAPABILITY(x) XB_TSA(capability(x))
#define SCOPED_CAPABILITY XB_TSA(scoped_lockable)
#define GUARDED_BY(x) XB_TSA(guarded_by(x))
#define PT_GUARDED_BY(x) XB_TSA(pt_guarded_by(x))
#define REQUIRES(...) XB_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) XB_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) XB_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) XB_TSA(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) XB_TSA(try_acquire_capability(__VA_ARGS__))
#define RETURN_CAPABILITY(x) XB_TSA(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS XB_TSA(no_thread_safety_analysis)

namespace xbucket {

class CAPABILITY("mutex") Mutex {
  public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;
    void lock() ACQUIRE() { mutex_.lock(); }
    void unlock() RELEASE() { mutex_.unlock(); }
    bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

  private:
    friend class CondVar;
    std::mutex mutex_;
};

// Holds a Mutex for a scope; unlock() and lock() allow a gap around I/O.
class SCOPED_CAPABILITY LockGuard {
  public:
    explicit LockGuard(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
    ~LockGuard() RELEASE() {
        if (held_) mutex_.unlock();
    }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;
    void unlock() RELEASE() {
        held_ = false;
        mutex_.unlock();
    }
    void lock() ACQUIRE() {
        mutex_.lock();
        held_ = true;
    }

  private:
    Mutex& mutex_;
    bool held_ = true;
};

class CondVar {
  public:
    void notify_one() { cv_.notify_one(); }
    void notify_all() { cv_.notify_all(); }

    void wait(Mutex& mutex) REQUIRES(mutex) {
        std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
        cv_.wait(lock);
        lock.release();
    }
    template <class Pred>
    void wait(Mutex& mutex, Pred pred) REQUIRES(mutex) {
        while (!pred()) wait(mutex);
    }
    // Waits until notified or `deadline` on `clock`; spurious returns are possible. With a clock
    // that is moved by hand it looks at the clock again every millisecond of real time.
    void wait_until(Mutex& mutex, const Clock& clock, TimePoint deadline) REQUIRES(mutex) {
        std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
        if (!clock.is_real()) {
            cv_.wait_for(lock, std::chrono::milliseconds(1));
        } else if (deadline == TimePoint::never()) {
            cv_.wait(lock);
        } else {
            // Far deadlines would overflow the sum inside wait_for; an hour's wake-up is cheap.
            const Duration left = std::min<Duration>(deadline - clock.now(), std::chrono::hours(1));
            if (left > Duration::zero()) cv_.wait_for(lock, left);
        }
        lock.release();
    }

  private:
    std::condition_variable cv_;
};

// Tokens to wait for. Who is woken finds no lock held, as behind a CondVar it often does, and it
// may be destroyed once a token has been taken, even where the release() that gave it is still
// leaving.
class Semaphore {
  public:
    explicit Semaphore(unsigned tokens = 0) { ::sem_init(&tokens_, 0, tokens); }
    ~Semaphore() { ::sem_destroy(&tokens_); }
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;
    // What was done before it is seen by who takes the token. Does not block.
    void release() { ::sem_post(&tokens_); }
    // Takes a token; blocks until there is one.
    void acquire() {
        while (::sem_wait(&tokens_) != 0) {
        }  // a signal came
    }

  private:
    sem_t tokens_;
};

// Waits for `count` events; to be destroyed when wait() has returned.
class CountDown {
  public:
    explicit CountDown(size_t count) : left_(count), done_(count == 0 ? 1 : 0) {}
    // One event; what was done before any is seen after wait(). Any thread; does not block.
    void count_down() {
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.release();
    }
    // Blocks; once only.
    void wait() { done_.acquire(); }

  private:
    std::atomic<size_t> left_;
    Semaphore done_;
};

}  // namespace xbucket
