// SPDX-FileCopyrightText: the xbucket authors
#include "versions.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace xbucket::local {

namespace {

constexpr std::string_view kIdStart = "CAEQ";
constexpr size_t kRandomBytes = 8;

std::string new_version_id(int64_t seq) {
    return fmt::format("{}{:010x}{}", kIdStart, seq, hex_encode(random_bytes(kRandomBytes)));
}

// Removes the null version wherever it stands; bytes that `keep` still refers to stay.
Result<bool> drop_null_version(ObjectDb::Transaction& t, const std::string& bucket,
                               std::string_view key, const std::vector<Segment>& keep) {
    Connection& c = *t;
    auto null_version = TRY(find_version(c, bucket, key, "null"));
    if (!null_version) return false;
    std::vector<Segment> gone;
    for (auto& s : null_version->segments) {
        const bool kept = std::any_of(keep.begin(), keep.end(),
                                      [&](const Segment& k) { return k.blob == s.blob; });
        if (!kept) gone.push_back(std::move(s));
    }
    TRY(t.discard(gone));
    auto current = TRY(find_current(c, bucket, key));
    if (current && current->version_id.empty()) {
        TRY(erase_current(c, bucket, key));
    } else {
        TRY(erase_older(c, *null_version));
    }
    return true;
}

Result<void> promote_newest(ObjectDb::Transaction& t, const std::string& bucket,
                            std::string_view key) {
    Connection& c = *t;
    if (TRY(find_current(c, bucket, key))) return {};
    auto newest = TRY(find_newest_older(c, bucket, key));
    if (!newest || newest->delete_marker) return {};
    TRY(erase_older(c, *newest));
    return write_current(c, *newest);
}

}  // namespace

std::optional<int64_t> seq_of_version(std::string_view version_id) {
    constexpr size_t kAround = kIdStart.size() + 2 * kRandomBytes;
    if (!version_id.starts_with(kIdStart) || version_id.size() <= kAround) return std::nullopt;
    const std::string_view digits = version_id.substr(kIdStart.size(), version_id.size() - kAround);
    int64_t seq = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seq, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return seq;
}

Result<void> put_version(ObjectDb::Transaction& t, const BucketState& bucket,
                         ObjectRecord& record) {
    Connection& c = *t;
    record.delete_marker = false;
    record.version_id.clear();
    if (bucket.versioning.empty()) {
        record.seq = 0;
        TRY(drop_null_version(t, bucket.name, record.key, record.segments));
        return write_current(c, record);
    }
    record.seq = TRY(t.next_seq());
    if (bucket.versioning == "Enabled") {
        record.version_id = new_version_id(record.seq);
    } else {
        TRY(drop_null_version(t, bucket.name, record.key, record.segments));
    }
    if (auto current = TRY(find_current(c, bucket.name, record.key))) {
        TRY(write_older(c, *current));
    }
    return write_current(c, record);
}

Result<Deleted> delete_current(ObjectDb::Transaction& t, const BucketState& bucket,
                               std::string_view key, int64_t now) {
    Connection& c = *t;
    Deleted deleted;
    auto current = TRY(find_current(c, bucket.name, key));
    deleted.existed = current.has_value();
    if (bucket.versioning.empty()) {
        if (current) {
            TRY(t.discard(current->segments));
            TRY(erase_current(c, bucket.name, key));
        }
        return deleted;
    }
    ObjectRecord marker;
    marker.bucket = bucket.name;
    marker.key = std::string(key);
    marker.delete_marker = true;
    marker.mtime = now;
    marker.seq = TRY(t.next_seq());
    if (bucket.versioning == "Enabled") {
        marker.version_id = new_version_id(marker.seq);
    } else {
        TRY(drop_null_version(t, bucket.name, key, {}));
        current = TRY(find_current(c, bucket.name, key));
    }
    if (current) {
        TRY(write_older(c, *current));
        TRY(erase_current(c, bucket.name, key));
    }
    TRY(write_older(c, marker));
    deleted.marker = true;
    deleted.version_id = marker.version_id;
    return deleted;
}

Result<Deleted> delete_version(ObjectDb::Transaction& t, const BucketState& bucket,
                               std::string_view key, std::string_view version) {
    Connection& c = *t;
    Deleted deleted;
    deleted.version_id = std::string(version == "null" ? "" : version);
    auto found = TRY(find_version(c, bucket.name, key, version));
    if (!found) return deleted;
    deleted.existed = true;
    deleted.marker = found->delete_marker;
    TRY(t.discard(found->segments));
    auto current = TRY(find_current(c, bucket.name, key));
    if (current && current->version_id == found->version_id) {
        TRY(erase_current(c, bucket.name, key));
    } else {
        TRY(erase_older(c, *found));
    }
    TRY(promote_newest(t, bucket.name, key));
    return deleted;
}

}  // namespace xbucket::local
