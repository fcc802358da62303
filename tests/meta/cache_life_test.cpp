// SPDX-FileCopyrightText: the xbucket authors
// What moves without Last-Modified, which listings cannot renew (DESIGN 4).
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class CacheLifeTest : public EngineFixture {
  protected:
    ListPage page() { return raw.list({}).value(); }
    // Longer than an entry lives, with listings that renew it on the way.
    void outlive_between_listings() {
        for (int i = 0; i < 3; ++i) {
            clock.advance(seconds(30));
            engine->observe_listing(page());
        }
        raw.clear_log();
    }
};

TEST_F(CacheLifeTest, a_restore_state_is_read_again_however_often_it_was_listed) {
    put("a", {.storage_class = "Archive"});
    ASSERT_TRUE(raw.restore(ObjectKey("a"), 1, ""));
    EXPECT_EQ(get("a", "user.object.restore"), "ongoing-request=\"true\"");
    clock.advance(seconds(3600));
    outlive_between_listings();
    EXPECT_NE(get("a", "user.object.restore"), "ongoing-request=\"true\"");
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

TEST_F(CacheLifeTest, the_number_of_tags_is_read_again_however_often_they_were_listed) {
    put("a", {.tags = Tags{{"k", "v"}}});
    EXPECT_EQ(get("a", "user.object.tag-count"), "1");
    ASSERT_TRUE(raw.put_tags(ObjectKey("a"), {{"k", "v"}, {"more", "v"}}));
    outlive_between_listings();
    EXPECT_EQ(get("a", "user.object.tag-count"), "2");
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

TEST_F(CacheLifeTest, a_head_that_an_own_edit_overtook_shows_nobody_what_was_before) {
    put("a", {.user = {{"x", "1"}}});
    for (const Freshness freshness : {Freshness::cached, Freshness::current}) {
        clock.advance(seconds(100));
        store.after(StoreCall::head, [&] { EXPECT_EQ(set("a", "user.x", "2"), std::nullopt); });
        const Result<ObjectStat> seen = engine->stat(ObjectKey("a"), freshness);
        EXPECT_EQ(seen->last_modified, raw.head(ObjectKey("a"))->info.last_modified);
        EXPECT_EQ(get("a", "user.x"), "2");
        put("a", {.user = {{"x", "1"}}});
    }
}

TEST_F(CacheLifeTest, without_tags_and_restore_state_listings_go_on_renewing) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(get("a", "user.x"), "1");
    outlive_between_listings();
    EXPECT_THAT(list("a"), ElementsAre("user.x"));
    EXPECT_EQ(raw.count(), 0U);
}

// Sizes and times go on coming from the listing.
TEST_F(CacheLifeTest, what_listings_tell_of_a_tagged_object_needs_no_other_request) {
    put("a", {.tags = Tags{{"k", "v"}}});
    EXPECT_THAT(list("a"), ElementsAre("user.tag.k"));
    outlive_between_listings();
    EXPECT_TRUE(engine->stat(ObjectKey("a"), Freshness::cached));
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(CacheLifeTest, another_storage_class_in_a_listing_is_looked_into_once) {
    put("a", {.storage_class = "IA"});
    put("plain");
    EXPECT_EQ(get("a", "user.object.storage-class"), "IA");
    EXPECT_EQ(get("plain", "user.object.storage-class"), "Standard");
    ListPage moved = page();
    for (ListEntry& entry : moved.objects)
        if (entry.key == ObjectKey("a")) entry.storage_class = "Archive";
    raw.clear_log();
    for (int i = 0; i < 3; ++i) {
        engine->observe_listing(moved);
        EXPECT_EQ(get("a", "user.object.storage-class"), "IA") << "as HEAD tells";
        EXPECT_EQ(get("plain", "user.object.storage-class"), "Standard");
    }
    EXPECT_EQ(raw.count(), 1U);
}

}  // namespace
}  // namespace xbucket::testing
