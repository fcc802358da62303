// SPDX-FileCopyrightText: the xbucket authors
#include "listing_cache.h"

#include "support/fake_clock.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

using Answer = ListingCache::Answer;
const ObjectKey kDirectory("d/");

class ListingCacheTest : public ::testing::Test {
  protected:
    void list(const std::vector<ListedName>& names, bool complete = true) {
        const uint64_t ticket = cache_.begin(kDirectory, ListingCache::For::program);
        cache_.add(kDirectory, ticket, names.data(), names.size());
        if (complete) cache_.complete(kDirectory, ticket);
    }
    static ListedName file(std::string name) { return {std::move(name), false, {}}; }
    static ListedName directory(std::string name) { return {std::move(name), true, {}}; }

    testing::FakeClock clock_;
    ListingCache cache_{clock_,
                        {.positive_life = std::chrono::seconds(60),
                         .negative_life = std::chrono::seconds(5),
                         .names_max = 100,
                         .directory_names_max = 50}};
};

TEST_F(ListingCacheTest, listed_names_are_known_with_their_kind) {
    list({file("f"), directory("e")});
    EXPECT_EQ(cache_.find(kDirectory, "f"), Answer::file);
    EXPECT_EQ(cache_.find(kDirectory, "e"), Answer::directory);
    EXPECT_EQ(cache_.find(ObjectKey("x/"), "f"), Answer::unknown);
}

TEST_F(ListingCacheTest, only_a_complete_listing_answers_negatives_and_only_for_their_life) {
    list({file("f")}, false);
    EXPECT_EQ(cache_.find(kDirectory, "g"), Answer::unknown);
    list({file("f")}, true);
    EXPECT_EQ(cache_.find(kDirectory, "g"), Answer::absent);
    clock_.advance(std::chrono::seconds(6));
    EXPECT_EQ(cache_.find(kDirectory, "g"), Answer::unknown);
    EXPECT_EQ(cache_.find(kDirectory, "f"), Answer::file);
    clock_.advance(std::chrono::seconds(60));
    EXPECT_EQ(cache_.find(kDirectory, "f"), Answer::unknown);
}

TEST_F(ListingCacheTest, own_changes_count_more_than_the_listing) {
    list({file("f")});
    cache_.note(kDirectory, "f", Answer::unknown);
    cache_.note(kDirectory, "new", Answer::file);
    EXPECT_EQ(cache_.find(kDirectory, "f"), Answer::unknown);
    EXPECT_EQ(cache_.find(kDirectory, "new"), Answer::file);
}

TEST_F(ListingCacheTest, change_during_a_listing_survives_its_later_pages) {
    const uint64_t ticket = cache_.begin(kDirectory, ListingCache::For::program);
    cache_.note(kDirectory, "f", Answer::unknown);
    const ListedName stale = file("f");
    cache_.add(kDirectory, ticket, &stale, 1);
    cache_.complete(kDirectory, ticket);
    EXPECT_EQ(cache_.find(kDirectory, "f"), Answer::unknown);
}

TEST_F(ListingCacheTest, pages_of_an_overtaken_listing_are_ignored) {
    const uint64_t old_ticket = cache_.begin(kDirectory, ListingCache::For::program);
    list({file("f")});
    const ListedName late = file("late");
    cache_.add(kDirectory, old_ticket, &late, 1);
    EXPECT_EQ(cache_.find(kDirectory, "late"), Answer::absent);
}

TEST_F(ListingCacheTest, directory_over_its_limit_is_not_remembered) {
    std::vector<ListedName> names;
    for (int i = 0; i < 51; ++i) names.push_back(file("f" + std::to_string(i)));
    list(names);
    EXPECT_EQ(cache_.find(kDirectory, "f0"), Answer::unknown);
    EXPECT_EQ(cache_.find(kDirectory, "nope"), Answer::unknown);
}

TEST_F(ListingCacheTest, oldest_listing_goes_where_all_together_are_too_many) {
    std::vector<ListedName> names;
    for (int i = 0; i < 40; ++i) names.push_back(file("f" + std::to_string(i)));
    for (const char* directory : {"a/", "b/", "c/"}) {
        const ObjectKey key(directory);
        const uint64_t ticket = cache_.begin(key, ListingCache::For::program);
        cache_.add(key, ticket, names.data(), names.size());
        clock_.advance(std::chrono::seconds(1));
    }
    EXPECT_EQ(cache_.find(ObjectKey("a/"), "f0"), Answer::unknown);
    EXPECT_EQ(cache_.find(ObjectKey("c/"), "f0"), Answer::file);
}

TEST_F(ListingCacheTest, drop_below_forgets_the_subtree) {
    list({file("f")});
    cache_.drop_below("d");
    EXPECT_EQ(cache_.find(kDirectory, "f"), Answer::unknown);
}

}  // namespace
}  // namespace xbucket
