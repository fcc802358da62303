// SPDX-FileCopyrightText: the xbucket authors
// How long before its end a key is renewed.
#pragma once

#include "xbucket/base/clock.h"

#include <algorithm>
#include <random>

namespace xbucket {

inline Duration random_below(std::mt19937_64& random, Duration limit) {
    if (limit <= Duration::zero()) return Duration::zero();
    return Duration(std::uniform_int_distribution<int64_t>(0, limit.count())(random));
}

// A fifth of its life, at most 15 minutes, and up to a quarter of that more.
inline Duration renewal_lead(Duration life, std::mt19937_64& random) {
    constexpr Duration kLeadMax = std::chrono::minutes(15);
    const Duration lead = std::min(life / 5, kLeadMax);
    return lead + random_below(random, lead / 4);
}

}  // namespace xbucket
