// SPDX-FileCopyrightText: the xbucket authors
// Readers know the keys of s3fs, ossfs, geesefs, rclone, s3sync, gcsfuse and gsutil (peers.md 1a).
#include "xbucket/meta/posix_record.h"

#include "posix_entry.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <string>

namespace xbucket {

namespace {

constexpr uint32_t kModeMax = 0177777;
constexpr uint32_t kLinkType = 0120000;
constexpr uint32_t kModeBits = 07777;
constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / 1'000'000'000 - 1;
constexpr int kNanosecondDigits = 9;

bool is_file_type(uint32_t mode) {
    switch (mode & 0170000U) {
        case 0:
        case 0010000:
        case 0020000:
        case 0040000:
        case 0060000:
        case 0100000:
        case 0120000:
        case 0140000:
            return true;
        default:
            return false;
    }
}

std::optional<uint32_t> parse_octal(std::string_view text) {
    uint32_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
    if (failure != std::errc() || end != text.data() + text.size() || value > kModeMax)
        return std::nullopt;
    return value;
}

// s3fs writes st_mode in decimal; rclone --metadata writes it in octal. What makes no st_mode in
// decimal, or has a leading zero, is octal.
std::optional<uint32_t> parse_mode(std::string_view text) {
    const auto octal = parse_octal(text);
    if (text.size() > 1 && text.front() == '0') return octal;
    const auto decimal = parse_u64(text);
    if (decimal && *decimal <= kModeMax && is_file_type(static_cast<uint32_t>(*decimal)))
        return static_cast<uint32_t>(*decimal);
    return octal && is_file_type(*octal) ? octal : std::nullopt;
}

std::optional<uint32_t> parse_id(std::string_view text) {
    const auto id = parse_u64(text);
    if (!id || *id >= std::numeric_limits<uint32_t>::max()) return std::nullopt;  // -1: "no change"
    return static_cast<uint32_t>(*id);
}

bool all_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "-12.5": decimal seconds, any number of digits after the point.
std::optional<WallTime> parse_seconds(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const size_t point = std::min(text.find('.'), text.size());
    const auto whole = parse_u64(text.substr(0, point));
    if (!whole || *whole > static_cast<uint64_t>(kSecondsMax)) return std::nullopt;
    int64_t nanoseconds = 0;
    if (point < text.size()) {
        std::string digits(text.substr(point + 1));
        if (!all_digits(digits)) return std::nullopt;
        digits.resize(kNanosecondDigits, '0');
        nanoseconds = parse_i64(digits).value_or(0);
    }
    const int64_t total = static_cast<int64_t>(*whole) * 1'000'000'000 + nanoseconds;
    return WallTime{std::chrono::nanoseconds(negative ? -total : total)};
}

// What read_posix_record() looks for, the first name first.
constexpr auto kModeNames = std::to_array<std::string_view>({"mode", "permissions"});
constexpr auto kOctalModeNames = std::to_array<std::string_view>({"goog-reserved-posix-mode"});
constexpr auto kLinkNames = std::to_array<std::string_view>({"--symlink-target", "symlink-target"});
constexpr auto kUidNames =
    std::to_array<std::string_view>({"uid", "owner", "goog-reserved-posix-uid"});
constexpr auto kGidNames =
    std::to_array<std::string_view>({"gid", "group", "goog-reserved-posix-gid"});
constexpr auto kMtimeNames = std::to_array<std::string_view>({"mtime", "goog-reserved-file-mtime"});
constexpr auto kWrittenMtimeNames =
    std::to_array<std::string_view>({"gcsfuse_mtime", "gcsfuse-mtime"});
constexpr auto kAtimeNames = std::to_array<std::string_view>({"atime", "goog-reserved-file-atime"});
constexpr auto kCtimeNames = std::to_array<std::string_view>({"ctime"});

template <class... Lists>
bool is_in_any(std::string_view name, const Lists&... lists) {
    return ((std::find(lists.begin(), lists.end(), name) != lists.end()) || ...);
}

// Most metadata has none of them, which costs less to see than to look for each.
bool has_name_read(const UserMetadata& user) {
    return std::any_of(user.begin(), user.end(), [](const auto& entry) {
        return is_in_any(entry.first, kModeNames, kOctalModeNames, kLinkNames, kUidNames, kGidNames,
                         kMtimeNames, kWrittenMtimeNames, kAtimeNames, kCtimeNames);
    });
}

// The first of `names` whose value parses.
template <class T>
std::optional<T> read_first(const UserMetadata& user, std::span<const std::string_view> names,
                            std::optional<T> (*parse)(std::string_view)) {
    for (const std::string_view name : names) {
        const auto found = user.find(name);
        if (found == user.end()) continue;
        if (auto value = parse(trim_ows(found->second))) return value;
    }
    return std::nullopt;
}

std::string format_seconds(WallTime time) {
    const int64_t total = time.since_epoch.count();
    const uint64_t size =
        total < 0 ? 0 - static_cast<uint64_t>(total) : static_cast<uint64_t>(total);
    const char* sign = total < 0 ? "-" : "";
    const uint64_t nanoseconds = size % 1'000'000'000;
    if (nanoseconds == 0) return fmt::format("{}{}", sign, size / 1'000'000'000);
    // All nine digits: s3fs reads the fraction as a whole number of nanoseconds (peers.md 2).
    return fmt::format("{}{}.{:09}", sign, size / 1'000'000'000, nanoseconds);
}

// Leaves an entry that says the same in other words, and one that is no POSIX state, as it is.
template <class T>
void write_member(UserMetadata& user, const char* name, const std::optional<T>& value,
                  std::optional<T> (*parse)(std::string_view), const std::string& text) {
    if (!value) return;
    const auto found = user.find(name);
    if (found == user.end()) {
        user.emplace(name, text);
        return;
    }
    const auto recorded = parse(trim_ows(found->second));
    if (recorded && *recorded != *value) found->second = text;
}

template <class T>
std::string decimal(const std::optional<T>& value) {
    return value ? fmt::format("{}", *value) : std::string();
}

std::string seconds_text(const std::optional<WallTime>& time) {
    return time ? format_seconds(*time) : std::string();
}

template <class T>
void take_set(std::optional<T>& mine, const std::optional<T>& theirs) {
    if (theirs) mine = theirs;
}

}  // namespace

void PosixRecord::merge(const PosixRecord& change) {
    take_set(mode, change.mode);
    take_set(uid, change.uid);
    take_set(gid, change.gid);
    take_set(mtime, change.mtime);
    take_set(atime, change.atime);
    take_set(ctime, change.ctime);
}

std::optional<std::string> read_link_target(const UserMetadata& user) {
    const auto decoded = [](std::string_view text) {
        return percent_decode(text).value_or(std::string(text));
    };
    if (const auto geesefs = user.find(kLinkNames[0]); geesefs != user.end())
        return decoded(trim_ows(geesefs->second));
    const auto ossfs = user.find(kLinkNames[1]);
    if (ossfs == user.end()) return std::nullopt;
    // "header:LENGTH:TEXT" or "body:LENGTH:"; anything else somebody set for himself.
    const std::string_view value = trim_ows(ossfs->second);
    const size_t first = value.find(':');
    const size_t second = first == std::string_view::npos ? first : value.find(':', first + 1);
    if (second == std::string_view::npos || !parse_u64(value.substr(first + 1, second - first - 1)))
        return std::nullopt;
    if (value.substr(0, first) == "header") return decoded(value.substr(second + 1));
    if (value.substr(0, first) == "body") return std::string();
    return std::nullopt;
}

PosixRecord read_posix_record(const ObjectAttributes& attributes) {
    const UserMetadata& user = attributes.user;
    PosixRecord record;
    if (!has_name_read(user)) return record;
    record.mode = read_first(user, kModeNames, parse_mode);
    if (!record.mode) record.mode = read_first(user, kOctalModeNames, parse_octal);
    if (read_link_target(user)) record.mode = kLinkType | (record.mode.value_or(0777) & kModeBits);
    record.uid = read_first(user, kUidNames, parse_id);
    record.gid = read_first(user, kGidNames, parse_id);
    record.mtime = read_first(user, kMtimeNames, parse_seconds);
    if (!record.mtime) record.mtime = read_first(user, kWrittenMtimeNames, parse_rfc3339);
    record.atime = read_first(user, kAtimeNames, parse_seconds);
    record.ctime = read_first(user, kCtimeNames, parse_seconds);
    return record;
}

void write_posix_record(const PosixRecord& record, ObjectAttributes& attributes) {
    UserMetadata& user = attributes.user;
    write_member(user, "mode", record.mode, parse_mode, decimal(record.mode));
    write_member(user, "uid", record.uid, parse_id, decimal(record.uid));
    write_member(user, "gid", record.gid, parse_id, decimal(record.gid));
    write_member(user, "mtime", record.mtime, parse_seconds, seconds_text(record.mtime));
    write_member(user, "atime", record.atime, parse_seconds, seconds_text(record.atime));
    write_member(user, "ctime", record.ctime, parse_seconds, seconds_text(record.ctime));
}

bool is_posix_name(std::string_view metadata_name) {
    return std::find(kPosixNamesByWorth.begin(), kPosixNamesByWorth.end(), metadata_name) !=
           kPosixNamesByWorth.end();
}

bool is_posix_entry(std::string_view metadata_name, std::string_view header_value) {
    if (!is_posix_name(metadata_name)) return false;
    const std::string_view text = trim_ows(header_value);
    if (metadata_name == "mode") return parse_mode(text).has_value();
    if (metadata_name == "uid" || metadata_name == "gid") return parse_id(text).has_value();
    return parse_seconds(text).has_value();
}

PosixRecord lost_between(const ObjectAttributes& before, const ObjectAttributes& after) {
    PosixRecord lost = read_posix_record(before);
    for (const std::string_view name : kPosixNamesByWorth) {
        const auto found = before.user.find(name);
        const bool was_there =
            found != before.user.end() && is_posix_entry(found->first, found->second);
        if (!was_there || after.user.find(name) != after.user.end()) clear_member(lost, name);
    }
    return lost;
}

PosixRecord not_recorded_in(const ObjectAttributes& attributes, const PosixRecord& record) {
    const PosixRecord there = read_posix_record(attributes);
    PosixRecord left = record;
    if (left.mode == there.mode) left.mode.reset();
    if (left.uid == there.uid) left.uid.reset();
    if (left.gid == there.gid) left.gid.reset();
    if (left.mtime == there.mtime) left.mtime.reset();
    if (left.atime == there.atime) left.atime.reset();
    if (left.ctime == there.ctime) left.ctime.reset();
    for (const std::string_view name : kPosixNamesByWorth) {
        const auto found = attributes.user.find(name);
        if (found != attributes.user.end() && !is_posix_entry(found->first, found->second))
            clear_member(left, name);
    }
    return left;
}

void clear_member(PosixRecord& record, std::string_view name) {
    if (name == "mode") record.mode.reset();
    if (name == "uid") record.uid.reset();
    if (name == "gid") record.gid.reset();
    if (name == "mtime") record.mtime.reset();
    if (name == "atime") record.atime.reset();
    if (name == "ctime") record.ctime.reset();
}

}  // namespace xbucket
