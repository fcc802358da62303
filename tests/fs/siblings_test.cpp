// SPDX-FileCopyrightText: the xbucket authors
// Goal: names keep their places while a listing goes on or is repeated, and a listing that shows
// other names takes the place of what it covers. Method: by hand, then random pages against a set.
#include "siblings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace xbucket {
namespace {

using Names = std::vector<std::string>;
using ::testing::ElementsAre;

Names all(const Siblings& siblings) {
    Names names;
    for (auto place = siblings.begin(); place < siblings.end(); ++place)
        names.emplace_back(siblings.at(place));
    return names;
}

TEST(Siblings, pages_in_order_follow_each_other) {
    Siblings siblings;
    EXPECT_FALSE(siblings.add({"a", "b"}));
    EXPECT_FALSE(siblings.add({"c", "d/"}));
    EXPECT_EQ(siblings.find("a"), 0U);
    EXPECT_EQ(siblings.find("d/"), 3U);
    EXPECT_EQ(siblings.find("d"), std::nullopt);
    EXPECT_EQ(siblings.find(""), std::nullopt);
    EXPECT_THAT(all(siblings), ElementsAre("a", "b", "c", "d/"));
}

TEST(Siblings, the_same_pages_again_move_nothing) {
    Siblings siblings;
    siblings.add({"a", "b"});
    siblings.add({"c", "d"});
    const size_t bytes = siblings.bytes();
    EXPECT_FALSE(siblings.add({"a", "b"}));
    EXPECT_FALSE(siblings.add({"c", "d"}));
    EXPECT_EQ(siblings.bytes(), bytes);
    EXPECT_THAT(all(siblings), ElementsAre("a", "b", "c", "d"));
}

TEST(Siblings, a_page_with_other_names_takes_the_place_of_what_it_covers) {
    Siblings siblings;
    siblings.add({"a", "c"});
    siblings.add({"e", "g"});
    EXPECT_TRUE(siblings.add({"b", "d", "f"}));
    EXPECT_THAT(all(siblings), ElementsAre("a", "b", "d", "f", "g"));
    EXPECT_TRUE(siblings.add({"0"}));
    EXPECT_THAT(all(siblings), ElementsAre("0", "a", "b", "d", "f", "g"));
    EXPECT_EQ(siblings.find("g"), 5U);
}

TEST(Siblings, places_stay_when_the_foremost_names_go) {
    Siblings siblings;
    siblings.add({"a", "b"});
    siblings.add({"c", "d"});
    EXPECT_TRUE(siblings.drop_front());
    EXPECT_EQ(siblings.find("a"), std::nullopt);
    EXPECT_EQ(siblings.find("c"), 2U);
    EXPECT_EQ(siblings.begin(), 2U);
    EXPECT_FALSE(siblings.drop_front());
}

TEST(Siblings, random_pages_are_what_a_set_would_hold) {
    const auto seed = std::random_device()();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 200; ++round) {
        Siblings siblings;
        std::set<std::string> model;
        for (int i = 0; i < 30; ++i) {
            std::set<std::string> page;
            const auto from = random() % 90;
            for (auto n = 1 + random() % 8; n != 0; --n)
                page.insert(std::to_string(10 + from + random() % 10));
            model.erase(model.lower_bound(*page.begin()), model.upper_bound(*page.rbegin()));
            model.insert(page.begin(), page.end());
            siblings.add({page.begin(), page.end()});
            ASSERT_EQ(all(siblings), Names(model.begin(), model.end()));
            for (const std::string& name : model)
                ASSERT_EQ(siblings.at(*siblings.find(name)), name);
        }
    }
}

}  // namespace
}  // namespace xbucket
