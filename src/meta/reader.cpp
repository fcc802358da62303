// SPDX-FileCopyrightText: the xbucket authors
#include "reader.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {
constexpr size_t kHeaderTextsMax = 8;
constexpr Duration kHeaderTextLife = std::chrono::seconds(2);
}  // namespace

Result<Reader::Reading> Reader::current(const ObjectKey& key) {
    const uint64_t epoch = parts_.cache.epoch(key);
    auto reply = parts_.store.head(key);
    if (!reply) {
        if (reply.error().kind == ErrorKind::not_found) parts_.cache.learn_absent(key, epoch);
        return std::move(reply).error();
    }
    auto info = std::make_shared<const ObjectInfo>(std::move(reply->info));
    const TimePoint expires = parts_.cache.learn(key, info, epoch);
    parts_.announce(key, parts_.stat_of(key, *info, expires));
    return Reading{std::move(info), expires};
}

Result<Reader::Reading> Reader::complete(const ObjectKey& key) {
    if (const auto known = parts_.cache.find(key)) {
        if (known->absent)
            return fail(ErrorKind::not_found,
                        fmt::format("'{}' does not exist", printable(key.str())));
        if (known->info) {
            parts_.facts.counters.cache_hits.fetch_add(1, std::memory_order_relaxed);
            return Reading{known->info, known->expires};
        }
    }
    parts_.facts.counters.cache_misses.fetch_add(1, std::memory_order_relaxed);
    std::shared_ptr<Flight> flight;
    {
        LockGuard lock(mutex_);
        auto& slot = flights_[key];
        if (slot) {
            const std::shared_ptr<Flight> joined = slot;
            while (!joined->done) joined->landed.wait(mutex_);
            return *joined->result;
        }
        slot = std::make_shared<Flight>();
        flight = slot;
    }
    auto reading = current(key);
    LockGuard lock(mutex_);
    flight->result = reading;
    flight->done = true;
    flights_.erase(key);
    flight->landed.notify_all();
    return reading;
}

Result<Tags> Reader::tags(const ObjectKey& key) {
    if (auto known = parts_.cache.tags(key)) return *std::move(known);
    Tags tags = TRY(parts_.store.get_tags(key));
    parts_.cache.learn_tags(key, tags);
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
