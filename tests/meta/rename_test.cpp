// SPDX-FileCopyrightText: the xbucket authors
// Renames: copy, look again, delete (DESIGN 3.9).
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::seconds;

using EngineRenameTest = EngineFixture;

TEST_F(EngineRenameTest, rename_keeps_everything_and_rederives_only_a_default_type) {
    ObjectAttributes attributes;
    attributes.user = {{"x", "1"}};
    attributes[HttpField::content_type] = "text/plain";
    attributes.acl = "public-read";
    attributes.tags = Tags{{"k", "v"}};
    put("a.txt", attributes);
    const auto stat = rename("a.txt", "b.png");
    ASSERT_TRUE(stat);
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("a.txt")));
    const auto after = *raw.bucket()->peek(ObjectKey("b.png"));
    EXPECT_EQ(after.attributes.user, attributes.user);
    EXPECT_EQ(after.attributes[HttpField::content_type], "image/png");
    EXPECT_EQ(raw.get_acl(ObjectKey("b.png")).value(), "public-read");
    EXPECT_EQ(raw.get_tags(ObjectKey("b.png")).value(), (Tags{{"k", "v"}}));
    raw.clear_log();
    EXPECT_EQ(get("b.png", "user.x"), "1");
    EXPECT_EQ(get("a.txt", "user.x"), std::nullopt);
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineRenameTest, rename_without_replacing_finds_the_target) {
    put("a");
    put("b", {}, "other");
    EXPECT_EQ(rename("a", "b", true).error().kind, ErrorKind::already_exists);
    EXPECT_EQ(*raw.bucket()->peek(ObjectKey("b"))->body, "other");
    EXPECT_TRUE(raw.bucket()->peek(ObjectKey("a")));
    EXPECT_TRUE(rename("a", "c", true));
    EXPECT_EQ(rename("a", "d").error().kind, ErrorKind::not_found);
}

TEST_F(EngineRenameTest, a_source_that_moves_during_a_rename_is_copied_again) {
    put("a", {.user = {{"x", "1"}}});
    store.after(StoreCall::copy, [&] {
        clock.advance(seconds(1));
        edit_rudely("a", "late", "1");
    });
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(stored("b"), (UserMetadata{{"x", "1"}, {"late", "1"}}));
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("a")));
}

TEST_F(EngineRenameTest, a_copy_that_takes_longer_than_the_timeout_does_not_fail_a_rename) {
    put("a");
    store.after(StoreCall::copy, [&] { clock.advance(seconds(61)); });
    store.lose_request(StoreCall::remove);  // and the delete has a time of its own
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_TRUE(raw.bucket()->peek(ObjectKey("b")));
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("a")));
    EXPECT_EQ(store.count(StoreCall::copy), 1U);
}

TEST_F(EngineRenameTest, a_source_that_keeps_moving_is_not_copied_again_after_the_timeout) {
    put("a");
    store
        .after(StoreCall::copy,
               [&] {
                   clock.advance(seconds(61));
                   edit_rudely("a", "late", std::to_string(clock.now().since_start.count()));
               })
        .repeat(3);
    EXPECT_EQ(rename("a", "b").error().kind, ErrorKind::conflict);
    EXPECT_EQ(store.count(StoreCall::copy), 1U);
    EXPECT_TRUE(raw.bucket()->peek(ObjectKey("a")));
}

TEST_F(EngineRenameTest, rename_survives_lost_replies_and_requests_of_every_step) {
    int n = 0;
    for (const StoreCall call : {StoreCall::copy, StoreCall::remove}) {
        for (const bool applied : {true, false}) {
            const std::string from = "from" + std::to_string(++n);
            const std::string to = "to" + std::to_string(n);
            put(from, {.user = {{"x", "1"}}});
            if (applied)
                store.lose_reply(call);
            else
                store.lose_request(call);
            ASSERT_TRUE(rename(from, to, true)) << to_string(call) << applied;
            EXPECT_EQ(stored(to).at("x"), "1");
            EXPECT_FALSE(raw.bucket()->peek(ObjectKey(from)));
        }
    }
}

TEST_F(EngineRenameTest, a_failed_rename_leaves_the_source) {
    put("a", {.user = {{"x", "1"}}});
    store.fail(StoreCall::copy, Error(ErrorKind::access_denied, "injected"));
    EXPECT_EQ(rename("a", "b").error().kind, ErrorKind::access_denied);
    EXPECT_TRUE(raw.bucket()->peek(ObjectKey("a")));
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("b")));
}

}  // namespace
}  // namespace xbucket::testing
