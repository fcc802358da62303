// SPDX-FileCopyrightText: the xbucket authors
#include "lookup_ahead.h"

#include "core.h"
#include "dir_listing.h"

#include <algorithm>

namespace xbucket {
namespace {

constexpr unsigned kAskedToList = 3;
constexpr unsigned kOnlyMisses = 8;
constexpr Duration kSoonAfter = std::chrono::seconds(5);
constexpr size_t kInterestsMax = 64;

}  // namespace

void LookupAhead::asked(const ObjectKey& directory) {
    const TimePoint now = core_.clock.now();
    LockGuard lock(mutex_);
    Interest& interest = interests_[directory.str()];
    if (now - interest.last > kSoonAfter) interest.asked = interest.misses = 0;
    interest.last = now;
    ++interest.asked;
    ++interest.used;
    if (interest.asked >= kAskedToList && !interest.listing) {
        interest.listing = true;
        ++listings_;
        core_.helpers.post([this, directory] { list(directory); });
    }
    while (interests_.size() > kInterestsMax) {
        const auto oldest = std::min_element(
            interests_.begin(), interests_.end(), [](const auto& a, const auto& b) {
                return std::pair(a.second.listing, a.second.last.since_start) <
                       std::pair(b.second.listing, b.second.last.since_start);
            });
        if (oldest->second.listing) break;
        interests_.erase(oldest);
    }
}

void LookupAhead::used(const ObjectKey& directory) {
    if (listings_ == 0) return;
    LockGuard lock(mutex_);
    const auto found = interests_.find(directory.str());
    if (found != interests_.end()) ++found->second.used;
}

void LookupAhead::answered(const ObjectKey& directory, bool there) {
    LockGuard lock(mutex_);
    const auto found = interests_.find(directory.str());
    if (found != interests_.end()) found->second.misses = there ? 0 : found->second.misses + 1;
}

bool LookupAhead::only_misses(const ObjectKey& directory) const {
    LockGuard lock(mutex_);
    const auto found = interests_.find(directory.str());
    return found != interests_.end() && found->second.misses >= kOnlyMisses;
}

uint64_t LookupAhead::uses_of(const ObjectKey& directory) const {
    LockGuard lock(mutex_);
    const auto found = interests_.find(directory.str());
    return found == interests_.end() ? 0 : found->second.used;
}

void LookupAhead::list(const ObjectKey& directory) {
    DirListing listing(core_, directory, ListingCache::For::lookups);
    // Two pages at least: lookups may have waited for the first.
    uint64_t before = 0;
    for (unsigned page = 0; !listing.done(); ++page) {
        const uint64_t uses = uses_of(directory);
        if (page > 1 && uses == before) break;
        before = uses;
        if (!listing.next()) break;
    }
    LockGuard lock(mutex_);
    --listings_;
    const auto found = interests_.find(directory.str());
    if (found == interests_.end()) return;
    found->second.listing = false;
    found->second.asked = 0;
}

}  // namespace xbucket
