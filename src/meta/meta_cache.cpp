// SPDX-FileCopyrightText: the xbucket authors
#include "meta_cache.h"

#include <algorithm>

namespace xbucket {

namespace {

constexpr Duration kSettled = std::chrono::seconds(2);
// A listing that was begun before an own change may arrive after it; within this time it does not
// turn an own result into "not there".
constexpr Duration kOwnResultHolds = std::chrono::seconds(5);
constexpr uint64_t kEntryBytes = 320;  // the entry, its list and index nodes
constexpr uint64_t kInfoBytes = sizeof(ObjectInfo) + 64;
constexpr uint64_t kPairBytes = 96;  // a map node and two short strings

uint64_t info_bytes(const ObjectInfo& info) {
    uint64_t bytes = kInfoBytes;
    for (const auto& [name, value] : info.attributes.user)
        bytes += kPairBytes + name.size() + value.size();
    for (const auto& field : info.attributes.http)
        if (field) bytes += field->size();
    return bytes;
}

}  // namespace

MetaCache::MetaCache(Duration positive_life, Duration negative_life, uint64_t bytes_max,
                     Clock& clock)
    : positive_life_(positive_life),
      negative_life_(negative_life),
      shard_bytes_max_(bytes_max / kShards),
      clock_(clock) {}

MetaCache::Shard& MetaCache::shard_of(const ObjectKey& key) const {
    return shards_[std::hash<ObjectKey>{}(key) % kShards];
}

MetaCache::Entry* MetaCache::look_up(Shard& shard, const ObjectKey& key) {
    const auto found = shard.by_key.find(key.str());
    if (found == shard.by_key.end()) return nullptr;
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
    return &*found->second;
}

MetaCache::Entry& MetaCache::make(Shard& shard, const ObjectKey& key) {
    if (Entry* known = look_up(shard, key)) return *known;
    shard.entries.emplace_front();
    Entry& entry = shard.entries.front();
    entry.key = key.str();
    shard.by_key.emplace(entry.key, shard.entries.begin());
    return entry;
}

void MetaCache::erase(Shard& shard, Entries::iterator entry) {
    shard.bytes -= entry->bytes;
    shard.by_key.erase(entry->key);
    shard.entries.erase(entry);
}

// Counts what `entry` takes now, and lets the oldest go while the shard is over its share.
void MetaCache::account(Shard& shard, Entry& entry) {
    uint64_t bytes = kEntryBytes + 2 * entry.key.size();
    if (entry.info) bytes += info_bytes(*entry.info);
    if (entry.tags) bytes += kPairBytes * (1 + entry.tags->value.size());
    if (entry.acl) bytes += kPairBytes;
    shard.bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    while (shard.bytes > shard_bytes_max_ && shard.entries.size() > 1)
        erase(shard, std::prev(shard.entries.end()));
}

void MetaCache::put(Shard& shard, const ObjectKey& key, SharedInfo info, TimePoint expires) {
    Entry& entry = make(shard, key);
    const bool same = entry.etag == info->etag && entry.last_modified == info->last_modified;
    if (entry.absent || !same) {
        entry.tags.reset();
        entry.acl.reset();
    }
    entry.absent = false;
    entry.racy = info->date - info->last_modified < kSettled;
    entry.posix_known = true;
    entry.posix = read_posix_record(info->attributes);
    entry.size = info->size;
    entry.etag = info->etag;
    entry.last_modified = info->last_modified;
    entry.date = info->date;
    entry.type = info->type;
    entry.storage_class = info->attributes.storage_class;
    entry.info = std::move(info);
    entry.expires = expires;
    account(shard, entry);
}

void MetaCache::put_absent(Shard& shard, const ObjectKey& key) {
    Entry& entry = make(shard, key);
    entry.absent = true;
    entry.info.reset();
    entry.posix_known = false;
    entry.posix = {};
    entry.etag = {};
    entry.tags.reset();
    entry.acl.reset();
    entry.expires = clock_.now() + negative_life_;
    account(shard, entry);
}

std::optional<MetaCache::Known> MetaCache::find(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->expires <= clock_.now()) return std::nullopt;
    return Known{entry->absent, entry->info, entry->posix_known, entry->posix, entry->expires};
}

std::optional<ObjectStat> MetaCache::find_stat(const ObjectKey& key, bool* absent) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->expires <= clock_.now()) return std::nullopt;
    *absent = entry->absent;
    ObjectStat stat;
    stat.size = entry->size;
    stat.etag = entry->etag;
    stat.last_modified = entry->last_modified;
    stat.type = entry->type;
    stat.storage_class = entry->storage_class;
    stat.posix = entry->posix;
    stat.posix_known = entry->posix_known;
    stat.complete = entry->info != nullptr;
    stat.expires = entry->expires;
    return stat;
}

uint64_t MetaCache::epoch(const ObjectKey& key) const {
    const Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    return shard.epoch;
}

TimePoint MetaCache::learn(const ObjectKey& key, SharedInfo info, uint64_t epoch) {
    const TimePoint expires = clock_.now() + positive_life_;
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    if (shard.epoch == epoch) put(shard, key, std::move(info), expires);
    return expires;
}

void MetaCache::learn_absent(const ObjectKey& key, uint64_t epoch) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    if (shard.epoch == epoch) put_absent(shard, key);
}

TimePoint MetaCache::adopt(const ObjectKey& key, SharedInfo info) {
    const TimePoint now = clock_.now();
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    ++shard.epoch;
    put(shard, key, std::move(info), now + positive_life_);
    if (Entry* entry = look_up(shard, key)) entry->own_since = now;
    return now + positive_life_;
}

void MetaCache::adopt_absent(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    ++shard.epoch;
    put_absent(shard, key);
}

void MetaCache::observe(const ListPage& page) {
    for (const ListEntry& listed : page.objects) observe_one(listed, page.date);
}

void MetaCache::observe_one(const ListEntry& listed, WallTime date) {
    Shard& shard = shard_of(listed.key);
    LockGuard lock(shard.mutex);
    const TimePoint now = clock_.now();
    Entry& entry = make(shard, listed.key);
    const bool is_new = entry.bytes == 0;
    // The page was made before what is known already.
    if (!is_new && !entry.absent && entry.date > date) return;
    // Listings of S3 tell fractions that HEAD does not.
    const bool same = !is_new && !entry.absent && entry.etag == listed.etag &&
                      entry.last_modified.seconds() == listed.last_modified.seconds() &&
                      entry.size == listed.size;
    if (same) {
        if (!entry.info || !entry.racy) entry.expires = now + positive_life_;
        return;
    }
    // Metadata moves Last-Modified: with it the attributes are unknown again.
    entry.absent = false;
    entry.info.reset();
    entry.racy = false;
    entry.posix_known = false;
    entry.posix = {};
    entry.tags.reset();
    entry.acl.reset();
    entry.size = listed.size;
    entry.etag = listed.etag;
    entry.last_modified = WallTime::from_seconds(listed.last_modified.seconds());
    entry.date = date;
    entry.type = listed.type;
    entry.storage_class = listed.storage_class;
    entry.expires = now + positive_life_;
    account(shard, entry);
}

void MetaCache::observe_absent(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry != nullptr && !entry->absent &&
        entry->own_since.since_start > (clock_.now() - kOwnResultHolds).since_start)
        return;
    put_absent(shard, key);
}

std::optional<Tags> MetaCache::tags(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry == nullptr || !entry->tags || entry->tags->expires <= clock_.now())
        return std::nullopt;
    return entry->tags->value;
}

void MetaCache::learn_tags(const ObjectKey& key, const Tags& tags) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->absent) return;
    entry->tags = std::make_unique<Side<Tags>>(Side<Tags>{tags, clock_.now() + positive_life_});
    account(shard, *entry);
}

std::optional<std::string> MetaCache::acl(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry == nullptr || !entry->acl || entry->acl->expires <= clock_.now()) return std::nullopt;
    return entry->acl->value;
}

void MetaCache::learn_acl(const ObjectKey& key, const std::string& acl) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->absent) return;
    entry->acl =
        std::make_unique<Side<std::string>>(Side<std::string>{acl, clock_.now() + positive_life_});
    account(shard, *entry);
}

void MetaCache::forget_tags_and_acl(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    Entry* entry = look_up(shard, key);
    if (entry == nullptr) return;
    entry->tags.reset();
    entry->acl.reset();
}

void MetaCache::forget(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    ++shard.epoch;
    const auto found = shard.by_key.find(key.str());
    if (found != shard.by_key.end()) erase(shard, found->second);
}

void MetaCache::forget_below(std::string_view prefix) {
    for (Shard& shard : shards_) {
        LockGuard lock(shard.mutex);
        ++shard.epoch;
        for (auto entry = shard.entries.begin(); entry != shard.entries.end();) {
            const auto here = entry++;
            if (std::string_view(here->key).starts_with(prefix)) erase(shard, here);
        }
    }
}

size_t MetaCache::entries() const {
    size_t count = 0;
    for (const Shard& shard : shards_) {
        LockGuard lock(shard.mutex);
        count += shard.entries.size();
    }
    return count;
}

uint64_t MetaCache::bytes() const {
    uint64_t sum = 0;
    for (const Shard& shard : shards_) {
        LockGuard lock(shard.mutex);
        sum += shard.bytes;
    }
    return sum;
}

}  // namespace xbucket
