// SPDX-FileCopyrightText: the xbucket authors
// Known pairs, refusals, and round trips over random input. XBUCKET_TEST_SEED repeats a run.
#include "xbucket/base/encoding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace xbucket {
namespace {

using namespace std::string_literals;

class Random {
  public:
    Random() {
        const char* given = std::getenv("XBUCKET_TEST_SEED");
        seed_ = given != nullptr ? parse_u64(given).value_or(1) : 20240607;
        rng_.seed(seed_);
    }
    uint64_t seed() const { return seed_; }
    size_t below(size_t n) { return static_cast<size_t>(rng_() % n); }
    std::string bytes() {
        std::string out(below(200), '\0');
        for (char& c : out) c = static_cast<char>(rng_() & 0xFF);
        return out;
    }
    std::string utf8() {
        std::string out;
        for (size_t left = below(120); left > 0; --left) append(out, code_point());
        return out;
    }

  private:
    char32_t code_point() {
        constexpr std::array<char32_t, 4> kLimits = {0x80, 0x800, 0x10000, 0x110000};
        while (true) {
            const auto c = static_cast<char32_t>(below(kLimits[below(kLimits.size())]));
            if (c < 0xD800 || c > 0xDFFF) return c;
        }
    }
    static void append(std::string& out, char32_t c) {
        const auto tail = [&](int shift) {
            out += static_cast<char>(0x80 | ((c >> shift) & 0x3F));
        };
        if (c < 0x80) {
            out += static_cast<char>(c);
        } else if (c < 0x800) {
            out += static_cast<char>(0xC0 | (c >> 6));
            tail(0);
        } else if (c < 0x10000) {
            out += static_cast<char>(0xE0 | (c >> 12));
            tail(6);
            tail(0);
        } else {
            out += static_cast<char>(0xF0 | (c >> 18));
            tail(12);
            tail(6);
            tail(0);
        }
    }

    uint64_t seed_;
    std::mt19937_64 rng_;
};

TEST(Encoding, random_bytes_survive_every_round_trip) {
    Random random;
    SCOPED_TRACE("XBUCKET_TEST_SEED=" + std::to_string(random.seed()));
    for (int i = 0; i < 2000; ++i) {
        const std::string bytes = random.bytes();
        SCOPED_TRACE(hex_encode(bytes));
        ASSERT_EQ(hex_decode(hex_encode(bytes)), bytes);
        ASSERT_EQ(base64_decode(base64_encode(bytes)), bytes);
        ASSERT_EQ(percent_decode(percent_encode(bytes)), bytes);
        ASSERT_EQ(percent_decode(percent_encode(bytes, true)), bytes);
        ASSERT_EQ(percent_decode(percent_encode(bytes), true), bytes);
        ASSERT_TRUE(is_valid_utf8(printable(bytes)));
    }
}

TEST(Encoding, random_utf8_survives_rfc2047_in_words_that_stand_alone) {
    Random random;
    SCOPED_TRACE("XBUCKET_TEST_SEED=" + std::to_string(random.seed()));
    for (int i = 0; i < 2000; ++i) {
        const std::string text = random.utf8();
        ASSERT_TRUE(is_valid_utf8(text));
        const std::string encoded = encode_rfc2047_b(text);
        SCOPED_TRACE(encoded);
        ASSERT_EQ(decode_rfc2047(encoded), text);
        std::string joined;
        for (size_t at = 0; at <= encoded.size();) {
            const size_t end = std::min(encoded.find(' ', at), encoded.size());
            const std::string word = encoded.substr(at, end - at);
            ASSERT_LE(word.size(), 75U);
            const auto decoded = decode_rfc2047(word);
            ASSERT_TRUE(decoded.has_value()) << word;
            joined += *decoded;
            at = end + 1;
        }
        ASSERT_EQ(joined, text);
    }
}

// Truncated and altered encodings: the answers do not matter, only that sanitizers stay quiet.
TEST(Encoding, decoders_stay_within_damaged_input) {
    Random random;
    SCOPED_TRACE("XBUCKET_TEST_SEED=" + std::to_string(random.seed()));
    for (int i = 0; i < 2000; ++i) {
        const std::string bytes = random.bytes();
        for (std::string text :
             {hex_encode(bytes), base64_encode(bytes), percent_encode(bytes),
              encode_rfc2047_b(random.utf8()), bytes, format_iso8601(WallTime::from_seconds(i))}) {
            text.resize(random.below(text.size() + 1));
            if (!text.empty()) text[random.below(text.size())] = "=?%_ \xC3\xF0"[random.below(7)];
            text.shrink_to_fit();
            (void)hex_decode(text);
            (void)base64_decode(text);
            (void)percent_decode(text);
            (void)decode_rfc2047(text);
            (void)parse_http_date(text);
            (void)parse_basic_utc(text);
            (void)parse_iso8601(text);
            (void)is_valid_utf8(text);
        }
    }
}

TEST(Hex, encodes_in_lower_case_and_decodes_both) {
    EXPECT_EQ(hex_encode("\x00\xAB\xFF"s), "00abff");
    EXPECT_EQ(hex_decode("00abFF"), "\x00\xAB\xFF"s);
    EXPECT_EQ(hex_decode(""), "");
}

TEST(Hex, refuses_odd_length_and_other_characters) {
    for (const char* bad : {"a", "abc", "0x", "g0", "0g", " 0", "+1", "-1"}) {
        EXPECT_EQ(hex_decode(bad), std::nullopt) << bad;
    }
}

TEST(Base64, vectors_of_rfc_4648) {
    const std::vector<std::pair<std::string, std::string>> kVectors = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xFB\xFF", "+/8="},
    };
    for (const auto& [plain, coded] : kVectors) {
        EXPECT_EQ(base64_encode(plain), coded);
        EXPECT_EQ(base64_decode(coded), plain);
    }
}

TEST(Base64, refuses_missing_or_misplaced_padding_foreign_characters_and_stray_bits) {
    for (const char* bad : {"Zg", "Zg=", "Z===", "====", "=", "==Zg", "Zg==Zg==", "Zm9v\n", "Zm 9",
                            "-_8=", "Zh==", "Zm9=", "Zg=A"}) {
        EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
    }
}

TEST(Percent, keeps_exactly_the_unreserved_characters) {
    EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(percent_encode("a b/+*'()!\xC3\xA9%\x00"s), "a%20b%2F%2B%2A%27%28%29%21%C3%A9%25%00");
    EXPECT_EQ(percent_encode("a/b c", true), "a/b%20c");
}

TEST(Percent, plus_is_a_space_only_in_forms) {
    EXPECT_EQ(percent_decode("a+b%2B%2b"), "a+b++");
    EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
}

TEST(Percent, refuses_malformed_escapes) {
    for (const char* bad : {"%", "a%", "%4", "%g0", "%0g", "%%41", "% 1"}) {
        EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
    }
}

TEST(Utf8, accepts_the_first_and_last_of_every_length) {
    for (const std::string& good :
         {""s, "\x00"s, "\x7F"s, "\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s,
          "\xEE\x80\x80"s, "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s}) {
        EXPECT_TRUE(is_valid_utf8(good)) << hex_encode(good);
    }
}

TEST(Utf8, refuses_overlong_surrogate_too_large_and_cut_sequences) {
    for (const std::string& bad :
         {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xC3"s, "\xC3("s, "\xE0\x9F\xBF"s, "\xE2\x82"s,
          "\xED\xA0\x80"s, "\xED\xBF\xBF"s, "\xF0\x8F\xBF\xBF"s, "\xF4\x90\x80\x80"s,
          "\xF5\x80\x80\x80"s, "\xF0\x9F\x98"s, "\xFE"s, "\xFF"s}) {
        EXPECT_FALSE(is_valid_utf8(bad)) << hex_encode(bad);
        EXPECT_FALSE(is_valid_utf8("ok" + bad)) << hex_encode(bad);
    }
}

TEST(Printable, nothing_forges_a_line_or_drives_a_terminal) {
    EXPECT_EQ(printable("a\nb\r\x1B[2J\x7F\t\x00"s), "a\\x0ab\\x0d\\x1b[2J\\x7f\\x09\\x00");
    EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b") << "C1 control sequence introducer";
    EXPECT_EQ(printable("\xE2\x80\xA8\xE2\x80\xAE"), "\\xe2\\x80\\xa8\\xe2\\x80\\xae")
        << "line separator, right-to-left override";
    EXPECT_EQ(printable("\xFF\xE2\x82"), "\\xff\\xe2\\x82");
}

TEST(Printable, leaves_text_alone) {
    EXPECT_EQ(printable("r\xC3\xA9sum\xC3\xA9 \xE6\x96\x87 \\x"),
              "r\xC3\xA9sum\xC3\xA9 \xE6\x96\x87 \\x");
}

TEST(Text, case_folding_is_ascii_only) {
    EXPECT_EQ(to_lower("X-Oss-META-\xC3\x89@[`{"), "x-oss-meta-\xC3\x89@[`{");
    EXPECT_TRUE(iequals("ETag", "etAG"));
    EXPECT_FALSE(iequals("ETag", "ETa"));
    EXPECT_FALSE(iequals("[", "{"));
    EXPECT_FALSE(iequals("\xC3\x89", "\xC3\xA9"));
}

TEST(Text, trimming_takes_spaces_and_tabs_only) {
    EXPECT_EQ(trim_ows(" \ta b\t "), "a b");
    EXPECT_EQ(trim_ows(" \t "), "");
    EXPECT_EQ(trim_ows(""), "");
    EXPECT_EQ(trim_ows("\na"), "\na");
}

TEST(Numbers, whole_text_to_the_limits) {
    EXPECT_EQ(parse_u64("0"), 0U);
    EXPECT_EQ(parse_u64("18446744073709551615"), std::numeric_limits<uint64_t>::max());
    EXPECT_EQ(parse_i64("-9223372036854775808"), std::numeric_limits<int64_t>::min());
    EXPECT_EQ(parse_i64("9223372036854775807"), std::numeric_limits<int64_t>::max());
}

TEST(Numbers, refuse_signs_space_other_text_and_overflow) {
    for (const char* bad : {"", " ", "-", "+1", " 1", "1 ", "1a", "0x1", "1.0", "--1",
                            "18446744073709551616", "99999999999999999999999"}) {
        EXPECT_EQ(parse_u64(bad), std::nullopt) << bad;
        EXPECT_EQ(parse_i64(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(parse_u64(std::string_view()), std::nullopt);
    EXPECT_EQ(parse_u64("-1"), std::nullopt);
    EXPECT_EQ(parse_i64("9223372036854775808"), std::nullopt);
}

constexpr int64_t kSample = 1672223261;  // 2022-12-28T10:27:41Z, a Wednesday

TEST(Dates, the_three_formats_of_one_instant) {
    const WallTime t = WallTime::from_seconds(kSample);
    EXPECT_EQ(format_http_date(t), "Wed, 28 Dec 2022 10:27:41 GMT");
    EXPECT_EQ(format_basic_utc(t), "20221228T102741Z");
    EXPECT_EQ(format_iso8601(t), "2022-12-28T10:27:41.000Z");
    EXPECT_EQ(parse_http_date("Wed, 28 Dec 2022 10:27:41 GMT"), t);
    EXPECT_EQ(parse_basic_utc("20221228T102741Z"), t);
    EXPECT_EQ(parse_iso8601("2022-12-28T10:27:41.000Z"), t);
}

TEST(Dates, fractions_have_none_to_nine_digits) {
    const WallTime whole = WallTime::from_seconds(kSample);
    EXPECT_EQ(parse_iso8601("2022-12-28T10:27:41Z"), whole);
    EXPECT_EQ(parse_iso8601("2022-12-28T10:27:41.5Z"), whole + std::chrono::milliseconds(500));
    EXPECT_EQ(parse_iso8601("2022-12-28T10:27:41.123456789Z"),
              whole + std::chrono::nanoseconds(123456789));
    EXPECT_EQ(parse_iso8601("2022-12-28T10:27:41.Z"), std::nullopt);
    EXPECT_EQ(parse_iso8601("2022-12-28T10:27:41.1234567890Z"), std::nullopt);
    EXPECT_EQ(format_iso8601(whole + std::chrono::nanoseconds(999999999)),
              "2022-12-28T10:27:41.999Z");
}

TEST(Dates, an_offset_from_utc_stands_in_place_of_the_z) {
    const WallTime t = WallTime::from_seconds(kSample);
    for (const char* text : {"2022-12-28T10:27:41Z", "2022-12-28T10:27:41+00:00",
                             "2022-12-28T18:27:41+08:00", "2022-12-28T04:57:41-05:30"}) {
        EXPECT_EQ(parse_rfc3339(text), t) << text;
    }
    EXPECT_EQ(parse_rfc3339("2022-12-28T18:27:41.25+08:00"), t + std::chrono::milliseconds(250));
    for (const char* bad :
         {"", "+00:00", "2022-12-28T10:27:41", "2022-12-28T10:27:41+0000",
          "2022-12-28T10:27:41Z+00:00", "2022-12-28T10:27:41+24:00", "2022-12-28T10:27:41+00:60",
          "2022-12-28T10:27:41 00:00", "2022-12-28T10:27:41+-1:00", "9999-12-31T23:59:59+00:00",
          "2262-04-11T23:47:15-23:59", "1677-09-21T00:12:45+23:59"}) {
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
    }
}

TEST(Dates, before_1970_rounds_down) {
    EXPECT_EQ(format_iso8601(WallTime{std::chrono::nanoseconds(-1)}), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(parse_iso8601("1969-12-31T23:59:59.999999999Z"),
              WallTime{std::chrono::nanoseconds(-1)});
}

TEST(Dates, leap_days_and_leap_seconds_exist_where_they_should) {
    EXPECT_EQ(parse_basic_utc("20240229T000000Z"), WallTime::from_seconds(1709164800));
    EXPECT_EQ(parse_basic_utc("20230229T000000Z"), std::nullopt);
    EXPECT_EQ(parse_basic_utc("19000229T000000Z"), std::nullopt);
    EXPECT_EQ(parse_basic_utc("20161231T235960Z"), parse_basic_utc("20170101T000000Z"));
    EXPECT_EQ(parse_basic_utc("20161231T225960Z"), std::nullopt);
}

TEST(Dates, malformed_text_is_refused) {
    for (const char* bad : {"", "Wed, 28 Dec 2022 10:27:41 UTC", "Wed, 28 Dec 2022 10:27:41 GMT ",
                            "28 Dec 2022", "Wed, 8 Dec 2022 10:27:41 GMT",
                            "Xxx, 28 Dec 2022 10:27:41 GMT", "wed, 28 Dec 2022 10:27:41 GMT",
                            "Wed, 28 Foo 2022 10:27:41 GMT", "Wed, 28 Dec 2022 24:00:00 GMT",
                            "Wed, 31 Nov 2022 10:27:41 GMT", "Wednesday, 28-Dec-22 10:27:41 GMT"}) {
        EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
    }
    for (const char* bad : {"", "20221228T102741", "20221228102741Z", "20221328T102741Z",
                            "20220028T102741Z", "20221200T102741Z", "20221228T106041Z",
                            "20221228T102741ZZ", "+0221228T102741Z", "2022 228T102741Z"}) {
        EXPECT_EQ(parse_basic_utc(bad), std::nullopt) << bad;
    }
    for (const char* bad : {"", "2022-12-28", "2022-12-28T10:27:41", "2022-12-28 10:27:41Z",
                            "2022-12-28T10:27:41+00:00", "2022-12-28T10:27Z"}) {
        EXPECT_EQ(parse_iso8601(bad), std::nullopt) << bad;
    }
}

TEST(Dates, what_nanoseconds_cannot_hold_is_refused_and_the_extremes_print) {
    EXPECT_EQ(parse_iso8601("9999-12-31T23:59:59Z"), std::nullopt);
    EXPECT_EQ(parse_iso8601("0001-01-01T00:00:00Z"), std::nullopt);
    EXPECT_EQ(parse_iso8601("2262-04-11T23:47:16Z"), std::nullopt);
    EXPECT_TRUE(parse_iso8601("2262-04-11T23:47:15.999999999Z").has_value());
    EXPECT_EQ(format_basic_utc(WallTime{std::chrono::nanoseconds::max()}), "22620411T234716Z");
    EXPECT_EQ(format_basic_utc(WallTime{std::chrono::nanoseconds::min()}), "16770921T001243Z");
}

TEST(Dates, every_day_of_four_centuries_survives_the_round_trip) {
    for (int64_t day = -100000; day <= 100000; day += 3) {
        const WallTime t = WallTime::from_seconds(day * 86400 + (day & 0xFFFF));
        ASSERT_EQ(parse_http_date(format_http_date(t)), t) << day;
        ASSERT_EQ(parse_basic_utc(format_basic_utc(t)), t) << day;
        ASSERT_EQ(parse_iso8601(format_iso8601(t)), t) << day;
    }
}

TEST(Dates, time_zone_of_the_process_changes_nothing) {
    const char* before = std::getenv("TZ");
    const std::string saved = before != nullptr ? before : "";
    setenv("TZ", "XYZ-11:30", 1);
    tzset();
    EXPECT_EQ(format_http_date(WallTime::from_seconds(kSample)), "Wed, 28 Dec 2022 10:27:41 GMT");
    EXPECT_EQ(parse_basic_utc("20221228T102741Z"), WallTime::from_seconds(kSample));
    if (before != nullptr) {
        setenv("TZ", saved.c_str(), 1);
    } else {
        unsetenv("TZ");
    }
    tzset();
}

TEST(Rfc2047, short_text_is_one_word) {
    EXPECT_EQ(encode_rfc2047_b("h\xC3\xA9llo"), "=?UTF-8?B?aMOpbGxv?=");
    EXPECT_EQ(encode_rfc2047_b(""), "=?UTF-8?B?\?=");
    EXPECT_EQ(decode_rfc2047("=?UTF-8?B?\?="), "");
}

TEST(Rfc2047, longest_word_has_75_characters_and_the_next_byte_begins_another) {
    EXPECT_EQ(encode_rfc2047_b(std::string(45, 'a')).size(), 72U);
    EXPECT_EQ(encode_rfc2047_b(std::string(46, 'a')).find(' '), 72U);
    // 44 bytes and a two-byte sequence: the sequence moves to the second word whole.
    EXPECT_EQ(encode_rfc2047_b(std::string(44, 'a') + "\xC3\xA9").substr(72), " =?UTF-8?B?w6k=?=");
}

TEST(Rfc2047, decodes_both_encodings_any_case_and_three_charsets) {
    EXPECT_EQ(decode_rfc2047("=?utf-8?b?aMOpbGxv?="), "h\xC3\xA9llo");
    EXPECT_EQ(decode_rfc2047("=?UTF-8?Q?h=C3=a9_llo=5F?="), "h\xC3\xA9 llo_");
    EXPECT_EQ(decode_rfc2047("=?Iso-8859-1?q?caf=E9?="), "caf\xC3\xA9");
    EXPECT_EQ(decode_rfc2047("=?US-ASCII?Q?plain?="), "plain");
}

TEST(Rfc2047, white_space_between_words_is_dropped_even_inside_a_sequence) {
    EXPECT_EQ(decode_rfc2047("=?UTF-8?B?YQ==?= \r\n\t=?UTF-8?Q?b?="), "ab");
    EXPECT_EQ(decode_rfc2047("=?UTF-8?Q?=C3?= =?UTF-8?Q?=A9?="), "\xC3\xA9");
}

TEST(Rfc2047, anything_else_is_not_an_encoded_text) {
    for (const char* bad : {"",
                            "plain",
                            "=?",
                            "=?UTF-8",
                            "=?UTF-8?",
                            "=?UTF-8?B",
                            "=?UTF-8?B?",
                            "=?UTF-8?B?YQ==",
                            "=?UTF-8?B?YQ==?",
                            "=?UTF-8?B?YQ==? =",
                            "=?UTF-8?B?YQ?=",
                            "=?UTF-8?B?Y Q=?=",
                            "=?UTF-8?X?YQ==?=",
                            "=?UTF-8??YQ==?=",
                            "=?UTF-8?BB?YQ==?=",
                            "=?KOI8-R?B?YQ==?=",
                            "=??B?YQ==?=",
                            "=?UTF-8?Q?a b?=",
                            "=?UTF-8?Q?=C?=",
                            "=?UTF-8?Q?=GG?=",
                            "=?UTF-8?Q?\xC3\xA9?=",
                            "=?US-ASCII?Q?=E9?=",
                            "=?UTF-8?Q?=E9?=",
                            " =?UTF-8?Q?a?=",
                            "=?UTF-8?Q?a?= ",
                            "=?UTF-8?Q?a?= b",
                            "a =?UTF-8?Q?a?=",
                            "=?UTF-8?Q?a?==?UTF-8?Q?b?="}) {
        EXPECT_EQ(decode_rfc2047(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace xbucket
