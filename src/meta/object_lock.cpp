// SPDX-FileCopyrightText: the xbucket authors
#include "object_lock.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket {

namespace {

bool same_time(const std::string& a, const std::string& b) {
    if (a == b) return true;
    const auto first = parse_rfc3339(a);
    const auto second = parse_rfc3339(b);
    return first && second && first->seconds() == second->seconds();
}

bool is_held(const ObjectLock& lock) { return iequals(lock.legal_hold, "ON"); }

}  // namespace

bool protects(const ObjectLock& lock) { return !lock.mode.empty() || is_held(lock); }

bool same_lock(const ObjectLock& a, const ObjectLock& b) {
    return is_held(a) == is_held(b) && iequals(a.mode, b.mode) &&
           (a.mode.empty() || same_time(a.retain_until, b.retain_until));
}

Error lock_would_be_lost(const Error& error) {
    return fail(ErrorKind::access_denied,
                fmt::format("whether the object is under Object Lock cannot be read, so a change "
                            "might lose its retention or legal hold (-o preserve=strict): {}",
                            error.describe()));
}

}  // namespace xbucket
