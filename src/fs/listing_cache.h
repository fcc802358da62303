// SPDX-FileCopyrightText: the xbucket authors
// Which names a directory had when it was last listed, as hashes (8 bytes a name). A lookup right
// after a listing needs no request: a name in it is known to be a file or a directory, and a name
// that is not in a complete one is not there, if a program asked for the listing: it knows how old
// that is. A collision of hashes only costs a request.
#pragma once

#include "name_stream.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe.
class ListingCache {
  public:
    struct Limits {
        Duration positive_life;
        Duration negative_life;
        size_t names_max = 1U << 20;            // of all directories together
        size_t directory_names_max = 1U << 18;  // beyond it a directory is not remembered
    };
    ListingCache(const Clock& clock, const Limits& limits) : clock_(clock), limits_(limits) {}

    // unlisted: absent in a listing that no program asked for.
    enum class Answer { unknown, absent, unlisted, file, directory };
    Answer find(const ObjectKey& directory, std::string_view name) const EXCLUDES(mutex_);
    // Until when names that the directory's listing lacks are absent by it; never() without one.
    TimePoint absent_until(const ObjectKey& directory) const EXCLUDES(mutex_);

    // One listing of a directory as it comes in. begin() forgets the last one; the ticket goes
    // void when another begins or the directory is dropped.
    enum class For { program, lookups };
    uint64_t begin(const ObjectKey& directory, For whom) EXCLUDES(mutex_);
    void add(const ObjectKey& directory, uint64_t ticket, const ListedName* names, size_t count)
        EXCLUDES(mutex_);
    void complete(const ObjectKey& directory, uint64_t ticket) EXCLUDES(mutex_);

    // Own changes.
    void note(const ObjectKey& directory, std::string_view name, Answer now) EXCLUDES(mutex_);
    void drop_below(const std::string& prefix) EXCLUDES(mutex_);

  private:
    struct Listing {
        uint64_t ticket = 0;
        For whom = For::program;
        TimePoint begun;
        bool complete = false;
        TimePoint completed;
        size_t names = 0;
        std::vector<std::vector<uint64_t>> pages;      // each sorted; lowest bit: directory
        std::unordered_map<uint64_t, Answer> changes;  // since, by hash
    };
    void make_room() REQUIRES(mutex_);

    const Clock& clock_;
    const Limits limits_;
    mutable Mutex mutex_;
    std::map<std::string, Listing, std::less<>> listings_ GUARDED_BY(mutex_);
    size_t names_ GUARDED_BY(mutex_) = 0;
    uint64_t next_ticket_ GUARDED_BY(mutex_) = 1;
};

}  // namespace xbucket
