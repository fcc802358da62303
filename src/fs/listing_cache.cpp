// SPDX-FileCopyrightText: the xbucket authors
#include "listing_cache.h"

#include "inode_table.h"

#include <algorithm>

namespace xbucket {
namespace {

constexpr uint64_t kKindBit = 1;

uint64_t hash_of(std::string_view name) { return inode_number_of(name) & ~kKindBit; }

}  // namespace

ListingCache::Answer ListingCache::find(const ObjectKey& directory, std::string_view name) const {
    LockGuard lock(mutex_);
    const auto found = listings_.find(directory.str());
    if (found == listings_.end()) return Answer::unknown;
    const Listing& listing = found->second;
    const TimePoint now = clock_.now();
    if (now >= listing.begun + limits_.positive_life) return Answer::unknown;
    const uint64_t hash = hash_of(name);
    if (const auto change = listing.changes.find(hash); change != listing.changes.end()) {
        return change->second;
    }
    for (const std::vector<uint64_t>& page : listing.pages) {
        const auto at = std::lower_bound(page.begin(), page.end(), hash);
        if (at == page.end() || (*at & ~kKindBit) != hash) continue;
        // Both kinds under one hash can only be a collision: the directory won already.
        if (at + 1 != page.end() && (at[1] & ~kKindBit) == hash) return Answer::unknown;
        return (*at & kKindBit) != 0 ? Answer::directory : Answer::file;
    }
    const bool negatives_hold = listing.complete && now < listing.completed + limits_.negative_life;
    if (!negatives_hold) return Answer::unknown;
    return listing.whom == For::program ? Answer::absent : Answer::unlisted;
}

TimePoint ListingCache::absent_until(const ObjectKey& directory) const {
    LockGuard lock(mutex_);
    const auto found = listings_.find(directory.str());
    if (found == listings_.end() || !found->second.complete) return TimePoint::never();
    const TimePoint until = found->second.completed + limits_.negative_life;
    // What has ended answers nothing.
    return clock_.now() < until ? until : TimePoint::never();
}

uint64_t ListingCache::begin(const ObjectKey& directory, For whom) {
    LockGuard lock(mutex_);
    Listing& listing = listings_[directory.str()];
    names_ -= listing.names;
    listing = Listing{};
    listing.whom = whom;
    listing.begun = clock_.now();
    listing.ticket = next_ticket_++;
    return listing.ticket;
}

void ListingCache::add(const ObjectKey& directory, uint64_t ticket, const ListedName* names,
                       size_t count) {
    std::vector<uint64_t> page;
    page.reserve(count);
    for (size_t i = 0; i < count; ++i) {
        page.push_back(hash_of(names[i].name) | (names[i].directory ? kKindBit : 0));
    }
    std::sort(page.begin(), page.end());

    LockGuard lock(mutex_);
    const auto found = listings_.find(directory.str());
    if (found == listings_.end() || found->second.ticket != ticket) return;
    Listing& listing = found->second;
    if (listing.names + count > limits_.directory_names_max) {
        names_ -= listing.names;
        listings_.erase(found);
        return;
    }
    listing.names += count;
    names_ += count;
    listing.pages.push_back(std::move(page));
    make_room();
}

void ListingCache::complete(const ObjectKey& directory, uint64_t ticket) {
    LockGuard lock(mutex_);
    const auto found = listings_.find(directory.str());
    if (found == listings_.end() || found->second.ticket != ticket) return;
    found->second.complete = true;
    found->second.completed = clock_.now();
}

void ListingCache::note(const ObjectKey& directory, std::string_view name, Answer now) {
    LockGuard lock(mutex_);
    const auto found = listings_.find(directory.str());
    if (found == listings_.end()) return;
    Listing& listing = found->second;
    listing.changes[hash_of(name)] = now;
    if (listing.changes.size() <= limits_.directory_names_max) return;
    names_ -= listing.names;
    listings_.erase(found);
}

void ListingCache::drop_below(const std::string& prefix) {
    LockGuard lock(mutex_);
    auto at = listings_.lower_bound(prefix);
    while (at != listings_.end() && at->first.starts_with(prefix)) {
        names_ -= at->second.names;
        at = listings_.erase(at);
    }
}

void ListingCache::make_room() {
    while (names_ > limits_.names_max && !listings_.empty()) {
        const auto oldest = std::min_element(
            listings_.begin(), listings_.end(),
            [](const auto& a, const auto& b) { return a.second.begun < b.second.begun; });
        names_ -= oldest->second.names;
        listings_.erase(oldest);
    }
}

}  // namespace xbucket
