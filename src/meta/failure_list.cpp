// SPDX-FileCopyrightText: the xbucket authors
#include "failure_list.h"

#include <algorithm>

namespace xbucket {

void FailureList::add(const PendingFailure& failure) {
    next_ = std::max(next_, failure.id + 1);
    failures_.insert_or_assign(failure.id, failure);
    by_key_[failure.key.str()].insert(failure.id);
    (failure.reported ? told_ : untold_).insert(failure.id);
}

bool FailureList::has_same(const PendingFailure& failure) const {
    const auto of_key = by_key_.find(failure.key.str());
    if (of_key == by_key_.end()) return false;
    return std::any_of(of_key->second.begin(), of_key->second.end(), [&](int64_t id) {
        const PendingFailure& known = failures_.at(id);
        return known.name == failure.name && known.value == failure.value &&
               known.reason == failure.reason && known.time == failure.time;
    });
}

std::vector<int64_t> FailureList::of(const ObjectKey& key, FailureScope scope) const {
    std::vector<int64_t> ids;
    const std::string_view prefix = key.str();
    for (auto entry = by_key_.lower_bound(prefix);
         entry != by_key_.end() && std::string_view(entry->first).starts_with(prefix); ++entry) {
        if (scope == FailureScope::key && entry->first != prefix) break;
        ids.insert(ids.end(), entry->second.begin(), entry->second.end());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

std::vector<int64_t> FailureList::untold_of(const ObjectKey& key, FailureScope scope) const {
    std::vector<int64_t> ids = of(key, scope);
    std::erase_if(ids, [this](int64_t id) { return failures_.at(id).reported; });
    return ids;
}

std::vector<int64_t> FailureList::untold_since(int64_t first) const {
    return {untold_.lower_bound(first), untold_.end()};
}

void FailureList::tell(int64_t id) {
    failures_.at(id).reported = true;
    untold_.erase(id);
    told_.insert(id);
}

void FailureList::move(int64_t id, const ObjectKey& to) {
    PendingFailure failure = failures_.at(id);
    erase(id);
    failure.key = to;
    add(failure);
}

void FailureList::erase(int64_t id) {
    const auto found = failures_.find(id);
    if (found == failures_.end()) return;
    const auto key = by_key_.find(found->second.key.str());
    key->second.erase(id);
    if (key->second.empty()) by_key_.erase(key);
    told_.erase(id);
    untold_.erase(id);
    failures_.erase(found);
}

std::vector<int64_t> FailureList::drop_told(size_t most) {
    std::vector<int64_t> dropped;
    while (failures_.size() > most && !told_.empty()) {
        dropped.push_back(*told_.begin());
        erase(dropped.back());
    }
    return dropped;
}

}  // namespace xbucket
