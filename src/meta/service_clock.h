// SPDX-FileCopyrightText: the xbucket authors
// What time it is for the service, as far as its replies tell: never later than it is there, since
// a reply takes its time and its Date is cut to seconds. Steps of this machine's clock do not move
// it.
#pragma once

#include "xbucket/base/clock.h"

#include <atomic>
#include <cstdint>
#include <optional>

namespace xbucket {

// Thread-safe, lock-free.
class ServiceClock {
  public:
    // `date` was the service's when it sent a reply that had come by `now`.
    void learn(WallTime date, TimePoint now) {
        if (date == WallTime{}) return;
        offset_.store((date.since_epoch - now.since_start).count(), std::memory_order_relaxed);
    }
    std::optional<WallTime> at(TimePoint now) const {
        const int64_t offset = offset_.load(std::memory_order_relaxed);
        if (offset == kUnknown) return std::nullopt;
        return WallTime{now.since_start + std::chrono::nanoseconds(offset)};
    }

  private:
    static constexpr int64_t kUnknown = INT64_MIN;
    std::atomic<int64_t> offset_{kUnknown};
};

}  // namespace xbucket
