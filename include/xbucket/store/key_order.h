// SPDX-FileCopyrightText: the xbucket authors
// One order of mutations per key: uploads, copies, tags, ACL, renames and deletes of one key never
// overlap (DESIGN 3.5). Used by meta and fs alike.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"

#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe. Holders may block on the network while holding; waiters are served in order.
// Two keys are always taken together (lower first), so that renames cannot deadlock.
class KeyOrder {
  public:
    // Releases its keys when it goes.
    class Turn {
      public:
        Turn() = default;
        Turn(Turn&& other) noexcept;
        Turn& operator=(Turn&& other) noexcept;
        ~Turn() { release(); }
        void release();

      private:
        friend class KeyOrder;
        Turn(KeyOrder* order, std::vector<ObjectKey> keys)
            : order_(order), keys_(std::move(keys)) {}
        KeyOrder* order_ = nullptr;
        std::vector<ObjectKey> keys_;
    };

    // Blocks until nobody else holds `key`.
    Turn acquire(const ObjectKey& key) EXCLUDES(mutex_);
    Turn acquire(const ObjectKey& a, const ObjectKey& b) EXCLUDES(mutex_);
    bool is_held(const ObjectKey& key) const EXCLUDES(mutex_);
    // Calls `f` once, when whoever holds `key` releases it, in his thread and without a lock.
    // False: nobody holds it, and `f` is not called. What `f` uses must outlive all turns.
    bool when_released(const ObjectKey& key, std::function<void()> f) EXCLUDES(mutex_);

  private:
    void acquire_one(const ObjectKey& key) EXCLUDES(mutex_);
    void release_one(const ObjectKey& key) EXCLUDES(mutex_);
    std::vector<std::function<void()>> serve_next(const ObjectKey& key) REQUIRES(mutex_);

    struct Line {
        uint64_t next_ticket = 0;
        uint64_t serving = 0;
        std::vector<std::function<void()>> told;  // when who is served now has been
    };
    mutable Mutex mutex_;
    CondVar changed_;
    std::unordered_map<ObjectKey, Line> lines_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
