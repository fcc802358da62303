// SPDX-FileCopyrightText: the xbucket authors
// What is left to do of uploads whose content the service has, and whose metadata it did not take
// at once: what other clients changed meanwhile, and tags and ACLs that it dropped. In memory, with
// the time when each is tried again.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/meta/meta_engine.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

struct UploadRest {
    UploadPlan plan;  // its late_ members are what is left
    ETag etag;        // of the content, and its size
    uint64_t size = 0;
    bool put_back = false;  // what the service may have dropped of the plan's attributes

    bool empty() const {
        return !put_back && !plan.late_attributes && !plan.late_acl && !plan.late_tags;
    }
};

// Thread-safe; never blocks. Whoever changes what is left of a key holds the key's turn.
class UploadRests {
  public:
    // False: there are too many, and it was not taken.
    bool put(const ObjectKey& key, UploadRest rest, TimePoint due) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (entries_.size() >= kMax && entries_.find(key.str()) == entries_.end()) return false;
        entries_.insert_or_assign(key.str(), Entry{std::move(rest), due});
        count_.store(entries_.size(), std::memory_order_release);
        return true;
    }
    // Cheap where nothing is left anywhere.
    std::optional<UploadRest> get(const ObjectKey& key) const EXCLUDES(mutex_) {
        if (count_.load(std::memory_order_acquire) == 0) return std::nullopt;
        LockGuard lock(mutex_);
        const auto found = entries_.find(key.str());
        return found == entries_.end() ? std::nullopt : std::optional(found->second.rest);
    }
    bool has(const ObjectKey& key) const { return get(key).has_value(); }
    void drop(const ObjectKey& key) EXCLUDES(mutex_) {
        if (count_.load(std::memory_order_acquire) == 0) return;
        LockGuard lock(mutex_);
        entries_.erase(key.str());
        count_.store(entries_.size(), std::memory_order_release);
    }
    // This mount made `now` of the object, of the same content if that was `content` ("" = any).
    void follow(const ObjectKey& key, const ETag& content, const ObjectInfo& now) EXCLUDES(mutex_) {
        if (count_.load(std::memory_order_acquire) == 0) return;
        LockGuard lock(mutex_);
        const auto found = entries_.find(key.str());
        if (found == entries_.end()) return;
        UploadRest& rest = found->second.rest;
        if (!content.empty() && rest.etag != content) return;
        rest.etag = now.etag;
        rest.size = now.size;
    }
    // This mount has set tags or the ACL since: those of the upload are not put back any more.
    void note_sides_set(const ObjectKey& key) EXCLUDES(mutex_) {
        if (count_.load(std::memory_order_acquire) == 0) return;
        LockGuard lock(mutex_);
        const auto found = entries_.find(key.str());
        if (found != entries_.end()) found->second.rest.put_back = false;
    }

    // Keys due at `now`; each is put off to `again`.
    std::vector<ObjectKey> take_due(TimePoint now, TimePoint again) EXCLUDES(mutex_) {
        std::vector<ObjectKey> keys;
        if (count_.load(std::memory_order_acquire) == 0) return keys;
        LockGuard lock(mutex_);
        for (auto& [key, entry] : entries_) {
            if (entry.due > now) continue;
            entry.due = again;
            keys.emplace_back(key);
        }
        return keys;
    }
    TimePoint next_due() const EXCLUDES(mutex_) {
        TimePoint next = TimePoint::never();
        if (count_.load(std::memory_order_acquire) == 0) return next;
        LockGuard lock(mutex_);
        for (const auto& [key, entry] : entries_) next = std::min(next, entry.due);
        return next;
    }
    std::vector<ObjectKey> keys_below(std::string_view prefix) const EXCLUDES(mutex_) {
        std::vector<ObjectKey> keys;
        if (count_.load(std::memory_order_acquire) == 0) return keys;
        LockGuard lock(mutex_);
        for (auto entry = entries_.lower_bound(prefix);
             entry != entries_.end() && std::string_view(entry->first).starts_with(prefix); ++entry)
            keys.emplace_back(entry->first);
        return keys;
    }

  private:
    static constexpr size_t kMax = 1000;
    struct Entry {
        UploadRest rest;
        TimePoint due;
    };
    mutable Mutex mutex_;
    std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
    std::atomic<size_t> count_{0};
};

}  // namespace xbucket
