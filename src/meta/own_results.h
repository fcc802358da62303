// SPDX-FileCopyrightText: the xbucket authors
// This mount's last own result per key: the one base that need not settle (DESIGN 3.2). Of use for
// seconds only, so a small table does.
#pragma once

#include "guarded_update.h"

#include "xbucket/base/sync.h"

#include <optional>
#include <string_view>
#include <unordered_map>

namespace xbucket {

// Thread-safe.
class OwnResults {
  public:
    std::optional<UpdateBase> find(const ObjectKey& key) const {
        LockGuard lock(mutex_);
        const auto found = results_.find(key);
        if (found == results_.end()) return std::nullopt;
        return found->second;
    }
    void set(const ObjectKey& key, UpdateBase base) {
        LockGuard lock(mutex_);
        if (results_.size() >= kMost) prune(base.read_at);
        results_.insert_or_assign(key, std::move(base));
    }
    // Something of the object changed that does not move its Last-Modified: the next update reads
    // it again, and need not wait for what is found to settle.
    void read_again(const ObjectKey& key) {
        LockGuard lock(mutex_);
        const auto found = results_.find(key);
        if (found == results_.end()) return;
        found->second.read_at = found->second.read_at - kUseful;
        found->second.acl_known = false;
        found->second.tags.reset();
        found->second.lock.reset();
    }
    void drop(const ObjectKey& key) {
        LockGuard lock(mutex_);
        results_.erase(key);
    }
    void drop_below(std::string_view prefix) {
        LockGuard lock(mutex_);
        std::erase_if(results_, [&](const auto& result) {
            return std::string_view(result.first.str()).starts_with(prefix);
        });
    }
    // The object was seen: where it is not what was left there, the result is no base any more.
    template <class IsLeft>
    void drop_unless(const ObjectKey& key, const IsLeft& is_left) {
        LockGuard lock(mutex_);
        const auto found = results_.find(key);
        if (found != results_.end() && !is_left(found->second.info)) results_.erase(found);
    }

  private:
    static constexpr size_t kMost = 1024;
    static constexpr Duration kUseful = std::chrono::seconds(5);

    void prune(TimePoint now) REQUIRES(mutex_) {
        for (auto it = results_.begin(); it != results_.end();)
            it = now - it->second.read_at > kUseful ? results_.erase(it) : std::next(it);
        if (results_.size() >= kMost) results_.clear();  // costs a wait to settle, nothing else
    }

    mutable Mutex mutex_;
    std::unordered_map<ObjectKey, UpdateBase> results_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
