// SPDX-FileCopyrightText: the xbucket authors
// What the parts of the engine share: made once by the engine, outlives them all.
#pragma once

#include "meta_cache.h"
#include "name_codec.h"
#include "own_results.h"
#include "pending_posix.h"
#include "service_clock.h"
#include "service_facts.h"
#include "upload_rests.h"
#include "write_behind.h"

#include "xbucket/base/clock.h"
#include "xbucket/meta/attributes.h"
#include "xbucket/store/key_order.h"
#include "xbucket/store/object_store.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>

namespace xbucket {

// Who hears of changes. Replies come from other threads: once set() has returned, nobody is in the
// listener that was there before.
class ListenerSlot {
  public:
    void set(MetaEngine::Listener listener) {
        const std::unique_lock lock(mutex_);
        listener_ = std::move(listener);
    }
    void call(const ObjectKey& key, const ObjectStat& stat) const {
        const std::shared_lock lock(mutex_);
        if (listener_) listener_(key, stat);
    }

  private:
    mutable std::shared_mutex mutex_;
    MetaEngine::Listener listener_;
};

struct MetaParts {
    MetaParts(const MetaConfig& c, ObjectStore& s, Clock& k)
        : config(c),
          store(s),
          clock(k),
          traits(s.traits()),
          model(traits),
          raw(make_raw_alphabet(traits.raw_name_characters)),
          facts(traits),
          cache(c.positive_life, c.negative_life, c.cache_bytes_max, traits.default_storage_class,
                k),
          behind(config, model, k),
          random(c.seed) {}

    const MetaConfig config;
    ObjectStore& store;
    Clock& clock;
    const StoreTraits traits;
    const AttributeModel model;
    const RawAlphabet raw;
    ServiceFacts facts;
    ServiceClock service_clock;
    MetaCache cache;
    PendingPosix pending;
    WriteBehind behind;
    UploadRests rests;
    OwnResults own;
    KeyOrder order;
    std::atomic<uint64_t> random;
    ListenerSlot listener;

    uint64_t next_seed() { return random.fetch_add(0x9e3779b97f4a7c15U) + 0x2545f4914f6cdd1dU; }

    // The object with what waits in the journal: what readers are shown.
    SharedInfo shown(const ObjectKey& key, const SharedInfo& info) const;
    // What fs sees of a complete reading, with what is pending merged in.
    ObjectStat stat_of(const ObjectKey& key, const ObjectInfo& info, TimePoint expires) const;
    // What is known of the object that a chmod or a utimens is for.
    std::optional<PosixBase> posix_base(const ObjectKey& key);
    // The object's metadata has no room for `left`: it is shown all the same, and recorded with the
    // next change that leaves room.
    void keep_without_room(const ObjectKey& key, const PosixRecord& left,
                           const std::optional<PosixBase>& now);
    static void log_no_room(const ObjectKey& key, const PosixRecord& left);
    // Not all of what was pending was meant for the content that is there now.
    static void log_outlived(const ObjectKey& key);
    void announce(const ObjectKey& key, const ObjectStat& stat) const { listener.call(key, stat); }
    // Puts the object as this mount left it into the cache, and tells the listener. `edited` as in
    // ObjectStat.
    ObjectStat adopt(const ObjectKey& key, const ObjectInfo& info, const ETag& edited);
};

// Requests for metadata updates count against their own budget.
inline constexpr CallOptions kUpdateCall{.request_class = RequestClass::update};

}  // namespace xbucket
