// SPDX-FileCopyrightText: the xbucket authors
#include "retry_policy.h"

#include <algorithm>

namespace xbucket {
namespace {

bool is_passing(ErrorKind kind) {
    return kind == ErrorKind::throttled || kind == ErrorKind::server_error ||
           kind == ErrorKind::timed_out || kind == ErrorKind::network ||
           kind == ErrorKind::checksum_mismatch;
}

// Codes that may never pass: radosgw says UnknownError (500) to names that it cannot store
// (servers.md, trap 3), and OSS's BadRequest may be a real one.
bool is_doubtful(const Error& error) {
    return error.code == "UnknownError" || error.code == "BadRequest";
}

bool may_be_lost_reply(const Error& error) {
    return error.http_status == 502 || error.http_status == 504 ||
           (error.http_status == 500 && error.code.empty());
}

}  // namespace

bool is_outcome_unknown(const Error& error, Repeat repeat) {
    return repeat == Repeat::unsafe && (error.outcome_unknown || may_be_lost_reply(error));
}

bool may_retry(const Error& error, Repeat repeat) {
    return is_passing(error.kind) && !is_outcome_unknown(error, repeat);
}

std::optional<Duration> retry_delay(const Error& error, Repeat repeat, unsigned attempts,
                                    unsigned attempts_max, std::mt19937_64& random) {
    constexpr unsigned kDoubtfulAttemptsMax = 3;
    const unsigned limit =
        is_doubtful(error) ? std::min(attempts_max, kDoubtfulAttemptsMax) : attempts_max;
    if (attempts >= limit || !may_retry(error, repeat)) return std::nullopt;
    constexpr Duration kBase = std::chrono::milliseconds(100);
    constexpr Duration kCap = std::chrono::seconds(20);
    const unsigned doublings = std::min(attempts - 1, 10U);
    const Duration ceiling = std::min(kCap, kBase * (1U << doublings));
    std::uniform_int_distribution<int64_t> jitter(0, ceiling.count());
    return std::max<Duration>(Duration(jitter(random)), error.retry_after);
}

void RetryBudget::earn() {
    LockGuard lock(mutex_);
    tokens_ = std::min(tokens_ + kEarned, kMax);
}

void RetryBudget::refill(TimePoint now) {
    if (!filled_ || now < *filled_) filled_ = now;
    const int64_t more = (now - *filled_) / kOneMore;
    tokens_ = std::min(tokens_ + more * kCost, kMax);
    *filled_ = *filled_ + kOneMore * more;
}

std::optional<Duration> RetryBudget::spend(TimePoint now) {
    LockGuard lock(mutex_);
    refill(now);
    if (tokens_ - kCost < kLeast) return std::nullopt;
    tokens_ -= kCost;
    if (tokens_ >= 0) return Duration{0};
    return kOneMore * ((kCost - 1 - tokens_) / kCost);
}

}  // namespace xbucket
