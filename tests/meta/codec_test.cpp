// SPDX-FileCopyrightText: the xbucket authors
// The codecs promise bijections. Names and values are made to be adversarial: escapes, halves of
// escapes, escapes of escapes, raw bytes. Seeded; the seed is printed with a failure.
#include "name_codec.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/meta/attributes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace xbucket {
namespace {

constexpr const char* kOssRaw = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr const char* kS3Raw = "abcdefghijklmnopqrstuvwxyz0123456789.-";
constexpr int kCases = 100'000;
constexpr unsigned kSeed = 20'231'216;

AttributeModel model_for(const char* raw) {
    StoreTraits traits;
    traits.raw_name_characters = raw;
    return AttributeModel(traits);
}

using Random = std::mt19937;

size_t below(Random& random, size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
}

// Built from pieces that are dangerous next to each other.
std::string tricky(Random& random, bool any_byte) {
    static const std::vector<std::string> pieces = {"-",
                                                    "--",
                                                    "---",
                                                    "--2d",
                                                    "--5f",
                                                    "--41",
                                                    "--61",
                                                    "--00",
                                                    "--ff",
                                                    "-2d",
                                                    "2d",
                                                    "5f",
                                                    "2",
                                                    "d",
                                                    "a",
                                                    "f",
                                                    "x",
                                                    "_",
                                                    ".",
                                                    "A",
                                                    "Z",
                                                    "é",
                                                    "世",
                                                    "%",
                                                    "=?",
                                                    "?=",
                                                    " ",
                                                    "  ",
                                                    "\t",
                                                    "\n",
                                                    "\r\n",
                                                    "=?UTF-8?B?",
                                                    "=?binary?B?",
                                                    "aGk=",
                                                    "year",
                                                    "=?UTF-8?Q?a_b?=",
                                                    "=?UTF-8?B?\?=",
                                                    "\x7f",
                                                    "\x01",
                                                    "--2d-5f",
                                                    "--c3--a9"};
    std::string text;
    const size_t n = below(random, 9);
    for (size_t i = 0; i < n; ++i) {
        if (any_byte && below(random, 5) == 0)
            text += static_cast<char>(below(random, 256));
        else
            text += pieces[below(random, pieces.size())];
    }
    return text;
}

std::string without_nul(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
    return text;
}

class NameCodec : public ::testing::TestWithParam<const char*> {
  protected:
    const AttributeModel model = model_for(GetParam());
    const RawAlphabet raw = make_raw_alphabet(GetParam());
    bool is_ours(std::string_view header) const {
        return std::all_of(header.begin(), header.end(),
                           [&](char c) { return raw[static_cast<unsigned char>(c)]; });
    }
};

TEST_P(NameCodec, every_name_comes_back_and_is_spelled_in_the_raw_alphabet) {
    Random random(kSeed);
    std::map<std::string, std::string> seen;
    for (int i = 0; i < kCases; ++i) {
        const std::string name = without_nul(tricky(random, true));
        const std::string header = model.encode_name(name);
        ASSERT_TRUE(is_ours(header)) << "seed " << kSeed << ": " << printable(name);
        ASSERT_EQ(model.decode_name(header), name) << "seed " << kSeed << ": " << header;
        const auto [known, is_new] = seen.emplace(header, name);
        ASSERT_TRUE(is_new || known->second == name) << header;
    }
}

TEST_P(NameCodec, every_header_in_the_alphabet_is_the_code_of_exactly_one_name) {
    Random random(kSeed + 1);
    for (int i = 0; i < kCases; ++i) {
        std::string header = tricky(random, false);
        header.erase(std::remove_if(header.begin(), header.end(),
                                    [&](char c) { return !raw[static_cast<unsigned char>(c)]; }),
                     header.end());
        const std::string name = model.decode_name(header);
        ASSERT_EQ(name.find('\0'), std::string::npos);
        ASSERT_EQ(model.encode_name(name), header)
            << "seed " << kSeed + 1 << ": " << printable(name);
    }
}

TEST_P(NameCodec, all_short_headers_over_the_escape_characters_are_codes) {
    const std::string digits = "-25df";
    std::set<std::string> names;
    size_t count = 0;
    for (size_t length = 1; length <= 8; ++length) {
        std::vector<size_t> at(length, 0);
        for (;;) {
            std::string header;
            for (const size_t d : at) header += digits[d];
            const std::string name = model.decode_name(header);
            ASSERT_EQ(model.encode_name(name), header);
            names.insert(name);
            ++count;
            size_t i = 0;
            while (i < length && ++at[i] == digits.size()) at[i++] = 0;
            if (i == length) break;
        }
    }
    EXPECT_EQ(names.size(), count);
}

TEST_P(NameCodec, a_name_of_250_bytes_stays_within_1000) {
    EXPECT_LE(model.encode_name(std::string(250, '\xff')).size(), 1000U);
    EXPECT_LE(model.encode_name(std::string(250, '-')).size(), 1000U);
    EXPECT_EQ(model.decode_name(model.encode_name(std::string(250, '-'))), std::string(250, '-'));
}

TEST_P(NameCodec, of_an_object_s_headers_each_shows_under_one_name_that_finds_it) {
    Random random(kSeed + 2);
    const std::vector<std::string> foreign = {"my_name",          "my--5fname", "my--2d-5fname",
                                              "my--2d-2d-5fname", "a.b",        "a--2eb",
                                              "a--2d-2eb",        "plain",      "a--61"};
    for (int i = 0; i < 20'000; ++i) {
        UserMetadata user;
        for (size_t n = below(random, 7); n > 0; --n)
            user[foreign[below(random, foreign.size())]] = "v";
        std::set<std::string> shown;
        for (const auto& [header, value] : user) {
            const std::string name = shown_name(raw, user, header);
            ASSERT_TRUE(shown.insert(name).second) << name << " twice";
            const auto found = find_shown(raw, user, name);
            ASSERT_NE(found, user.end());
            ASSERT_EQ(found->first, header);
        }
        // A name that nothing shows under is free to be added, and then shows.
        const std::string fresh = without_nul(tricky(random, true)) + "q";
        if (shown.count(fresh) != 0) continue;
        ASSERT_EQ(find_shown(raw, user, fresh), user.end());
        const std::string header = model.encode_name(fresh);
        ASSERT_EQ(user.count(header), 0U) << header;
        user[header] = "v";
        ASSERT_EQ(shown_name(raw, user, header), fresh);
    }
}

INSTANTIATE_TEST_SUITE_P(Dialects, NameCodec, ::testing::Values(kOssRaw, kS3Raw));

TEST(NameCodecSpelling, ordinary_names_look_natural) {
    const AttributeModel oss = model_for(kOssRaw);
    EXPECT_EQ(oss.encode_name("year"), "year");
    EXPECT_EQ(oss.encode_name("my-name"), "my-name");
    EXPECT_EQ(oss.encode_name("a--b"), "a--b");
    EXPECT_EQ(oss.encode_name("my_name"), "my--5fname");
    EXPECT_EQ(oss.encode_name("xdg.origin.url"), "xdg--2eorigin--2eurl");
    EXPECT_EQ(oss.encode_name("Foo"), "--46oo");
    EXPECT_EQ(model_for(kS3Raw).encode_name("xdg.origin.url"), "xdg.origin.url");
    EXPECT_EQ(oss.encode_name("--5f"), "--2d-5f");
}

TEST(ValueCodec, every_value_comes_back_as_visible_ascii) {
    Random random(kSeed + 3);
    std::map<std::string, std::string> seen;
    for (int i = 0; i < kCases; ++i) {
        const std::string value = tricky(random, true);
        const std::string header = encode_header_value(value);
        ASSERT_FALSE(header.empty());
        for (const char c : header) ASSERT_TRUE(c >= 0x20 && c <= 0x7e) << printable(header);
        ASSERT_NE(header.front(), ' ');
        ASSERT_NE(header.back(), ' ');
        ASSERT_EQ(header.find("  "), std::string::npos);
        ASSERT_EQ(decode_header_value(header), value) << "seed " << kSeed + 3 << ": " << header;
        const auto [known, is_new] = seen.emplace(header, value);
        ASSERT_TRUE(is_new || known->second == value);
    }
}

TEST(ValueCodec, plain_text_stands_as_it_is) {
    for (const char* text : {"2021", "a b", "=?", "=?x", "?=", "100%", "a=b; c=d"})
        EXPECT_EQ(encode_header_value(text), text);
}

TEST(ValueCodec, utf8_is_rfc2047_that_others_read) {
    const std::string header = encode_header_value("héllo 世界");
    EXPECT_TRUE(header.starts_with("=?UTF-8?B?"));
    EXPECT_EQ(decode_rfc2047(header), "héllo 世界");
}

TEST(ValueCodec, all_256_bytes_take_the_marked_form) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    const std::string header = encode_header_value(bytes);
    EXPECT_TRUE(header.starts_with("=?binary?B?"));
    EXPECT_EQ(decode_header_value(header), bytes);
}

TEST(ValueCodec, foreign_headers_show_as_what_they_mean) {
    EXPECT_EQ(decode_header_value("=?utf-8?q?caf=C3=A9?="), "café");
    EXPECT_EQ(decode_header_value("caf\xc3\xa9"), "café");
    EXPECT_EQ(decode_header_value("\xe9"), "\xe9");
    EXPECT_EQ(decode_header_value(""), "");
    EXPECT_EQ(decode_header_value("=?binary?B?not base64?="), "=?binary?B?not base64?=");
    EXPECT_EQ(decode_header_value("=?UTF-8?B?x"), "=?UTF-8?B?x");
}

TEST(ValueCodec, a_literal_encoded_word_is_not_mistaken) {
    const std::string literal = "=?UTF-8?B?aGk=?=";
    const std::string header = encode_header_value(literal);
    EXPECT_NE(header, literal);
    EXPECT_EQ(decode_header_value(header), literal);
}

}  // namespace
}  // namespace xbucket
