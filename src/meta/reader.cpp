// SPDX-FileCopyrightText: the xbucket authors
#include "reader.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/json.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

constexpr size_t kTextsMax = 8;
constexpr Duration kTextLife = std::chrono::seconds(2);

// What fits into an attribute: Linux takes no larger ones.
constexpr size_t kAttributeBytesMax = 64U << 10;
constexpr size_t kVersionsMax = 1000;
constexpr std::string_view kMoreVersions = "{\"more\":true}\n";

// Nobody needs the answer yet: it may fail early, and whoever needs it then asks himself.
constexpr Duration kAheadDeadline = std::chrono::seconds(10);
// What one entry may take of the cache, when it is asked how much may be fetched ahead.
constexpr uint64_t kEntryBytesAhead = 4096;

bool says_something(const Error& error) {
    return error.kind == ErrorKind::not_found || error.kind == ErrorKind::access_denied;
}

std::string version_line(const ObjectVersion& version) {
    std::string line =
        fmt::format(R"({{"version_id":{},"latest":{},"delete_marker":{},"last_modified":"{}")",
                    json_string(version.id.str()), version.latest, version.delete_marker,
                    format_iso8601(version.last_modified));
    if (!version.delete_marker) {
        line +=
            fmt::format(R"(,"size":{},"etag":{})", version.size, json_string(version.etag.str()));
        if (!version.storage_class.empty())
            line += fmt::format(R"(,"storage_class":{})", json_string(version.storage_class));
    }
    return line + "}\n";
}

std::string versions_text(const VersionList& list) {
    std::string text;
    bool more = list.more;
    for (const ObjectVersion& version : list.versions) {
        const std::string line = version_line(version);
        if (text.size() + line.size() + kMoreVersions.size() > kAttributeBytesMax) {
            more = true;
            break;
        }
        text += line;
    }
    if (more) text += kMoreVersions;
    return text;
}

}  // namespace

Reader::~Reader() {
    LockGuard lock(mutex_);
    while (under_way_ != 0) idle_.wait(mutex_);
}

template <class T>
typename SingleFlight<T>::Boarding Reader::board(SingleFlight<T>& flights, const ObjectKey& key) {
    return flights.board(key, parts_.cache.epoch(key),
                         [&](uint64_t epoch) { return parts_.cache.was_changed(key, epoch); });
}

// Learns what a HEAD said that was begun at `epoch`.
Result<Reader::Reading> Reader::take(const ObjectKey& key, uint64_t epoch,
                                     Result<HeadReply> reply) {
    if (!reply) {
        if (reply.error().kind == ErrorKind::not_found) parts_.cache.learn_absent(key, epoch);
        return std::move(reply).error();
    }
    parts_.service_clock.learn(reply->info.date, parts_.clock.now());
    auto info = std::make_shared<const ObjectInfo>(std::move(reply->info));
    const TimePoint expires = parts_.cache.learn(key, info, epoch);
    // Of what this mount has changed since, whoever changed it tells.
    if (!parts_.cache.was_changed(key, epoch)) {
        parts_.own.drop_unless(key, [&](const ObjectInfo& left) {
            return left.etag == info->etag && left.last_modified == info->last_modified &&
                   left.attributes.user == info->attributes.user &&
                   left.attributes.http == info->attributes.http;
        });
        parts_.announce(key, parts_.stat_of(key, *info, expires));
    }
    return Reading{std::move(info), expires};
}

// What an own change overtook says how the object was before it: what that one left is newer, and
// known where it was the last.
Result<Reader::Reading> Reader::current(const ObjectKey& key) {
    constexpr int kLooksMax = 3;
    for (int look = 1;; ++look) {
        const uint64_t epoch = parts_.cache.epoch(key);
        Result<HeadReply> reply = parts_.store.head(key);
        if (look == kLooksMax || !parts_.cache.was_changed(key, epoch))
            return take(key, epoch, std::move(reply));
        if (auto left = known(key)) return *std::move(left);
    }
}

std::optional<Result<Reader::Reading>> Reader::known(const ObjectKey& key) {
    const auto found = parts_.cache.find(key);
    if (!found) return std::nullopt;
    if (found->absent)
        return Result<Reading>(
            fail(ErrorKind::not_found, fmt::format("'{}' does not exist", printable(key.str()))));
    if (!found->info) return std::nullopt;
    parts_.facts.counters.cache_hits.fetch_add(1, std::memory_order_relaxed);
    return Result<Reading>(Reading{found->info, found->expires});
}

Result<Reader::Reading> Reader::complete(const ObjectKey& key) {
    if (auto reading = known(key)) return *std::move(reading);
    const auto boarding = board(heads_, key);
    if (!boarding.leads) {
        parts_.facts.counters.cache_misses.fetch_add(1, std::memory_order_relaxed);
        auto shared = heads_.wait(boarding.flight);
        // A request made ahead gives up sooner than one that somebody waits for.
        if (shared || says_something(shared.error())) return shared;
        return current(key);
    }
    // Another flight may have landed since the cache was asked.
    auto reading = known(key);
    if (!reading) {
        parts_.facts.counters.cache_misses.fetch_add(1, std::memory_order_relaxed);
        reading = current(key);
    }
    heads_.land(key, boarding.flight, *reading);
    return *std::move(reading);
}

void Reader::prefetch(const std::vector<ObjectKey>& keys, bool with_tags) {
    size_t left = parts_.config.cache_bytes_max / kEntryBytesAhead;
    for (const ObjectKey& key : keys) {
        if (left-- == 0) return;
        const Knowledge knowledge = parts_.cache.knowledge(key);
        if (knowledge == Knowledge::absent) continue;
        if (knowledge == Knowledge::complete) {
            const auto known = with_tags ? parts_.cache.find(key) : std::nullopt;
            if (known && known->info) prefetch_tags(key, *known->info);
            continue;
        }
        const uint64_t epoch = parts_.cache.epoch(key);
        const auto boarding = board(heads_, key);
        if (!boarding.leads) continue;
        // Another flight may have landed since the cache was asked.
        if (auto reading = known(key)) {
            heads_.land(key, boarding.flight, *std::move(reading));
            continue;
        }
        parts_.facts.counters.prefetched.fetch_add(1, std::memory_order_relaxed);
        {
            LockGuard lock(mutex_);
            ++under_way_;
        }
        const auto done = [this, key, epoch, with_tags,
                           flight = boarding.flight](Result<HeadReply> reply) {
            auto reading = take(key, epoch, std::move(reply));
            if (with_tags && reading) prefetch_tags(key, *reading->info);
            heads_.land(key, flight, std::move(reading));
            one_less_under_way();
        };
        parts_.store.head_async(
            key,
            {.request_class = RequestClass::prefetch,
             .deadline = std::min(kAheadDeadline, parts_.config.update_deadline)},
            done);
    }
}

void Reader::one_less_under_way() {
    LockGuard lock(mutex_);
    if (--under_way_ == 0) idle_.notify_all();
}

// Tags have a request of their own: only where HEAD says that there are any.
void Reader::prefetch_tags(const ObjectKey& key, const ObjectInfo& info) {
    if (!parts_.traits.tagging || info.tag_count.value_or(0) == 0) return;
    if (parts_.cache.tags(key)) return;
    tag_readers_.post([this, key] { static_cast<void>(tags(key).has_value()); });
}

Result<Tags> Reader::tags(const ObjectKey& key) {
    if (auto known = parts_.cache.tags(key)) return *std::move(known);
    const uint64_t epoch = parts_.cache.epoch(key);
    const auto boarding = board(tag_reads_, key);
    if (!boarding.leads) return tag_reads_.wait(boarding.flight);
    Result<Tags> tags = Tags{};
    if (auto known = parts_.cache.tags(key)) {  // another flight has landed since
        tags = *std::move(known);
    } else {
        tags = parts_.store.get_tags(key);
        if (tags) parts_.cache.learn_tags(key, *tags, epoch);
    }
    tag_reads_.land(key, boarding.flight, tags);
    return tags;
}

Result<std::string> Reader::acl(const ObjectKey& key) {
    if (auto known = parts_.cache.acl(key)) return *std::move(known);
    const uint64_t epoch = parts_.cache.epoch(key);
    std::string acl = TRY(parts_.store.get_acl(key));
    parts_.cache.learn_acl(key, acl, epoch);
    return acl;
}

std::optional<std::string> Reader::brief_text(const ObjectKey& key, TextKind kind) {
    const TimePoint now = parts_.clock.now();
    LockGuard lock(mutex_);
    for (const BriefText& known : texts_)
        if (known.key == key && known.kind == kind && now - known.read_at <= kTextLife)
            return known.text;
    return std::nullopt;
}

void Reader::keep_text(const ObjectKey& key, TextKind kind, const std::string& text,
                       TimePoint read_at) {
    LockGuard lock(mutex_);
    std::erase_if(texts_,
                  [&](const BriefText& known) { return known.key == key && known.kind == kind; });
    if (texts_.size() >= kTextsMax) texts_.erase(texts_.begin());
    texts_.push_back({key, kind, text, read_at});
}

Result<std::string> Reader::headers(const ObjectKey& key) {
    if (auto known = brief_text(key, TextKind::headers)) return *std::move(known);
    const TimePoint begun = parts_.clock.now();
    const HeadReply reply = TRY(parts_.store.head(key));
    std::string text;
    for (const HeaderView header : reply.headers)
        text += fmt::format("{}: {}\n", header.name, header.value);
    keep_text(key, TextKind::headers, text, begun);
    return text;
}

Result<std::string> Reader::versions(const ObjectKey& key) {
    if (auto known = brief_text(key, TextKind::versions)) return *std::move(known);
    const TimePoint begun = parts_.clock.now();
    const VersionList list = TRY(parts_.store.list_versions(key, kVersionsMax));
    // A bucket that keeps none lists its objects all the same, as this one version.
    const bool unclear = std::all_of(
        list.versions.begin(), list.versions.end(),
        [](const ObjectVersion& v) { return v.id.str() == "null" && !v.delete_marker; });
    if (unclear && TRY(parts_.store.versioning()).empty())
        return fail(ErrorKind::unsupported,
                    "the bucket keeps no versions: versioning was never turned on");
    std::string text = versions_text(list);
    keep_text(key, TextKind::versions, text, begun);
    return text;
}

void Reader::forget_headers(const ObjectKey& key) {
    LockGuard lock(mutex_);
    std::erase_if(texts_, [&](const BriefText& known) { return known.key == key; });
}

}  // namespace xbucket
