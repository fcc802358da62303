// SPDX-FileCopyrightText: the xbucket authors
#include "reader.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

constexpr size_t kHeaderTextsMax = 8;
constexpr Duration kHeaderTextLife = std::chrono::seconds(2);

// Nobody needs the answer yet: it may fail early, and whoever needs it then asks himself.
constexpr CallOptions kAheadCall{.request_class = RequestClass::prefetch,
                                 .deadline = std::chrono::seconds(10)};
// What one entry may take of the cache, when it is asked how much may be fetched ahead.
constexpr uint64_t kEntryBytesAhead = 4096;

bool says_something(const Error& error) {
    return error.kind == ErrorKind::not_found || error.kind == ErrorKind::access_denied;
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
    auto info = std::make_shared<const ObjectInfo>(std::move(reply->info));
    const TimePoint expires = parts_.cache.learn(key, info, epoch);
    parts_.announce(key, parts_.stat_of(key, *info, expires), ChangedBy::anybody);
    return Reading{std::move(info), expires};
}

Result<Reader::Reading> Reader::current(const ObjectKey& key) {
    const uint64_t epoch = parts_.cache.epoch(key);
    return take(key, epoch, parts_.store.head(key));
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
        parts_.store.head_async(key, kAheadCall, done);
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
    std::string acl = TRY(parts_.store.get_acl(key));
    parts_.cache.learn_acl(key, acl);
    return acl;
}

Result<std::string> Reader::headers(const ObjectKey& key) {
    const TimePoint now = parts_.clock.now();
    {
        LockGuard lock(mutex_);
        for (const HeaderText& known : headers_)
            if (known.key == key && now - known.read_at <= kHeaderTextLife) return known.text;
    }
    const HeadReply reply = TRY(parts_.store.head(key));
    std::string text;
    for (const Header& header : reply.headers)
        text += fmt::format("{}: {}\n", header.name, header.value);
    LockGuard lock(mutex_);
    std::erase_if(headers_, [&](const HeaderText& known) { return known.key == key; });
    if (headers_.size() >= kHeaderTextsMax) headers_.erase(headers_.begin());
    headers_.push_back({key, text, now});
    return text;
}

void Reader::forget_headers(const ObjectKey& key) {
    LockGuard lock(mutex_);
    std::erase_if(headers_, [&](const HeaderText& known) { return known.key == key; });
}

}  // namespace xbucket
