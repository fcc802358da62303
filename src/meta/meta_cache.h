// SPDX-FileCopyrightText: the xbucket authors
// What is known of the bucket's keys: in memory, bounded by bytes, least recently used goes first
// (DESIGN 4). An entry is a negative, a listing's few facts, or a complete HEAD. It may be shown
// until it expires, and then stays for a listing to renew it: same ETag *and* Last-Modified mean
// same attributes, except where the HEAD came within two seconds of the last change ("racy": a
// later edit within that second would look the same). Tags, ACL and restore state move without
// either and have a life of their own, which no listing renews.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/meta/meta_engine.h"
#include "xbucket/store/object_types.h"

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace xbucket {

using SharedInfo = std::shared_ptr<const ObjectInfo>;

// Thread-safe: sixteen shards, one lock each, held for no longer than a lookup.
class MetaCache {
  public:
    MetaCache(Duration positive_life, Duration negative_life, uint64_t bytes_max, Clock& clock);

    struct Known {
        bool absent = false;
        SharedInfo info;  // null: only a listing is known
        bool posix_known = false;
        PosixRecord posix;
        TimePoint expires;
    };
    // Unexpired entries only. Allocates nothing.
    std::optional<Known> find(const ObjectKey& key);
    std::optional<ObjectStat> find_stat(const ObjectKey& key, bool* absent);

    // A reader takes the epoch before its request; what it learnt is dropped when this mount
    // changed a key of the shard meanwhile, because the reply may be older than the change.
    uint64_t epoch(const ObjectKey& key) const;
    // Returns when the entry expires (also when it was not stored).
    TimePoint learn(const ObjectKey& key, SharedInfo info, uint64_t epoch);
    void learn_absent(const ObjectKey& key, uint64_t epoch);
    // Results of this mount's own requests.
    TimePoint adopt(const ObjectKey& key, SharedInfo info);
    void adopt_absent(const ObjectKey& key);

    void observe(const ListPage& page);
    void observe_absent(const ObjectKey& key);

    std::optional<Tags> tags(const ObjectKey& key);
    void learn_tags(const ObjectKey& key, const Tags& tags);
    std::optional<std::string> acl(const ObjectKey& key);
    void learn_acl(const ObjectKey& key, const std::string& acl);
    void forget_tags_and_acl(const ObjectKey& key);

    void forget(const ObjectKey& key);
    // Every key that starts with `prefix`.
    void forget_below(std::string_view prefix);

    size_t entries() const;
    uint64_t bytes() const;

  private:
    template <class T>
    struct Side {
        T value;
        TimePoint expires;
    };
    struct Entry {
        std::string key;
        bool absent = false;
        SharedInfo info;
        bool racy = false;
        bool posix_known = false;
        PosixRecord posix;
        // As the listing told them, or the HEAD.
        uint64_t size = 0;
        ETag etag;
        WallTime last_modified;
        WallTime date;  // the service's clock when this was learnt
        ObjectType type = ObjectType::unknown;
        std::string storage_class;
        TimePoint expires;
        TimePoint own_since{std::chrono::nanoseconds::min()};  // adopted then
        std::unique_ptr<Side<Tags>> tags;
        std::unique_ptr<Side<std::string>> acl;
        uint64_t bytes = 0;
    };
    using Entries = std::list<Entry>;  // most recently used first
    struct Shard {
        mutable Mutex mutex;
        Entries entries GUARDED_BY(mutex);
        std::unordered_map<std::string_view, Entries::iterator> by_key GUARDED_BY(mutex);
        uint64_t bytes GUARDED_BY(mutex) = 0;
        uint64_t epoch GUARDED_BY(mutex) = 0;
    };
    static constexpr size_t kShards = 16;

    Shard& shard_of(const ObjectKey& key) const;
    Entry* look_up(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    Entry& make(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    void erase(Shard& shard, Entries::iterator entry) REQUIRES(shard.mutex);
    void account(Shard& shard, Entry& entry) REQUIRES(shard.mutex);
    void put(Shard& shard, const ObjectKey& key, SharedInfo info, TimePoint expires)
        REQUIRES(shard.mutex);
    void put_absent(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    void observe_one(const ListEntry& listed, WallTime date);

    const Duration positive_life_;
    const Duration negative_life_;
    const uint64_t shard_bytes_max_;
    Clock& clock_;
    mutable std::array<Shard, kShards> shards_;
};

}  // namespace xbucket
