// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/ini.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ParseIni, sections_comments_blanks_and_line_numbers) {
    const auto entries = parse_ini("top = 1\n# note\n; note\n\n[ a b ]\r\n k=v \r\nlast=\n");
    ASSERT_TRUE(entries) << entries.error().message;
    ASSERT_EQ(entries->size(), 3U);
    EXPECT_EQ((*entries)[0].section, "");
    EXPECT_EQ((*entries)[1].section, "a b");
    EXPECT_EQ((*entries)[1].name, "k");
    EXPECT_EQ((*entries)[1].value.reveal(), "v");
    EXPECT_EQ((*entries)[1].line, 6U);
    EXPECT_EQ((*entries)[2].value.reveal(), "");
}

TEST(ParseIni, values_keep_hash_quote_semicolon_and_equals) {
    const auto entries = parse_ini("secret = a#b;c\"d=e==");
    ASSERT_TRUE(entries);
    EXPECT_EQ(entries->front().value.reveal(), "a#b;c\"d=e==");
}

TEST(ParseIni, indented_lines_behind_an_empty_value_are_nested) {
    const auto entries =
        parse_ini("[default]\ns3 =\n  endpoint_url = http://x\nregion = r\n  y = z\n");
    ASSERT_TRUE(entries);
    EXPECT_EQ((*entries)[1].name, "s3.endpoint_url");
    EXPECT_EQ((*entries)[2].name, "region");
    EXPECT_EQ((*entries)[3].name, "y");
}

TEST(ParseIni, byte_order_mark_is_skipped) {
    EXPECT_EQ(parse_ini("\xEF\xBB\xBF[s]\nk=v")->front().section, "s");
}

TEST(ParseIni, errors_give_the_line_and_never_its_text) {
    const auto entries = parse_ini("[ok]\nhunter2secret\n");
    ASSERT_FALSE(entries);
    EXPECT_THAT(entries.error().message, HasSubstr("line 2"));
    EXPECT_THAT(entries.error().message, Not(HasSubstr("hunter2")));
    EXPECT_FALSE(parse_ini("[open\n"));
    EXPECT_FALSE(parse_ini("=v\n"));
    EXPECT_FALSE(parse_ini(std::string_view("k=a\0b", 5)));
}

}  // namespace
}  // namespace xbucket
