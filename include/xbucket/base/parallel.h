// SPDX-FileCopyrightText: the xbucket authors
// Doing several blocking things at once on a WorkerPool, and waiting for them.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace xbucket {

// A value that another thread is working on.
template <class T>
class Later {
  public:
    // Starts `work` on the pool.
    static Later start(WorkerPool& pool, std::function<T()> work) {
        Later later;
        pool.post([state = later.state_, work = std::move(work)] {
            T value = work();
            LockGuard lock(state->mutex);
            state->value.emplace(std::move(value));
            state->changed.notify_all();
        });
        return later;
    }
    // Waits; once only.
    T get() {
        LockGuard lock(state_->mutex);
        while (!state_->value) state_->changed.wait(state_->mutex);
        return std::move(*state_->value);
    }

  private:
    struct State {
        Mutex mutex;
        CondVar changed;
        std::optional<T> value GUARDED_BY(mutex);
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();  // the job may outlive the waiter
};

// Calls work(0) ... work(count - 1), at most `width` at once, the caller's thread among them, so
// that it gets on even where the pool is busy. Returns when all are done.
inline void for_each_parallel(WorkerPool& pool, size_t count, size_t width,
                              const std::function<void(size_t)>& work) {
    struct State {
        explicit State(size_t n) : total(n) {}
        const size_t total;
        std::atomic<size_t> next{0};
        Mutex mutex;
        CondVar changed;
        size_t done GUARDED_BY(mutex) = 0;
    };
    const auto state = std::make_shared<State>(count);
    // `work` is only used while the caller waits below: a helper that starts later finds nothing.
    const auto run = [state, &work] {
        for (size_t i = state->next++; i < state->total; i = state->next++) {
            work(i);
            LockGuard lock(state->mutex);
            if (++state->done == state->total) state->changed.notify_all();
        }
    };
    const size_t helpers = std::min(count, width);
    for (size_t i = 1; i < helpers; ++i) pool.post(run);
    run();
    LockGuard lock(state->mutex);
    while (state->done != state->total) state->changed.wait(state->mutex);
}

}  // namespace xbucket
