// SPDX-FileCopyrightText: the xbucket authors
#include "missing_names.h"

#include <algorithm>

namespace xbucket {

bool MissingNames::add(InodeNumber directory, std::string_view name, TimePoint until) {
    LockGuard lock(mutex_);
    Name key(directory, name);
    const auto known = names_.find(key);
    if (known != names_.end()) {
        known->second = until;
        return true;
    }
    if (names_.size() >= names_max_) drop_ended(clock_.now());
    if (names_.size() >= names_max_) return false;
    names_.emplace(std::move(key), until);
    return true;
}

void MissingNames::drop_ended(TimePoint now) {
    if (now < next_end_) return;
    TimePoint next = TimePoint::never();
    std::erase_if(names_, [&](const auto& name) {
        if (name.second <= now) return true;
        next = std::min(next, name.second);
        return false;
    });
    next_end_ = next;
}

std::vector<MissingNames::Name> MissingNames::take(const std::function<bool(InodeNumber)>& wanted) {
    std::map<Name, TimePoint> all;
    {
        LockGuard lock(mutex_);
        drop_ended(clock_.now());
        all.swap(names_);
    }
    std::vector<Name> taken;
    std::erase_if(all, [&](const auto& name) {
        if (!wanted(name.first.first)) return false;
        taken.push_back(name.first);
        return true;
    });
    LockGuard lock(mutex_);
    names_.merge(all);
    return taken;
}

}  // namespace xbucket
