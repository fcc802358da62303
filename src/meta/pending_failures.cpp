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

Error error_of(const PendingFailure& first, size_t count) {
    const std::string others = count == 1 ? "" : fmt::format(" ({} more like it)", count - 1);
    return fail(
        ErrorKind::io,
        fmt::format("{} of '{}' is not in the bucket: {}{}; user.xbucket.failures lists "
                    "what was not sent",
                    printable(first.name), printable(first.key.str()), first.reason, others));
}

}  // namespace

PendingFailure WriteBehind::make_failure(const ObjectKey& key, const PendingChange& change,
                                         std::string reason) {
    PendingFailure failure;
    failure.key = key;
    failure.name = change.name.full;
    failure.value = change.value;
    failure.reason = std::move(reason);
    failure.time = clock_.wall_now();
    return failure;
}

void WriteBehind::number(std::vector<PendingFailure>& failures) const {
    LockGuard lock(mutex_);
    int64_t id = failures_.next_id();
    for (PendingFailure& failure : failures) failure.id = id++;
}

void WriteBehind::add_failures(const std::vector<PendingFailure>& failures) {
    if (failures.empty()) return;
    std::vector<int64_t> too_old;
    {
        LockGuard lock(mutex_);
        for (const PendingFailure& failure : failures) {
            failures_.add(failure);
            if (failure.reported) continue;
            log_warning("meta", "event=change_not_sent key='{}' name={} value={} reason=\"{}\"",
                        printable(failure.key.str()), printable(failure.name),
                        value_json(failure.value), failure.reason);
        }
        too_old = failures_.drop_told(kFailuresMax);
        untold_ = failures_.untold();
    }
    if (too_old.empty()) return;
    log_info("meta", "event=failures_dropped count={} note=\"the list holds {}; these were told\"",
             too_old.size(), kFailuresMax);
    static_cast<void>(journal_.load()->forget_failures(too_old).has_value());
}

// The error that tells of them, where there are any.
Result<void> WriteBehind::tell(const std::vector<int64_t>& ids) {
    if (ids.empty()) return {};
    for (const int64_t id : ids) failures_.tell(id);
    untold_ = failures_.untold();
    return error_of(failures_.at(ids.front()), ids.size());
}

Result<void> WriteBehind::take_failures(const ObjectKey& key, FailureScope scope) {
    if (untold_ == 0) return {};
    std::vector<int64_t> ids;
    Result<void> told;
    {
        LockGuard lock(mutex_);
        ids = failures_.untold_of(key, scope);
        told = tell(ids);
    }
    if (!ids.empty()) log_unwritten(journal_.load()->mark_reported(ids));
    note_unsynced();
    return told;
}

// Nobody is left to ask for them: the object is gone by this mount's doing.
void WriteBehind::let_go_of(const std::vector<int64_t>& failures) {
    if (failures.empty()) return;
    {
        LockGuard lock(mutex_);
        for (const int64_t id : failures)
            if (failures_.has(id)) failures_.tell(id);
        untold_ = failures_.untold();
    }
    log_unwritten(journal_.load()->mark_reported(failures));
    note_unsynced();
}

Result<void> WriteBehind::untold_failures() const {
    if (untold_ == 0) return {};
    LockGuard lock(mutex_);
    const std::vector<int64_t> ids = failures_.untold_since(first_own_failure_);
    if (ids.empty()) return {};
    return error_of(failures_.at(ids.front()), ids.size());
}

std::string WriteBehind::failures_json(const ObjectKey& key, FailureScope scope) const {
    std::string list = "[";
    LockGuard lock(mutex_);
    std::vector<int64_t> ids = failures_.of(key, scope);
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

void WriteBehind::forget_failures(const ObjectKey& key, FailureScope scope) {
    std::vector<int64_t> ids;
    {
        LockGuard lock(mutex_);
        ids = failures_.of(key, scope);
        for (const int64_t id : ids) failures_.erase(id);
        untold_ = failures_.untold();
    }
    if (!ids.empty()) log_unwritten(journal_.load()->forget_failures(ids));
}

}  // namespace xbucket
