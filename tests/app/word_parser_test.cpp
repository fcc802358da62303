// SPDX-FileCopyrightText: the xbucket authors
#include "word_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket::app {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class CommandLineWords : public ::testing::Test {
  protected:
    CommandLineWords() {
        parser_.flag("-q,--quiet", quiet_);
        parser_.option("--log-file", log_file_);
        parser_.option_each("--include", includes_);
        parser_.words(words_);
    }
    void parse(std::vector<std::string> words) {
        const auto parsed = parser_.parse(std::move(words));
        EXPECT_TRUE(parsed) << parsed.error().message;
    }

    WordParser parser_;
    bool quiet_ = false;
    std::string log_file_;
    std::vector<std::string> includes_;
    std::vector<std::string> words_;
};

TEST_F(CommandLineWords, that_look_like_lists_are_words) {
    for (const char* word : {"[raw]", "[a,b]", "[]", "[", "[[x],y]", "{}", "%%", "", "++", "a,b"}) {
        parse({word});
        EXPECT_THAT(words_, ElementsAre(word));
        parse({"x", word, "-q", word});
        EXPECT_THAT(words_, ElementsAre("x", word, word));
    }
}

TEST_F(CommandLineWords, that_look_like_lists_are_values_of_options) {
    for (const char* word : {"[raw]", "[a,b]", "[]", "{}"}) {
        parse({"--log-file", word, "--include", word, "x"});
        EXPECT_EQ(log_file_, word);
        EXPECT_THAT(includes_, ElementsAre(word));
        EXPECT_THAT(words_, ElementsAre("x"));
    }
}

TEST_F(CommandLineWords, may_be_none_or_many) {
    parse({"-q"});
    EXPECT_TRUE(quiet_);
    EXPECT_THAT(words_, IsEmpty());
    const std::vector<std::string> many(10'000, "[x]");
    parse(many);
    EXPECT_THAT(words_, ElementsAreArray(many));
}

TEST_F(CommandLineWords, after_two_hyphens_are_no_options) {
    parse({"--include=a", "x", "--", "-q", "--include", "[b]"});
    EXPECT_FALSE(quiet_);
    EXPECT_THAT(includes_, ElementsAre("a"));
    EXPECT_THAT(words_, ElementsAre("x", "-q", "--include", "[b]"));
}

}  // namespace
}  // namespace xbucket::app
