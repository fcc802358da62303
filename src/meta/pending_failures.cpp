// SPDX-FileCopyrightText: the xbucket authors
// What write-behind could not send: kept in the journal until somebody clears the list, told once
// by the next fsync or close.
#include "write_behind.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/json.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

// An attribute of Linux has at most 64 KiB.
constexpr size_t kJsonBytesMax = 60'000;

bool covers(const ObjectKey& key, WriteBehind::Scope scope, const ObjectKey& other) {
    return scope == WriteBehind::Scope::key ? other == key : other.str().starts_with(key.str());
}

// Text as it is, other bytes as getfattr and setfattr write them.
std::string value_json(const MaybeValue& value) {
    if (!value) return "null";
    const bool text = printable(*value) == *value;
    return json_string(text ? *value : "0s" + base64_encode(*value));
}

std::string failure_json(const PendingFailure& failure) {
    return fmt::format(R"({{"key":{},"name":{},"value":{},"reason":{},"time":{},"reported":{}}})",
                       json_string(failure.key.str()), json_string(failure.name),
                       value_json(failure.value), json_string(failure.reason),
                       failure.time.seconds(), failure.reported);
}

}  // namespace

PendingFailure WriteBehind::make_failure(const ObjectKey& key, const PendingChange& change,
                                         std::string reason) {
    PendingFailure failure;
    failure.id = next_failure_++;
    failure.key = key;
    failure.name = change.name.full;
    failure.value = change.value;
    failure.reason = std::move(reason);
    failure.time = clock_.wall_now();
    return failure;
}

void WriteBehind::add_failures(const std::vector<PendingFailure>& failures) {
    std::vector<int64_t> too_old;
    {
        LockGuard lock(mutex_);
        for (const PendingFailure& failure : failures) {
            next_failure_ = std::max(next_failure_, failure.id + 1);
            failures_.insert_or_assign(failure.id, failure);
            if (failure.reported) continue;
            untold_.fetch_add(1);
            log_warning("meta", "event=change_not_sent key='{}' name={} reason=\"{}\"",
                        printable(failure.key.str()), printable(failure.name), failure.reason);
        }
        while (failures_.size() > kFailuresMax) {
            const auto oldest = failures_.begin();
            if (!oldest->second.reported) untold_.fetch_sub(1);
            too_old.push_back(oldest->first);
            failures_.erase(oldest);
        }
    }
    if (too_old.empty()) return;
    log_warning("meta", "event=failures_dropped count={} note=\"the list holds {}\"",
                too_old.size(), kFailuresMax);
    static_cast<void>(journal_->forget_failures(too_old).has_value());
}

std::vector<int64_t> WriteBehind::failures_of(const ObjectKey& key, Scope scope) const {
    std::vector<int64_t> ids;
    for (const auto& [id, failure] : failures_)
        if (covers(key, scope, failure.key)) ids.push_back(id);
    return ids;
}

Result<void> WriteBehind::take_failures(const ObjectKey& key, Scope scope) {
    if (untold_ == 0) return {};
    std::vector<int64_t> told;
    std::string first;
    {
        LockGuard lock(mutex_);
        for (const int64_t id : failures_of(key, scope)) {
            PendingFailure& failure = failures_.at(id);
            if (failure.reported) continue;
            failure.reported = true;
            untold_.fetch_sub(1);
            if (told.empty())
                first = fmt::format("{} of '{}' is not in the bucket: {}", printable(failure.name),
                                    printable(failure.key.str()), failure.reason);
            told.push_back(id);
        }
    }
    if (told.empty()) return {};
    log_unwritten(journal_->mark_reported(told));
    const std::string others =
        told.size() == 1 ? "" : fmt::format(" ({} more like it)", told.size() - 1);
    return fail(ErrorKind::io,
                fmt::format("{}{}; user.xbucket.failures lists what was not sent", first, others));
}

std::string WriteBehind::failures_json(const ObjectKey& key, Scope scope) const {
    std::string list = "[";
    LockGuard lock(mutex_);
    std::vector<int64_t> ids = failures_of(key, scope);
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
        const std::string one = failure_json(failures_.at(*id));
        if (list.size() + one.size() > kJsonBytesMax) {
            list += fmt::format(R"({}{{"more":{}}})", list.size() == 1 ? "" : ",",
                                std::distance(id, ids.rend()));
            break;
        }
        if (list.size() != 1) list += ',';
        list += one;
    }
    return list + "]";
}

void WriteBehind::forget_failures(const ObjectKey& key, Scope scope) {
    std::vector<int64_t> ids;
    {
        LockGuard lock(mutex_);
        ids = failures_of(key, scope);
        for (const int64_t id : ids) {
            if (!failures_.at(id).reported) untold_.fetch_sub(1);
            failures_.erase(id);
        }
    }
    if (!ids.empty()) log_unwritten(journal_->forget_failures(ids));
}

}  // namespace xbucket
