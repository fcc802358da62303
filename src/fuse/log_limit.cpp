// SPDX-FileCopyrightText: the xbucket authors
#include "log_limit.h"

#include <algorithm>
#include <utility>

namespace xbucket::fuse {

std::optional<uint64_t> LogLimit::admit(int number, TimePoint now) {
    LockGuard lock(mutex_);
    const auto [found, is_new] = kinds_.try_emplace(number);
    Kind& kind = found->second;
    if (is_new) kind.refilled = now;
    const auto earned = static_cast<uint64_t>((now - kind.refilled) / kInterval);
    if (earned > 0) {
        kind.left = static_cast<unsigned>(std::min<uint64_t>(kBurst, kind.left + earned));
        kind.refilled = kind.refilled + static_cast<int64_t>(earned) * kInterval;
    }
    if (kind.left == 0) {
        ++kind.left_out;
        return std::nullopt;
    }
    --kind.left;
    return std::exchange(kind.left_out, 0);
}

}  // namespace xbucket::fuse
