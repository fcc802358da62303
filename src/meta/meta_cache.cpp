// SPDX-FileCopyrightText: the xbucket authors
#include "meta_cache.h"

#include <algorithm>

namespace xbucket {

namespace {

constexpr Duration kSettled = std::chrono::seconds(2);
// What the allocator and the containers add: list node, hash node and bucket, two strings.
constexpr uint64_t kEntryBytes = 288;
constexpr uint64_t kPairBytes = 96;  // a map node and two short strings

}  // namespace

MetaCache::MetaCache(Duration positive_life, Duration negative_life, uint64_t bytes_max,
                     std::string default_class, Clock& clock)
    : positive_life_(positive_life),
      negative_life_(negative_life),
      shard_bytes_max_(bytes_max / kShards),
      default_class_(std::move(default_class)),
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
    std::replace(shard.unpacked.begin(), shard.unpacked.end(), &*entry,
                 static_cast<Entry*>(nullptr));
    shard.bytes -= entry->bytes;
    shard.by_key.erase(entry->key);
    shard.entries.erase(entry);
}

// Counts what `entry` takes now, and lets the oldest go while the shard is over its share.
void MetaCache::account(Shard& shard, Entry& entry) {
    uint64_t bytes = kEntryBytes + entry.key.size() + entry.packed.size();
    if (entry.tags) bytes += kPairBytes * (1 + entry.tags->value.size());
    if (entry.acl) bytes += kPairBytes;
    shard.bytes += bytes - entry.bytes;
    entry.bytes = static_cast<uint32_t>(bytes);
    while (shard.bytes > shard_bytes_max_ && shard.entries.size() > 1)
        erase(shard, std::prev(shard.entries.end()));
}

MetaCache::Entry& MetaCache::put(Shard& shard, const ObjectKey& key, const SharedInfo& info,
                                 TimePoint expires) {
    Entry& entry = make(shard, key);
    bool same = false;
    if (entry.content != Content::nothing) {
        const ObjectSummary known = unpack_summary(entry.packed);
        same = known.etag == info->etag && known.last_modified == info->last_modified;
    }
    if (!same) {
        entry.tags.reset();
        entry.acl.reset();
    }
    entry.content = Content::info;
    entry.packed = pack(*info);
    entry.unpacked.reset();
    entry.absent = false;
    entry.racy = info->date - info->last_modified < kSettled;
    entry.date_s = info->date.seconds();
    entry.expires = expires;
    const bool moves_alone = !info->restore.empty() || info->tag_count.value_or(0) != 0;
    entry.facts_expire = moves_alone ? expires : TimePoint::never();
    account(shard, entry);
    return entry;
}

void MetaCache::put_absent(Shard& shard, const ObjectKey& key) {
    Entry& entry = make(shard, key);
    entry.content = Content::nothing;
    entry.packed = std::string();
    entry.unpacked.reset();
    entry.absent = true;
    entry.tags.reset();
    entry.acl.reset();
    entry.expires = clock_.now() + negative_life_;
    account(shard, entry);
}

SharedInfo MetaCache::unpack(Shard& shard, Entry& entry) {
    if (!entry.unpacked) {
        keep_unpacked(shard, entry, std::make_shared<const ObjectInfo>(unpack_info(entry.packed)));
    }
    return entry.unpacked;
}

// In place of the one that was unpacked longest ago.
void MetaCache::keep_unpacked(Shard& shard, Entry& entry, SharedInfo info) {
    entry.unpacked = std::move(info);
    Entry*& slot = shard.unpacked[shard.next_unpacked++ % shard.unpacked.size()];
    if (slot != nullptr && slot != &entry) slot->unpacked.reset();
    slot = &entry;
}

std::optional<MetaCache::Known> MetaCache::find(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    Entry* entry = look_up(shard, key);
    const TimePoint now = clock_.now();
    if (entry == nullptr || entry->expires <= now) return std::nullopt;
    Known known{entry->absent, nullptr, entry->expires};
    if (entry->is_complete(now)) {
        known.info = unpack(shard, *entry);
        known.expires = std::min(entry->expires, entry->facts_expire);
    }
    return known;
}

TimePoint MetaCache::absent_until(const ObjectKey& key) const {
    const Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const auto found = shard.by_key.find(key.str());
    if (found == shard.by_key.end()) return TimePoint::never();
    const Entry& entry = *found->second;
    const bool holds = entry.absent && entry.expires > clock_.now();
    return holds ? entry.expires : TimePoint::never();
}

Knowledge MetaCache::knowledge(const ObjectKey& key) const {
    const Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const auto found = shard.by_key.find(key.str());
    if (found == shard.by_key.end()) return Knowledge::nothing;
    const Entry& entry = *found->second;
    const TimePoint now = clock_.now();
    const bool expired = entry.expires <= now;
    if (entry.is_complete(now)) {
        if (!expired) return Knowledge::complete;
        return entry.racy ? Knowledge::nothing : Knowledge::outlived;
    }
    if (expired) return Knowledge::nothing;
    return entry.absent ? Knowledge::absent : Knowledge::listed;
}

std::optional<ObjectStat> MetaCache::find_stat(const ObjectKey& key, bool* absent) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->expires <= clock_.now()) return std::nullopt;
    *absent = entry->absent;
    ObjectStat stat;
    stat.expires = entry->expires;
    if (entry->content == Content::nothing) return stat;
    ObjectSummary summary = unpack_summary(entry->packed);
    stat.size = summary.size;
    stat.etag = std::move(summary.etag);
    stat.last_modified = summary.last_modified;
    stat.type = summary.type;
    stat.storage_class = std::move(summary.storage_class);
    stat.posix = summary.posix;
    stat.complete = stat.posix_known = entry->content == Content::info;
    return stat;
}

uint64_t MetaCache::epoch(const ObjectKey& key) const {
    const Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    return shard.changes.count;
}

bool MetaCache::was_changed(const ObjectKey& key, uint64_t since) const {
    const Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    return was_changed(shard, key, since);
}

void MetaCache::note_change(Shard& shard, const ObjectKey& key) {
    shard.changes.note(std::hash<ObjectKey>{}(key), clock_.now());
}

uint64_t MetaCache::epoch_at(const Shard& shard, TimePoint time) {
    const Changes& changes = shard.changes;
    uint64_t epoch = changes.count;
    while (epoch > 0 && changes.count - epoch < Changes::kKept &&
           changes.times[(epoch - 1) % Changes::kKept] > time)
        --epoch;
    // All that are remembered came later: so may have others.
    const bool all_later = changes.count - epoch == Changes::kKept;
    return all_later && epoch > 0 ? epoch - 1 : epoch;
}

bool MetaCache::was_changed(const Shard& shard, const ObjectKey& key, uint64_t epoch) {
    const Changes& changes = shard.changes;
    if (epoch < changes.all_before || changes.count - epoch > Changes::kKept) return true;
    const size_t hash = std::hash<ObjectKey>{}(key);
    for (uint64_t i = epoch; i < changes.count; ++i)
        if (changes.hashes[i % Changes::kKept] == hash) return true;
    return false;
}

TimePoint MetaCache::learn(const ObjectKey& key, const SharedInfo& info, uint64_t epoch) {
    const TimePoint expires = clock_.now() + positive_life_;
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    if (was_changed(shard, key, epoch)) return expires;
    // Whoever had it read will ask for it next.
    keep_unpacked(shard, put(shard, key, info, expires), info);
    return expires;
}

void MetaCache::learn_absent(const ObjectKey& key, uint64_t epoch) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    if (!was_changed(shard, key, epoch)) put_absent(shard, key);
}

TimePoint MetaCache::adopt(const ObjectKey& key, const SharedInfo& info) {
    const TimePoint now = clock_.now();
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    note_change(shard, key);
    put(shard, key, info, now + positive_life_);
    return now + positive_life_;
}

void MetaCache::adopt_absent(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    note_change(shard, key);
    put_absent(shard, key);
}

std::vector<const ListEntry*> MetaCache::observe(const ListPage& page) {
    std::vector<const ListEntry*> changed;
    for (const ListEntry& listed : page.objects)
        if (observe_one(listed, page)) changed.push_back(&listed);
    return changed;
}

// A link's HEAD may tell its target's.
bool MetaCache::is_of_class(const ObjectSummary& known, const ListEntry& listed) const {
    if (listed.storage_class.empty() || listed.type == ObjectType::symlink) return true;
    return listed.storage_class ==
           (known.storage_class.empty() ? default_class_ : known.storage_class);
}

// Returns whether something else was known of it.
bool MetaCache::observe_one(const ListEntry& listed, const ListPage& page) {
    Shard& shard = shard_of(listed.key);
    LockGuard lock(shard.mutex);
    if (was_changed(shard, listed.key, epoch_at(shard, page.begun))) return false;
    const WallTime date = page.date;
    const TimePoint now = clock_.now();
    Entry& entry = make(shard, listed.key);
    bool same = false;
    if (entry.content != Content::nothing) {
        // The page was made before what is known already.
        if (entry.date_s > date.seconds()) return false;
        const ObjectSummary known = unpack_summary(entry.packed);
        // Listings of S3 tell fractions that HEAD does not.
        same = known.etag == listed.etag && known.size == listed.size &&
               known.last_modified.seconds() == listed.last_modified.seconds();
        if (same && entry.content == Content::info) {
            // Read again once: whatever it tells then is what is known.
            const bool agrees = is_of_class(known, listed);
            same = agrees || entry.class_asked;
            entry.class_asked = !agrees;
        }
    }
    if (same) {
        if (entry.content == Content::summary || !entry.racy) entry.expires = now + positive_life_;
        return false;
    }
    const bool was_known = entry.content != Content::nothing;
    // Metadata moves Last-Modified: with it the attributes are unknown again.
    entry.absent = false;
    entry.racy = false;
    entry.tags.reset();
    entry.acl.reset();
    entry.unpacked.reset();
    entry.content = Content::summary;
    entry.packed = pack(ObjectSummary{
        listed.size, listed.etag, listed.last_modified, listed.type, listed.storage_class, {}});
    entry.date_s = date.seconds();
    entry.expires = now + positive_life_;
    account(shard, entry);
    return was_known;
}

void MetaCache::observe_absent(const ObjectKey& key, TimePoint begun) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    if (!was_changed(shard, key, epoch_at(shard, begun))) put_absent(shard, key);
}

std::optional<Tags> MetaCache::tags(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    const Entry* entry = look_up(shard, key);
    if (entry == nullptr || !entry->tags || entry->tags->expires <= clock_.now())
        return std::nullopt;
    return entry->tags->value;
}

void MetaCache::learn_tags(const ObjectKey& key, const Tags& tags, uint64_t epoch) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->absent || was_changed(shard, key, epoch)) return;
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

void MetaCache::learn_acl(const ObjectKey& key, const std::string& acl, uint64_t epoch) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    Entry* entry = look_up(shard, key);
    if (entry == nullptr || entry->absent || was_changed(shard, key, epoch)) return;
    entry->acl =
        std::make_unique<Side<std::string>>(Side<std::string>{acl, clock_.now() + positive_life_});
    account(shard, *entry);
}

void MetaCache::forget_tags_and_acl(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    note_change(shard, key);
    Entry* entry = look_up(shard, key);
    if (entry == nullptr) return;
    entry->tags.reset();
    entry->acl.reset();
}

void MetaCache::forget(const ObjectKey& key) {
    Shard& shard = shard_of(key);
    LockGuard lock(shard.mutex);
    note_change(shard, key);
    const auto found = shard.by_key.find(key.str());
    if (found != shard.by_key.end()) erase(shard, found->second);
}

void MetaCache::forget_below(std::string_view prefix) {
    for (Shard& shard : shards_) {
        LockGuard lock(shard.mutex);
        shard.changes.note(0, clock_.now());
        shard.changes.all_before = shard.changes.count;
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
