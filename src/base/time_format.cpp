// SPDX-FileCopyrightText: the xbucket authors
// The three date formats of HTTP and object storage, all UTC. Written out by hand because strftime
// and strptime follow the process's locale and time zone. A date that WallTime cannot hold (before
// 1677 or after 2262) does not parse.
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

namespace xbucket {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr int64_t kDaySeconds = 86400;
constexpr int64_t kSecondsMax = 9'223'372'035;  // What int64 nanoseconds hold, less a second.

struct Civil {
    int year = 0;
    unsigned month = 0;  // 1 to 12
    unsigned day = 0;    // 1 to 31
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    unsigned nanosecond = 0;
    unsigned weekday = 0;  // 0 is Sunday; only an output
};

Civil to_civil(WallTime t) {
    const std::chrono::seconds seconds(t.seconds());
    const auto days = std::chrono::floor<std::chrono::days>(seconds);
    const std::chrono::sys_days date(days);
    const std::chrono::year_month_day ymd(date);
    const std::chrono::hh_mm_ss<std::chrono::seconds> time(seconds - days);
    return {
        .year = static_cast<int>(ymd.year()),
        .month = static_cast<unsigned>(ymd.month()),
        .day = static_cast<unsigned>(ymd.day()),
        .hour = static_cast<unsigned>(time.hours().count()),
        .minute = static_cast<unsigned>(time.minutes().count()),
        .second = static_cast<unsigned>(time.seconds().count()),
        .nanosecond = static_cast<unsigned>(t.nanosecond()),
        .weekday = std::chrono::weekday(date).c_encoding(),
    };
}

std::optional<WallTime> from_civil(const Civil& c) {
    const std::chrono::year_month_day ymd{std::chrono::year(c.year), std::chrono::month(c.month),
                                          std::chrono::day(c.day)};
    // 23:59:60 is a leap second, the same instant as the midnight that follows.
    const bool leap_second = c.hour == 23 && c.minute == 59 && c.second == 60;
    if (!ymd.ok() || c.hour > 23 || c.minute > 59 || (c.second > 59 && !leap_second)) {
        return std::nullopt;
    }
    const int64_t days = std::chrono::sys_days(ymd).time_since_epoch().count();
    const int64_t seconds = days * kDaySeconds + c.hour * 3600 + c.minute * 60 + c.second;
    if (seconds > kSecondsMax || seconds < -kSecondsMax) return std::nullopt;
    return WallTime::from_seconds(seconds) + std::chrono::nanoseconds(c.nanosecond);
}

// Takes a text apart from the front; the first mismatch makes everything after it fail.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    // Exactly `width` digits.
    unsigned number(size_t width) {
        unsigned value = 0;
        if (!ok_ || rest_.size() < width) return fail();
        for (const char c : rest_.substr(0, width)) {
            if (c < '0' || c > '9') return fail();
            value = value * 10 + static_cast<unsigned>(c - '0');
        }
        rest_.remove_prefix(width);
        return value;
    }
    void literal(std::string_view expected) {
        if (!take(expected)) fail();
    }
    // Three letters out of `names`; their index.
    template <size_t N>
    unsigned name(const std::array<std::string_view, N>& names) {
        for (size_t i = 0; i < N; ++i) {
            if (take(names[i])) return static_cast<unsigned>(i);
        }
        return fail();
    }
    // Nothing, or a point and one to nine digits; in nanoseconds.
    unsigned fraction() {
        if (!take(".")) return 0;
        size_t width = 0;
        while (width < rest_.size() && rest_[width] >= '0' && rest_[width] <= '9') ++width;
        if (width == 0 || width > 9) return fail();
        unsigned value = number(width);
        for (; width < 9; ++width) value *= 10;
        return value;
    }
    bool done() const { return ok_ && rest_.empty(); }

  private:
    bool take(std::string_view expected) {
        if (!ok_ || rest_.substr(0, expected.size()) != expected) return false;
        rest_.remove_prefix(expected.size());
        return true;
    }
    unsigned fail() {
        ok_ = false;
        return 0;
    }

    std::string_view rest_;
    bool ok_ = true;
};

// Writes `value` over the `width` characters at `at`.
void put_digits(std::string& text, size_t at, size_t width, unsigned value) {
    for (size_t i = at + width; i > at; value /= 10)
        text[--i] = static_cast<char>('0' + value % 10);
}

std::optional<WallTime> finish(const Scanner& scanner, const Civil& civil) {
    if (!scanner.done()) return std::nullopt;
    return from_civil(civil);
}

}  // namespace

std::string format_http_date(WallTime t) {
    const Civil c = to_civil(t);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kWeekdays[c.weekday], c.day,
                       kMonths[c.month - 1], c.year, c.hour, c.minute, c.second);
}

// Only the fixed form of RFC 9110 5.6.7: no storage service sends the two obsolete ones. The
// weekday must be one, but need not be the right one.
std::optional<WallTime> parse_http_date(std::string_view text) {
    Scanner in(text);
    Civil c;
    in.name(kWeekdays);
    in.literal(", ");
    c.day = in.number(2);
    in.literal(" ");
    c.month = in.name(kMonths) + 1;
    in.literal(" ");
    c.year = static_cast<int>(in.number(4));
    in.literal(" ");
    c.hour = in.number(2);
    in.literal(":");
    c.minute = in.number(2);
    in.literal(":");
    c.second = in.number(2);
    in.literal(" GMT");
    return finish(in, c);
}

// Every signature has one: written digit by digit, at a tenth of what a format string costs.
std::string format_basic_utc(WallTime t) {
    const Civil c = to_civil(t);
    std::string out = "00000000T000000Z";
    put_digits(out, 0, 4, static_cast<unsigned>(c.year));
    put_digits(out, 4, 2, c.month);
    put_digits(out, 6, 2, c.day);
    put_digits(out, 9, 2, c.hour);
    put_digits(out, 11, 2, c.minute);
    put_digits(out, 13, 2, c.second);
    return out;
}

std::optional<WallTime> parse_basic_utc(std::string_view text) {
    Scanner in(text);
    Civil c;
    c.year = static_cast<int>(in.number(4));
    c.month = in.number(2);
    c.day = in.number(2);
    in.literal("T");
    c.hour = in.number(2);
    c.minute = in.number(2);
    c.second = in.number(2);
    in.literal("Z");
    return finish(in, c);
}

std::string format_iso8601(WallTime t) {
    const Civil c = to_civil(t);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", c.year, c.month, c.day, c.hour,
                       c.minute, c.second, c.nanosecond / 1'000'000);
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
    Scanner in(text);
    Civil c;
    c.year = static_cast<int>(in.number(4));
    in.literal("-");
    c.month = in.number(2);
    in.literal("-");
    c.day = in.number(2);
    in.literal("T");
    c.hour = in.number(2);
    in.literal(":");
    c.minute = in.number(2);
    in.literal(":");
    c.second = in.number(2);
    c.nanosecond = in.fraction();
    in.literal("Z");
    return finish(in, c);
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
    constexpr size_t kOffsetBytes = 6;  // "+08:00"
    if (text.ends_with('Z')) return parse_iso8601(text);
    if (text.size() <= kOffsetBytes) return std::nullopt;
    const std::string_view offset = text.substr(text.size() - kOffsetBytes);
    if ((offset[0] != '+' && offset[0] != '-') || offset[3] != ':') return std::nullopt;
    const auto hours = parse_u64(offset.substr(1, 2));
    const auto minutes = parse_u64(offset.substr(4, 2));
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const auto local = parse_iso8601(std::string(text.substr(0, text.size() - kOffsetBytes)) + "Z");
    if (!local || std::abs(local->seconds()) > kSecondsMax - kDaySeconds) return std::nullopt;
    const Duration shift = std::chrono::minutes(*hours * 60 + *minutes);
    return offset[0] == '+' ? *local - shift : *local + shift;
}

}  // namespace xbucket
