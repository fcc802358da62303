// SPDX-FileCopyrightText: the xbucket authors
// When to send a request again, as pure functions (reliability.md 2, protocol.md 8). What the store
// does about credentials, clocks and endpoints is not here: those are corrections, not retries.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/error.h"
#include "xbucket/base/sync.h"

#include <optional>
#include <random>

namespace xbucket {

// What sending a request twice would do.
enum class Repeat {
    harmless,  // reads, parts, aborts: again whatever happened
    unsafe,    // again only when the service has surely not applied it
};

// Whether an error's cause may pass, and sending again is allowed. A 502, a 504 and a 500 without
// an error document may come from a proxy that lost the reply of a request that was applied.
bool may_retry(const Error& error, Repeat repeat);
// Whether the request may have been applied although it failed (DESIGN 3.6): for Error's flag.
bool is_outcome_unknown(const Error& error, Repeat repeat);

// The wait before attempt number `attempts` + 1 (`attempts` >= 1 are done): full jitter over
// 0.1 s * 2^(attempts-1), at most 20 s, never shorter than error.retry_after. nullopt: give up,
// because attempts_max are done or the cause will not pass.
std::optional<Duration> retry_delay(const Error& error, Repeat repeat, unsigned attempts,
                                    unsigned attempts_max, std::mt19937_64& random);

// A token bucket that bounds the extra load of retries to about a tenth of the requests and fifty a
// second, so that an outage is not made worse. Who finds none left waits for the next one instead
// of failing: many writers are to outlive a short outage, too. Thread-safe.
class RetryBudget {
  public:
    // First attempts earn a tenth of a token; a retry costs one.
    void earn() EXCLUDES(mutex_);
    // How long the retry has to wait for its token; nullopt: for too many others, it is given up.
    std::optional<Duration> spend(TimePoint now) EXCLUDES(mutex_);

  private:
    void refill(TimePoint now) REQUIRES(mutex_);

    static constexpr int64_t kCost = 10;
    static constexpr int64_t kEarned = 1;
    static constexpr int64_t kMax = 100 * kCost;  // and at the start: bursts of 100 retries
    static constexpr int64_t kLeast = -500 * kCost;
    static constexpr Duration kOneMore = std::chrono::milliseconds(20);
    Mutex mutex_;
    int64_t tokens_ GUARDED_BY(mutex_) = kMax;  // below zero: promised
    std::optional<TimePoint> filled_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
