// SPDX-FileCopyrightText: the xbucket authors
// Reading ahead: what is asked for early is asked for once, shared by who needs it, and never
// believed over an own change.
#include "meta/engine_fixture.h"

#include <future>

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using Ahead = MetaEngine::Ahead;

class PrefetchTest : public EngineFixture {
  protected:
    // Every key that is known to be there or not, by the time it returns.
    void wait_for(const std::vector<ObjectKey>& keys) {
        for (const ObjectKey& key : keys)
            static_cast<void>(engine->stat(key, Freshness::complete).has_value());
    }
    std::vector<ObjectKey> put_many(size_t count, const ObjectAttributes& attributes) {
        std::vector<ObjectKey> keys;
        for (size_t i = 0; i < count; ++i) {
            keys.emplace_back("k" + std::to_string(i));
            EXPECT_TRUE(put_object(raw, keys.back().str(), "body", attributes));
        }
        clock.advance(seconds(10));
        raw.clear_log();
        return keys;
    }
};

TEST_F(PrefetchTest, each_object_is_asked_for_once_by_its_own_budget) {
    const auto keys = put_many(20, {.user = {{"x", "1"}}});
    engine->prefetch(keys, Ahead::metadata);
    engine->prefetch(keys, Ahead::metadata);
    wait_for(keys);
    for (const ObjectKey& key : keys) EXPECT_EQ(get(key.str(), "user.x"), "1");
    EXPECT_EQ(raw.count(), 20U);
    for (const LoggedRequest& request : raw.log())
        EXPECT_EQ(request.request_class, RequestClass::prefetch);
}

TEST_F(PrefetchTest, a_reader_waits_for_what_is_on_its_way) {
    const auto keys = put_many(1, {.user = {{"x", "1"}}});
    const auto gate = store.hold(StoreCall::head);
    engine->prefetch(keys, Ahead::metadata);
    gate->wait_until_reached();
    auto value = std::async(std::launch::async, [&] { return get("k0", "user.x"); });
    gate->release();
    EXPECT_EQ(value.get(), "1");
    EXPECT_EQ(raw.count(), 1U);
}

TEST_F(PrefetchTest, what_fails_ahead_is_asked_for_again_by_who_needs_it) {
    const auto keys = put_many(1, {.user = {{"x", "1"}}});
    const auto gate = store.hold(StoreCall::head);
    store.fail(StoreCall::head, timeout_error());
    engine->prefetch(keys, Ahead::metadata);
    gate->wait_until_reached();
    auto value = std::async(std::launch::async, [&] { return get("k0", "user.x"); });
    gate->release();
    EXPECT_EQ(value.get(), "1");
}

TEST_F(PrefetchTest, absence_is_learnt_too) {
    engine->prefetch({ObjectKey("nothing")}, Ahead::metadata);
    wait_for({ObjectKey("nothing")});
    EXPECT_EQ(engine->knowledge(ObjectKey("nothing")), Knowledge::absent);
    EXPECT_EQ(raw.count(), 1U);
}

TEST_F(PrefetchTest, tags_come_along_where_there_are_any_and_they_are_wanted) {
    ASSERT_TRUE(put_object(raw, "k0", "body", {.tags = Tags{{"t", "1"}}}));
    const auto keys = put_many(1, {.tags = Tags{{"t", "1"}}});
    put("plain");
    engine->prefetch({ObjectKey("k0"), ObjectKey("plain")}, Ahead::metadata_and_tags);
    wait_for({ObjectKey("k0"), ObjectKey("plain")});
    EXPECT_THAT(list("k0"), ::testing::Contains("user.tag.t"));
    EXPECT_EQ(raw.count(StoreCall::head), 2U);
    EXPECT_EQ(raw.count(StoreCall::get_tags), 1U);
}

TEST_F(PrefetchTest, a_reading_that_an_own_change_overtook_is_neither_kept_nor_shared) {
    put("a", {.user = {{"x", "1"}}});
    const auto gate = store.hold(StoreCall::head, "a");
    engine->prefetch({ObjectKey("a")}, Ahead::metadata);  // reads x=1, and stands
    gate->wait_until_reached();
    // The change reads by itself; its HEADs wait at the same gate, hence another thread.
    auto changed = std::async(std::launch::async, [&] { return set("a", "user.x", "2"); });
    gate->release();
    EXPECT_EQ(changed.get(), std::nullopt);
    EXPECT_EQ(get("a", "user.x"), "2");
    clock.advance(seconds(61));
    EXPECT_EQ(get("a", "user.x"), "2");
}

TEST_F(PrefetchTest, an_own_change_of_one_key_leaves_what_is_read_of_others) {
    // Many keys share a shard of the cache with the one that changes.
    const auto keys = put_many(64, {.user = {{"x", "1"}}});
    put("changed");
    store.after(StoreCall::head, [&] { static_cast<void>(engine->forget(ObjectKey("changed"))); })
        .always();
    engine->prefetch(keys, Ahead::metadata);
    wait_for(keys);
    store.clear_faults();
    for (const ObjectKey& key : keys) EXPECT_EQ(engine->knowledge(key), Knowledge::complete);
    EXPECT_EQ(raw.count(StoreCall::head), 64U);
}

TEST_F(PrefetchTest, no_more_is_fetched_than_the_cache_can_hold) {
    config.cache_bytes_max = 64 << 10;
    remount();
    const auto keys = put_many(200, {});
    engine->prefetch(keys, Ahead::metadata);
    engine.reset();
    EXPECT_LE(raw.count(), 16U);
    EXPECT_GT(raw.count(), 0U);
}

TEST_F(PrefetchTest, an_engine_that_ends_waits_for_what_it_has_asked) {
    const auto keys = put_many(8, {});
    const auto gate = store.hold(StoreCall::head);
    engine->prefetch(keys, Ahead::metadata);
    gate->wait_until_reached();
    auto ended = std::async(std::launch::async, [&] { engine.reset(); });
    gate->release();
    ended.get();
    EXPECT_EQ(raw.count(), 8U);
}

TEST_F(PrefetchTest, knowledge_tells_what_a_listing_would_make_known_again) {
    put("a");
    EXPECT_EQ(engine->knowledge(ObjectKey("a")), Knowledge::nothing);
    engine->observe_listing(raw.list({}).value());
    EXPECT_EQ(engine->knowledge(ObjectKey("a")), Knowledge::listed);
    get("a", "user.x");
    EXPECT_EQ(engine->knowledge(ObjectKey("a")), Knowledge::complete);
    clock.advance(seconds(61));
    EXPECT_EQ(engine->knowledge(ObjectKey("a")), Knowledge::outlived);
    engine->observe_listing(raw.list({}).value());
    EXPECT_EQ(engine->knowledge(ObjectKey("a")), Knowledge::complete);
}

TEST_F(PrefetchTest, a_racy_entry_that_outlived_itself_is_not_for_a_listing_to_renew) {
    put("a");
    edit_rudely("a", "x", "1");
    get("a", "user.x");
    clock.advance(seconds(61));
    EXPECT_EQ(engine->knowledge(ObjectKey("a")), Knowledge::nothing);
}

TEST_F(PrefetchTest, a_listing_that_shows_a_foreign_change_is_announced) {
    put("a");
    put("b");
    get("a", "user.x");
    get("b", "user.x");
    edit_rudely("b", "x", "1");
    std::vector<std::string> heard;
    engine->set_listener([&](const ObjectKey& key, const ObjectStat& stat) {
        EXPECT_FALSE(stat.complete);
        EXPECT_TRUE(stat.edited.empty());
        heard.push_back(key.str());
    });
    engine->observe_listing(raw.list({}).value());
    EXPECT_THAT(heard, ::testing::ElementsAre("b"));
    engine->set_listener(nullptr);
}

}  // namespace
}  // namespace xbucket::testing
