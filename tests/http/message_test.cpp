// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::ElementsAre;

std::vector<HeaderView> list(const Headers& headers) { return {headers.begin(), headers.end()}; }

TEST(HeadersTest, names_compare_without_case_and_order_is_kept) {
    Headers headers = {{"B", "1"}, {"a", "2"}};
    headers.add("b", "3");
    EXPECT_EQ(headers.get("b"), "1");
    EXPECT_EQ(headers.value_or_empty("A"), "2");
    EXPECT_EQ(headers.value_or_empty("c"), "");
    EXPECT_FALSE(headers.has("c"));
    EXPECT_THAT(list(headers),
                ElementsAre(HeaderView{"B", "1"}, HeaderView{"a", "2"}, HeaderView{"b", "3"}));
}

TEST(HeadersTest, set_replaces_every_one_of_that_name_in_the_place_of_the_first) {
    Headers headers = {{"x", "0"}, {"B", "1"}, {"a", "2"}, {"b", "3"}};
    headers.set("b", "4");
    EXPECT_THAT(list(headers),
                ElementsAre(HeaderView{"x", "0"}, HeaderView{"B", "4"}, HeaderView{"a", "2"}));
    headers.set("new", "5");
    EXPECT_EQ(headers.get("NEW"), "5");
}

TEST(HeadersTest, remove_takes_every_one_of_that_name) {
    Headers headers = {{"B", "1"}, {"a", "2"}, {"b", "3"}};
    headers.remove("b");
    EXPECT_THAT(list(headers), ElementsAre(HeaderView{"a", "2"}));
    headers.remove("missing");
    EXPECT_EQ(headers.size(), 1U);
}

TEST(HeadersTest, a_name_may_be_asked_for_in_two_pieces) {
    const Headers headers = {{"x-amz-meta-a", "1"}, {"X-Amz-Restore", "2"}};
    EXPECT_EQ(headers.get("x-amz-", "restore"), "2");
    EXPECT_EQ(headers.get("x-amz-", "meta-A"), "1");
    EXPECT_EQ(headers.get("", "x-amz-restore"), "2");
    EXPECT_EQ(headers.get("x-oss-", "restore"), std::nullopt);
    EXPECT_EQ(headers.get("x-amz-", "restor"), std::nullopt);
}

TEST(HeadersTest, a_copy_is_a_value_of_its_own) {
    Headers headers = {{"name", "1"}};
    Headers copy = headers;
    copy.set("name", "2");
    copy.add("more", "3");
    EXPECT_THAT(list(headers), ElementsAre(HeaderView{"name", "1"}));
    EXPECT_THAT(list(copy), ElementsAre(HeaderView{"name", "2"}, HeaderView{"more", "3"}));
    headers = std::move(copy);
    EXPECT_EQ(headers.get("more"), "3");
}

TEST(HeadersTest, the_last_value_grows_whatever_was_set_since) {
    Headers headers = {{"a", "1"}, {"b", "2"}};
    headers.extend_last("3");
    EXPECT_EQ(headers.get("b"), "2 3");
    headers.set("a", "a longer value");
    headers.extend_last("4");
    EXPECT_THAT(list(headers),
                ElementsAre(HeaderView{"a", "a longer value"}, HeaderView{"b", "2 3 4"}));
}

TEST(HeadersTest, names_longer_than_any_usual_one_are_found) {
    const std::string name(100, 'n');
    Headers headers;
    headers.add(name, "1");
    EXPECT_EQ(headers.get(std::string(100, 'N')), "1");
    EXPECT_EQ(headers.get(name + "n"), std::nullopt);
}

TEST(HeaderRulesTest, safe_value_is_any_byte_but_control_characters_other_than_tab) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string value = {'a', static_cast<char>(byte), 'b'};
        EXPECT_EQ(is_safe_header_value(value), byte == '\t' || (byte >= 0x20 && byte != 0x7f))
            << byte;
    }
    EXPECT_TRUE(is_safe_header_value(""));
}

TEST(HeaderRulesTest, safe_name_is_a_token) {
    const std::string_view token = "!#$%&'*+-.^_`|~0189azAZ";
    EXPECT_TRUE(is_safe_header_name(token));
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const std::string name = {'a', c};
        EXPECT_EQ(is_safe_header_name(name),
                  alphanumeric || token.find(c) != std::string_view::npos)
            << byte;
    }
    EXPECT_FALSE(is_safe_header_name(""));
}

TEST(MethodTest, methods_have_their_names_on_the_wire) {
    EXPECT_EQ(to_string(HttpMethod::get), "GET");
    EXPECT_EQ(to_string(HttpMethod::head), "HEAD");
    EXPECT_EQ(to_string(HttpMethod::put), "PUT");
    EXPECT_EQ(to_string(HttpMethod::post), "POST");
    EXPECT_EQ(to_string(HttpMethod::del), "DELETE");
    EXPECT_EQ(to_string(HttpMethod::options), "OPTIONS");
}

}  // namespace
}  // namespace xbucket
