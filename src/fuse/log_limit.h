// SPDX-FileCopyrightText: the xbucket authors
// Keeps one program that does the same wrong thing ten thousand times from filling the disk with
// warnings: the first ones are logged, then one a second, which says how many were left out.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

#include <cstdint>
#include <map>
#include <optional>

namespace xbucket::fuse {

// Thread-safe.
class LogLimit {
  public:
    static constexpr unsigned kBurst = 20;
    static constexpr Duration kInterval = std::chrono::seconds(1);

    // Whether a line about this errno may be logged now: the number of those left out since the
    // last one, or nothing when this is left out as well.
    std::optional<uint64_t> admit(int number, TimePoint now) EXCLUDES(mutex_);

  private:
    struct Kind {
        unsigned left = kBurst;
        uint64_t left_out = 0;
        TimePoint refilled;
    };
    Mutex mutex_;
    std::map<int, Kind> kinds_ GUARDED_BY(mutex_);
};

}  // namespace xbucket::fuse
