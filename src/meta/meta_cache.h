// SPDX-FileCopyrightText: the xbucket authors
// What is known of the bucket's keys: in memory, bounded by bytes, least recently used goes first
// (DESIGN 4). An entry is a negative, a listing's few facts, or a complete HEAD. It may be shown
// until it expires, and then stays for a listing to renew it: same ETag *and* Last-Modified mean
// same attributes, except where the HEAD came within two seconds of the last change ("racy": a
// later edit within that second would look the same). Tags, ACL and restore state move without
// either and have a life of their own, which no listing renews: an object that has tags or a
// restore state is read again when that is over, one that has none is not. Nor does the storage
// class move them, but listings tell it.
#pragma once

#include "packed_info.h"

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
#include <vector>

namespace xbucket {

using SharedInfo = std::shared_ptr<const ObjectInfo>;

// Thread-safe: sixteen shards, one lock each, held for no longer than a lookup.
class MetaCache {
  public:
    // `default_class` is the storage class that a HEAD need not tell.
    MetaCache(Duration positive_life, Duration negative_life, uint64_t bytes_max,
              std::string default_class, Clock& clock);

    struct Known {
        bool absent = false;
        SharedInfo info;  // null: only a listing is known
        TimePoint expires;
    };
    // Unexpired entries only.
    std::optional<Known> find(const ObjectKey& key);
    std::optional<ObjectStat> find_stat(const ObjectKey& key, bool* absent);
    Knowledge knowledge(const ObjectKey& key) const;
    // never() where absence is not what is known.
    TimePoint absent_until(const ObjectKey& key) const;

    // A reader takes the epoch before its request; what it learnt is dropped when this mount
    // changed the key meanwhile, because the reply may be older than the change.
    uint64_t epoch(const ObjectKey& key) const;
    bool was_changed(const ObjectKey& key, uint64_t since) const;
    // Returns when the entry expires (also when it was not stored).
    TimePoint learn(const ObjectKey& key, const SharedInfo& info, uint64_t epoch);
    void learn_absent(const ObjectKey& key, uint64_t epoch);
    // Results of this mount's own requests.
    TimePoint adopt(const ObjectKey& key, const SharedInfo& info);
    void adopt_absent(const ObjectKey& key);

    // The entries of which something else was known; they point into `page`. Those that this mount
    // changed since the page was asked for are passed over.
    std::vector<const ListEntry*> observe(const ListPage& page);
    // The same of a key that a listing would have shown.
    void observe_absent(const ObjectKey& key, TimePoint begun);

    std::optional<Tags> tags(const ObjectKey& key);
    void learn_tags(const ObjectKey& key, const Tags& tags, uint64_t epoch);
    std::optional<std::string> acl(const ObjectKey& key);
    void learn_acl(const ObjectKey& key, const std::string& acl, uint64_t epoch);
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
    enum class Content : uint8_t {
        nothing,  // absent, or new
        summary,  // `packed` is an ObjectSummary, as a listing told it
        info,     // `packed` is an ObjectInfo
    };
    struct Entry {
        std::string key;
        std::string packed;
        TimePoint expires;
        TimePoint facts_expire;  // of an ObjectInfo; never, where all of it moves Last-Modified
        SharedInfo unpacked;     // of the last few asked for
        std::unique_ptr<Side<Tags>> tags;
        std::unique_ptr<Side<std::string>> acl;
        int64_t date_s = 0;  // the service's clock when this was learnt
        uint32_t bytes = 0;
        Content content = Content::nothing;
        bool absent = false;
        bool racy = false;
        // A listing told another class than the HEAD, which was done again for that. Some services
        // never agree with themselves.
        bool class_asked = false;

        bool is_complete(TimePoint now) const {
            return content == Content::info && facts_expire > now;
        }
    };
    using Entries = std::list<Entry>;  // most recently used first
    // Keys that this mount changed last, by hash, so that readers who were overtaken find out.
    struct Changes {
        static constexpr size_t kKept = 64;
        std::array<size_t, kKept> hashes{};
        std::array<TimePoint, kKept> times{};
        uint64_t count = 0;       // the epoch
        uint64_t all_before = 0;  // changes before this one concern every key
        void note(size_t hash, TimePoint now) {
            hashes[count % kKept] = hash;
            times[count++ % kKept] = now;
        }
    };
    struct Shard {
        mutable Mutex mutex;
        Entries entries GUARDED_BY(mutex);
        std::unordered_map<std::string_view, Entries::iterator> by_key GUARDED_BY(mutex);
        uint64_t bytes GUARDED_BY(mutex) = 0;
        Changes changes GUARDED_BY(mutex);
        std::array<Entry*, 8> unpacked GUARDED_BY(mutex){};  // entries that are
        size_t next_unpacked GUARDED_BY(mutex) = 0;
    };
    static constexpr size_t kShards = 16;

    Shard& shard_of(const ObjectKey& key) const;
    Entry* look_up(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    Entry& make(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    void erase(Shard& shard, Entries::iterator entry) REQUIRES(shard.mutex);
    void account(Shard& shard, Entry& entry) REQUIRES(shard.mutex);
    Entry& put(Shard& shard, const ObjectKey& key, const SharedInfo& info, TimePoint expires)
        REQUIRES(shard.mutex);
    void put_absent(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    SharedInfo unpack(Shard& shard, Entry& entry) REQUIRES(shard.mutex);
    void keep_unpacked(Shard& shard, Entry& entry, SharedInfo info) REQUIRES(shard.mutex);
    void note_change(Shard& shard, const ObjectKey& key) REQUIRES(shard.mutex);
    static bool was_changed(const Shard& shard, const ObjectKey& key, uint64_t epoch)
        REQUIRES(shard.mutex);
    // The epoch at that time, or an older one.
    static uint64_t epoch_at(const Shard& shard, TimePoint time) REQUIRES(shard.mutex);
    bool observe_one(const ListEntry& listed, const ListPage& page);
    bool is_of_class(const ObjectSummary& known, const ListEntry& listed) const;

    const Duration positive_life_;
    const Duration negative_life_;
    const uint64_t shard_bytes_max_;
    const std::string default_class_;
    Clock& clock_;
    mutable std::array<Shard, kShards> shards_;
};

}  // namespace xbucket
