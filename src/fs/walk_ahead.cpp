// SPDX-FileCopyrightText: the xbucket authors
#include "walk_ahead.h"

#include "inode_table.h"
#include "path_rules.h"

#include <algorithm>
#include <numeric>

namespace xbucket {
namespace {

constexpr unsigned kStepsToStart = 2;         // the third file in a row
constexpr unsigned kStepsToStartAtFirst = 1;  // of a walk that begins at the beginning
constexpr size_t kWindowFirst = 8;
constexpr size_t kWalksMax = 8;  // in one directory
// Touches that fit no walk, after which the order of inode numbers is looked at.
constexpr unsigned kStraysToSort = 3;
constexpr size_t kSortedNamesMax = 128'000;  // find(1) sorts 100,000 at a time
// So many of a window must have outlived their time for a LIST to be worth it.
constexpr size_t kOutlivedToRenew = 8;

// The names directly below `directory` in a page, directories with their '/', in order.
std::vector<std::string> names_in(const std::string& directory, const ListPage& page) {
    std::vector<std::string> files;
    std::vector<std::string> directories;
    const auto take = [&](const std::string& key, std::vector<std::string>& names) {
        const auto name = name_below(directory, key);
        if (name && is_showable_name(*name)) names.push_back(key.substr(directory.size()));
    };
    for (const ListEntry& entry : page.objects)
        if (!entry.key.str().ends_with('/')) take(entry.key.str(), files);
    for (const std::string& prefix : page.common_prefixes) take(prefix, directories);
    std::vector<std::string> names;
    names.reserve(files.size() + directories.size());
    std::merge(files.begin(), files.end(), directories.begin(), directories.end(),
               std::back_inserter(names));
    return names;
}

}  // namespace

void WalkAhead::listed(const ObjectKey& directory, const ListPage& page) {
    const std::vector<std::string> names = names_in(directory.str(), page);
    if (names.empty()) return;
    LockGuard lock(mutex_);
    Directory* known = find(directory.str());
    if (known == nullptr) {
        directories_.emplace_front();
        known = &directories_.front();
        known->key = directory.str();
        by_key_.emplace(known->key, directories_.begin());
    }
    if (known->names.add(names)) find_places_again(*known);
    account(*known);
}

// Counts what a directory takes now; the names longest unused go, and of a directory that is too
// large by itself the foremost.
void WalkAhead::account(Directory& directory) {
    const auto count = [&]() REQUIRES(mutex_) {
        const size_t bytes = sizeof directory + 2 * directory.key.size() + directory.names.bytes() +
                             directory.by_number.numbers.capacity() * 2 * sizeof(uint64_t);
        bytes_ += bytes - directory.bytes;
        directory.bytes = bytes;
    };
    count();
    while (bytes_ > limits_.names_bytes_max && directories_.size() > 1) {
        bytes_ -= directories_.back().bytes;
        by_key_.erase(directories_.back().key);
        directories_.pop_back();
    }
    while (bytes_ > limits_.names_bytes_max && directory.names.drop_front()) {
        directory.by_number = ByNumber{};
        std::erase_if(directory.walks, [&](const Walk& walk) {
            return walk.order == Order::number || walk.at < directory.names.begin();
        });
        count();
    }
}

WalkAhead::Directory* WalkAhead::find(std::string_view directory) {
    const auto found = by_key_.find(directory);
    if (found == by_key_.end()) return nullptr;
    directories_.splice(directories_.begin(), directories_, found->second);
    return &*found->second;
}

void WalkAhead::touched(const ObjectKey& key) {
    const size_t hash = std::hash<ObjectKey>{}(key);
    if (last_touched_.exchange(hash, std::memory_order_relaxed) == hash) return;
    const std::string directory = parent_key(key).str();
    Stretch stretch;
    {
        LockGuard lock(mutex_);
        Directory* const known = find(directory);
        if (known == nullptr) return;
        stretch = step(*known, std::string_view(key.str()).substr(directory.size()));
    }
    if (!stretch.keys.empty()) fetch(directory, stretch);
}

WalkAhead::Stretch WalkAhead::step(Directory& directory, std::string_view name) {
    const auto place = directory.names.find(name);
    if (!place) return {};
    if (Walk* const walk = find_walk(directory, *place, name)) {
        directory.strays = 0;
        return go_on(directory, *walk);
    }
    ++directory.strays;
    if (directory.walks.size() == kWalksMax) directory.walks.erase(directory.walks.begin());
    Walk walk;
    walk.at = walk.fetched_to = *place;
    walk.name = name;
    walk.steps_to_start = *place == directory.names.begin() ? kStepsToStartAtFirst : kStepsToStart;
    directory.walks.push_back(std::move(walk));
    return {};
}

// The walk that a touch of `place` is the next step of, or stands at already; it is the last of
// `walks` then.
WalkAhead::Walk* WalkAhead::find_walk(Directory& directory, Place place, std::string_view name) {
    const auto to_back = [&](size_t i) {
        std::rotate(directory.walks.begin() + static_cast<std::ptrdiff_t>(i),
                    directory.walks.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    directory.walks.end());
        return &directory.walks.back();
    };
    bool by_number = false;
    for (size_t i = directory.walks.size(); i-- > 0;) {
        Walk& walk = directory.walks[i];
        by_number = by_number || walk.order == Order::number;
        if (walk.order == Order::listing && take_step(walk, place, name)) return to_back(i);
    }
    const Place names = directory.names.end() - directory.names.begin();
    if ((!by_number && directory.strays + 1 < kStraysToSort) || names > kSortedNamesMax)
        return nullptr;
    sort_by_number(directory);
    const Place number_place = place_in(directory, Order::number, name);
    for (size_t i = directory.walks.size(); i-- > 0;) {
        Walk& walk = directory.walks[i];
        if (walk.order == Order::number) {
            if (take_step(walk, number_place, name)) return to_back(i);
        } else if (walk.steps == 0 &&
                   place_in(directory, Order::number, walk.name) + 1 == number_place) {
            // Two files that are neighbours by number, and by nothing else.
            walk = Walk{Order::number, number_place, std::string(name), 1, kStepsToStart, 0,
                        number_place};
            return to_back(i);
        }
    }
    return nullptr;
}

// A step goes to the next place; a walk under way may pass over what it does not care for.
bool WalkAhead::take_step(Walk& walk, Place to, std::string_view name) const {
    const Place reach = std::max<Place>(1, walk.window);
    if (to < walk.at || to - walk.at > reach) return false;
    if (to == walk.at) return true;
    walk.at = to;
    walk.name = name;
    ++walk.steps;
    if (walk.steps >= walk.steps_to_start) widen(walk);
    return true;
}

void WalkAhead::widen(Walk& walk) const {
    if (walk.window != 0 && walk.steps - walk.grown_at < walk.window / 2) return;
    walk.grown_at = walk.steps;
    walk.window = std::min(walk.window == 0 ? kWindowFirst : walk.window * 2, limits_.window_max);
}

WalkAhead::Stretch WalkAhead::go_on(Directory& directory, Walk& walk) {
    // What a listing under way may renew is left to it; the next step comes back to it.
    if (walk.window == 0 || directory.renewing) return {};
    const Place end =
        walk.order == Order::listing ? directory.names.end() : directory.by_number.places.size();
    const Place from = std::max(walk.fetched_to, walk.at + 1);
    const Place to = std::min<Place>(end, walk.at + 1 + walk.window);
    // Several at a time, so that not each step wakes the transport.
    const Place worth = from == walk.at + 1 ? 1 : std::max<Place>(1, walk.window / 8);
    if (from >= to || (to - from < worth && to != end)) return {};
    walk.fetched_to = to;
    Stretch stretch;
    stretch.in_order = walk.order == Order::listing;
    stretch.keys.reserve(static_cast<size_t>(to - from));
    for (Place place = from; place < to; ++place) {
        std::string key = directory.key;
        key += name_at(directory, walk.order, place);
        stretch.keys.emplace_back(std::move(key));
    }
    stretch.before = directory.key;
    if (walk.order == Order::listing && from > directory.names.begin())
        stretch.before += directory.names.at(from - 1);
    return stretch;
}

void WalkAhead::fetch(const std::string& directory, const Stretch& stretch) {
    const auto outlived = static_cast<size_t>(std::count_if(
        stretch.keys.begin(), stretch.keys.end(),
        [&](const ObjectKey& key) { return meta_.knowledge(key) == Knowledge::outlived; }));
    if (outlived < kOutlivedToRenew || !stretch.in_order) {
        meta_.prefetch(stretch.keys, limits_.with_tags ? MetaEngine::Ahead::metadata_and_tags
                                                       : MetaEngine::Ahead::metadata);
        return;
    }
    {
        LockGuard lock(mutex_);
        Directory* const known = find(directory);
        if (known == nullptr || known->renewing) return;
        known->renewing = true;
    }
    helpers_.post([this, directory, stretch] { renew(directory, stretch); });
}

void WalkAhead::renew(const std::string& directory, const Stretch& stretch) {
    ListRequest request;
    request.prefix = directory;
    request.delimiter = std::string(1, '/');
    request.start_after = stretch.before;
    request.keys_max = store_.traits().list_keys_max;
    const Result<ListPage> page = store_.list(request, {.request_class = RequestClass::prefetch});
    if (page) {
        meta_.observe_listing(*page);
        listed(ObjectKey(directory), *page);
    }
    {
        LockGuard lock(mutex_);
        if (Directory* const known = find(directory)) known->renewing = false;
    }
    // What did not agree with the listing is read now; what did costs nothing more.
    meta_.prefetch(stretch.keys, MetaEngine::Ahead::metadata);
}

WalkAhead::Place WalkAhead::place_in(const Directory& directory, Order order,
                                     std::string_view name) {
    if (order == Order::listing) return directory.names.find(name).value_or(directory.names.end());
    const ByNumber& sorted = directory.by_number;
    const uint64_t number = inode_number_of(directory.key + std::string(name));
    const auto at = std::lower_bound(sorted.numbers.begin(), sorted.numbers.end(), number);
    return static_cast<Place>(at - sorted.numbers.begin());
}

std::string_view WalkAhead::name_at(const Directory& directory, Order order, Place place) {
    if (order == Order::number) place = directory.by_number.places[static_cast<size_t>(place)];
    return directory.names.at(place);
}

void WalkAhead::sort_by_number(Directory& directory) {
    ByNumber& sorted = directory.by_number;
    const Siblings& names = directory.names;
    if (!sorted.places.empty() && sorted.begin == names.begin() && sorted.end == names.end())
        return;
    std::vector<std::pair<uint64_t, Place>> both;
    both.reserve(static_cast<size_t>(names.end() - names.begin()));
    for (Place place = names.begin(); place < names.end(); ++place)
        both.emplace_back(inode_number_of(directory.key + std::string(names.at(place))), place);
    std::sort(both.begin(), both.end());
    sorted = ByNumber{};
    sorted.begin = names.begin();
    sorted.end = names.end();
    sorted.numbers.reserve(both.size());
    sorted.places.reserve(both.size());
    for (const auto& [number, place] : both) {
        sorted.numbers.push_back(number);
        sorted.places.push_back(place);
    }
    // Places in the old order mean nothing now.
    for (Walk& walk : directory.walks) {
        if (walk.order != Order::number) continue;
        const Place ahead = walk.fetched_to - walk.at;
        walk.at = place_in(directory, Order::number, walk.name);
        walk.fetched_to = walk.at + ahead;
    }
}

// After a listing moved places: the walks go on where their names stand now.
void WalkAhead::find_places_again(Directory& directory) {
    directory.by_number = ByNumber{};
    std::erase_if(directory.walks, [&](Walk& walk) {
        if (walk.order == Order::number) return true;
        const auto place = directory.names.find(walk.name);
        if (!place) return true;
        walk.fetched_to = *place + (walk.fetched_to - walk.at);
        walk.at = *place;
        return false;
    });
}

}  // namespace xbucket
