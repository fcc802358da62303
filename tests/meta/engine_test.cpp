// SPDX-FileCopyrightText: the xbucket authors
// The engine as fs sees it: cache, names, controls, tags, ACL, uploads, POSIX state.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class EngineTest : public EngineFixture {
  protected:
    Result<ObjectStat> upload(const std::string& key, const std::string& body,
                              const Patch& staged = {},
                              const std::function<void(UploadPlan&)>& before_put = {}) {
        const auto turn = engine->order().acquire(ObjectKey(key));
        UploadPlan plan = TRY(engine->plan_upload(ObjectKey(key), staged));
        if (before_put) before_put(plan);
        PutRequest request;
        request.key = ObjectKey(key);
        request.body = body_of(body);
        request.attributes = plan.attributes;
        const PutReply reply = TRY(store.put(request));
        return engine->finish_upload(ObjectKey(key), plan, reply, body.size()).result();
    }
    static Patch staged(const std::string& name, const std::string& value) {
        Patch patch;
        patch.changes.push_back({AttrName::parse(name).value(), value});
        return patch;
    }
    ListPage page() { return raw.list({}).value(); }
};

// ---- the cache
// ---------------------------------------------------------------------------------------

TEST_F(EngineTest, all_attributes_of_an_object_cost_one_head) {
    put("a", {.user = {{"x", "1"}, {"y", "2"}}});
    EXPECT_THAT(list("a"), ElementsAre("user.x", "user.y"));
    EXPECT_EQ(get("a", "user.x"), "1");
    EXPECT_EQ(get("a", "user.nope"), std::nullopt);
    EXPECT_EQ(get("a", "user.http.content-type"), "application/octet-stream");
    EXPECT_EQ(raw.count(), 1U);
}

TEST_F(EngineTest, foreign_names_never_cause_a_request) {
    for (const char* name :
         {"security.capability", "system.posix_acl_access", "trusted.x", "foo"}) {
        EXPECT_EQ(engine->get_attribute_cached(ObjectKey("a"), name)->error().kind,
                  ErrorKind::no_such_attribute);
        EXPECT_EQ(set("a", name, "1"), ErrorKind::unsupported);
    }
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineTest, an_entry_expires_after_its_life) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(get("a", "user.x"), "1");
    edit_rudely("a", "x", "2");
    clock.advance(seconds(59));
    EXPECT_EQ(get("a", "user.x"), "1");
    clock.advance(seconds(2));
    EXPECT_EQ(get("a", "user.x"), "2");
}

TEST_F(EngineTest, absence_is_remembered_for_the_negative_life) {
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached).error().kind, ErrorKind::not_found);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::complete).error().kind, ErrorKind::not_found);
    EXPECT_EQ(raw.count(), 1U);
    clock.advance(seconds(6));
    put("a");
    EXPECT_TRUE(engine->stat(ObjectKey("a"), Freshness::cached));
}

TEST_F(EngineTest, a_listing_makes_entries_known_without_a_head) {
    put("a", {.user = {{"mtime", "1"}}}, "12345");
    engine->observe_listing(page());
    const auto stat = *engine->stat_cached(ObjectKey("a"));
    EXPECT_EQ(stat->size, 5U);
    EXPECT_FALSE(stat->complete);
    EXPECT_FALSE(stat->posix_known);
    EXPECT_EQ(engine->get_attribute_cached(ObjectKey("a"), "user.x"), std::nullopt);
    EXPECT_TRUE(engine->stat(ObjectKey("a"), Freshness::complete)->posix_known);
}

TEST_F(EngineTest, a_listing_renews_what_agrees_and_drops_the_attributes_of_what_does_not) {
    put("a", {.user = {{"x", "1"}}});
    put("b", {.user = {{"x", "1"}}});
    get("a", "user.x");
    get("b", "user.x");
    clock.advance(seconds(61));
    edit_rudely("b", "x", "2");
    raw.clear_log();
    engine->observe_listing(page());
    EXPECT_EQ(get("a", "user.x"), "1");
    EXPECT_EQ(raw.count(StoreCall::head), 0U);
    EXPECT_EQ(get("b", "user.x"), "2");
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

TEST_F(EngineTest, a_racy_entry_is_not_renewed_by_a_listing) {
    put("a", {.user = {{"x", "1"}}});
    edit_rudely("a", "x", "2");
    EXPECT_EQ(get("a", "user.x"), "2");  // within the second of the edit
    edit_rudely("a", "x", "3");          // same second: same Last-Modified
    clock.advance(seconds(61));
    engine->observe_listing(page());
    EXPECT_EQ(get("a", "user.x"), "3");
}

TEST_F(EngineTest, a_listing_asked_for_before_an_own_change_does_not_undo_it_in_the_same_second) {
    put("a", {.user = {{"x", "1"}}});
    const ListPage asked_before = page();
    clock.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    engine->observe_listing(asked_before);
    raw.clear_log();
    EXPECT_EQ(get("a", "user.x"), "2");
    EXPECT_EQ(raw.count(), 0U);
    // Not even where the change has been forgotten, or many others came after it.
    engine->forget_below("");
    engine->observe_listing(asked_before);
    EXPECT_EQ(engine->stat_cached(ObjectKey("a")), std::nullopt);
    engine->observe_listing(page());
    EXPECT_TRUE(engine->stat_cached(ObjectKey("a")));
    clock.advance(std::chrono::milliseconds(1));
    for (int i = 0; i < 2000; ++i) engine->forget(ObjectKey(std::to_string(i)));
    engine->forget(ObjectKey("a"));
    engine->observe_listing(asked_before);
    EXPECT_EQ(engine->stat_cached(ObjectKey("a")), std::nullopt);
}

TEST_F(EngineTest, a_listing_asked_for_before_an_own_marker_does_not_hide_it) {
    const TimePoint asked = clock.now();
    clock.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(set("d/", "user.x", "1"), std::nullopt);
    engine->observe_absent(ObjectKey("d/"), asked);
    raw.clear_log();
    EXPECT_EQ(get("d/", "user.x"), "1");
    EXPECT_EQ(raw.count(), 0U);
    clock.advance(std::chrono::milliseconds(1));
    engine->observe_absent(ObjectKey("d/"), clock.now());
    EXPECT_EQ(get("d/", "user.x"), std::nullopt);
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineTest, a_listing_older_than_an_own_change_does_not_undo_it) {
    put("a", {.user = {{"x", "1"}}});
    const ListPage old = page();
    clock.advance(seconds(1));
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    engine->observe_listing(old);
    raw.clear_log();
    EXPECT_EQ(get("a", "user.x"), "2");
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineTest, concurrent_readers_share_one_head) {
    put("a", {.user = {{"x", "1"}}});
    const auto gate = store.hold(StoreCall::head);
    std::vector<std::thread> readers;
    std::atomic<int> right{0};
    for (int i = 0; i < 8; ++i)
        readers.emplace_back([&] { right += get("a", "user.x") == "1" ? 1 : 0; });
    gate->wait_until_reached();
    gate->release();
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(right, 8);
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

TEST_F(EngineTest, current_asks_the_service_each_time) {
    put("a", {}, "1");
    engine->stat(ObjectKey("a"), Freshness::current).value();
    ASSERT_TRUE(put_object(raw, "a", "123"));
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::current)->size, 3U);
}

TEST_F(EngineTest, own_updates_are_seen_without_a_request) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    raw.clear_log();
    EXPECT_EQ(get("a", "user.x"), "1");
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineTest, the_cache_stays_within_its_bytes) {
    config.cache_bytes_max = 64 << 10;
    remount();
    ListPage big;
    for (int i = 0; i < 5000; ++i) {
        ListEntry entry;
        entry.key = ObjectKey("key" + std::to_string(i));
        entry.etag = ETag("e");
        big.objects.push_back(entry);
    }
    engine->observe_listing(big);
    const std::string stats = engine->stats_json();
    const auto bytes = std::stoul(stats.substr(stats.find("\"cache_bytes\":") + 14));
    EXPECT_LE(bytes, 64U << 10);
    EXPECT_GT(bytes, 32U << 10);
}

// ---- controls and facts
// ---------------------------------------------------------------------------------

TEST_F(EngineTest, refresh_drops_what_is_known_of_a_file_or_below_a_directory) {
    put("d/a", {.user = {{"x", "1"}}});
    put("e/a", {.user = {{"x", "1"}}});
    get("d/a", "user.x");
    get("e/a", "user.x");
    edit_rudely("d/a", "x", "2");
    edit_rudely("e/a", "x", "2");
    EXPECT_EQ(set("d/", "user.xbucket.refresh", "1"), std::nullopt);
    EXPECT_EQ(get("d/a", "user.x"), "2");
    EXPECT_EQ(get("e/a", "user.x"), "1");
    EXPECT_EQ(set("", "user.xbucket.refresh", "1"), std::nullopt);
    EXPECT_EQ(get("e/a", "user.x"), "2");
}

TEST_F(EngineTest, writing_the_value_that_a_fact_has_succeeds_and_others_are_refused) {
    put("a");
    const std::string etag = get("a", "user.object.etag").value();
    EXPECT_EQ(set("a", "user.object.etag", etag), std::nullopt);
    EXPECT_EQ(set("a", "user.object.etag", "other"), ErrorKind::not_permitted);
    EXPECT_EQ(set("a", "user.object.etag", std::nullopt), ErrorKind::not_permitted);
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
}

TEST_F(EngineTest, headers_are_the_service_s_own_and_two_reads_agree) {
    put("a", {.user = {{"x", "1"}}});
    const auto first = get("a", "user.xbucket.headers").value();
    EXPECT_THAT(first, HasSubstr("x-oss-meta-x: 1\n"));
    edit_rudely("a", "x", "2");
    EXPECT_EQ(get("a", "user.xbucket.headers"), first);
    clock.advance(seconds(3));
    EXPECT_THAT(get("a", "user.xbucket.headers").value(), HasSubstr("x-oss-meta-x: 2\n"));
}

TEST_F(EngineTest, the_root_has_controls_and_no_attributes) {
    EXPECT_EQ(set("", "user.x", "1"), ErrorKind::unsupported);
    EXPECT_EQ(get("", "user.x"), std::nullopt);
    EXPECT_THAT(list(""), IsEmpty());
    EXPECT_THAT(get("", "user.xbucket.stats").value(), HasSubstr("\"requests\""));
}

TEST_F(EngineTest, a_presigned_url_needs_no_request) {
    put("a");
    const auto url = get("a", "user.object.url.60");
    ASSERT_TRUE(url);
    EXPECT_EQ(raw.count(), 0U);
    EXPECT_EQ(raw.bucket()->fetch(*url).value(), "body");
}

TEST_F(EngineTest, restore_takes_days_and_a_tier) {
    put("a", {.storage_class = "Archive"});
    EXPECT_EQ(set("a", "user.object.restore", "x"), ErrorKind::invalid_argument);
    EXPECT_EQ(set("a", "user.object.restore", "7:"), ErrorKind::invalid_argument);
    EXPECT_EQ(set("a", "user.object.restore", "7:Standard"), std::nullopt);
    EXPECT_THAT(get("a", "user.object.restore").value(), HasSubstr("ongoing-request"));
    EXPECT_EQ(set("a", "user.object.restore", std::nullopt), ErrorKind::not_permitted);
}

TEST_F(EngineTest, storage_class_and_acl_can_be_set_and_not_removed) {
    put("a");
    EXPECT_EQ(set("a", "user.object.storage-class", "IA"), std::nullopt);
    EXPECT_EQ(get("a", "user.object.storage-class"), "IA");
    EXPECT_EQ(set("a", "user.object.acl", "public-read"), std::nullopt);
    EXPECT_EQ(get("a", "user.object.acl"), "public-read");
    EXPECT_EQ(set("a", "user.object.acl", std::nullopt), ErrorKind::not_permitted);
    EXPECT_EQ(set("a", "user.object.storage-class", std::nullopt), ErrorKind::not_permitted);
    EXPECT_EQ(raw.get_acl(ObjectKey("a")).value(), "public-read");
}

// ---- tags
// ------------------------------------------------------------------------------------------------

TEST_F(EngineTest, tags_are_set_read_listed_and_removed_without_a_copy) {
    put("a", {.tags = Tags{{"other", "1"}}});
    EXPECT_EQ(set("a", "user.tag.Owner", "me"), std::nullopt);
    EXPECT_THAT(list("a"), ElementsAre("user.tag.Owner", "user.tag.other"));
    EXPECT_EQ(get("a", "user.tag.Owner"), "me");
    EXPECT_EQ(set("a", "user.tag.Owner", "x", SetFlag::create_only), ErrorKind::already_exists);
    EXPECT_EQ(set("a", "user.tag.Owner", std::nullopt), std::nullopt);
    EXPECT_EQ(raw.get_tags(ObjectKey("a")).value(), (Tags{{"other", "1"}}));
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
}

TEST_F(EngineTest, a_tag_whose_reply_was_lost_is_there) {
    put("a");
    store.lose_reply(StoreCall::put_tags);
    EXPECT_EQ(set("a", "user.tag.k", "v", SetFlag::create_only), std::nullopt);
    EXPECT_EQ(raw.get_tags(ObjectKey("a")).value(), (Tags{{"k", "v"}}));
    store.lose_request(StoreCall::put_tags);
    EXPECT_EQ(set("a", "user.tag.k", "w"), std::nullopt);
    EXPECT_EQ(raw.get_tags(ObjectKey("a")).value(), (Tags{{"k", "w"}}));
}

TEST_F(EngineTest, a_tag_on_an_implicit_directory_makes_its_marker) {
    put("d/a");
    EXPECT_EQ(set("d/", "user.tag.k", std::nullopt), ErrorKind::no_such_attribute);
    EXPECT_EQ(set("d/", "user.tag.k", "v"), std::nullopt);
    EXPECT_EQ(get("d/", "user.tag.k"), "v");
}

TEST_F(EngineTest, a_tag_that_is_refused_makes_no_marker) {
    put("d/a");
    EXPECT_EQ(set("d/", "user.tag.k", "v", SetFlag::replace_only), ErrorKind::no_such_attribute);
    EXPECT_FALSE(set("d/", "user.tag.k", std::string(5000, 'v')) == std::nullopt);
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("d/")));
}

// ---- uploads
// -----------------------------------------------------------------------------------------------

TEST_F(EngineTest, a_new_file_s_attributes_ride_along_and_cost_no_copy) {
    const auto stat = upload("a.txt", "data", staged("user.x", "1"));
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->size, 4U);
    EXPECT_TRUE(stat->complete);
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
    EXPECT_EQ(get("a.txt", "user.x"), "1");
    EXPECT_EQ(get("a.txt", "user.mime_type"), "text/plain");
}

TEST_F(EngineTest, rewriting_data_keeps_metadata_acl_and_tags) {
    ObjectAttributes attributes;
    attributes.user = {{"x", "1"}};
    attributes[HttpField::cache_control] = "no-cache";
    attributes.acl = "public-read";
    attributes.tags = Tags{{"k", "v"}};
    put("a", attributes);
    ASSERT_TRUE(upload("a", "new"));
    const auto after = *raw.bucket()->peek(ObjectKey("a"));
    EXPECT_EQ(*after.body, "new");
    EXPECT_EQ(after.attributes.user, attributes.user);
    EXPECT_EQ(after.attributes[HttpField::cache_control], "no-cache");
    EXPECT_EQ(raw.get_acl(ObjectKey("a")).value(), "public-read");
    EXPECT_EQ(raw.get_tags(ObjectKey("a")).value(), (Tags{{"k", "v"}}));
}

TEST_F(EngineTest, what_others_change_during_a_long_upload_is_applied_afterwards) {
    put("a", {.user = {{"x", "1"}, {"gone", "1"}, {"both", "1"}}});
    const auto stat = upload("a", "new", staged("user.both", "mine"), [&](UploadPlan& plan) {
        clock.advance(seconds(30));
        auto later = raw.bucket()->peek(ObjectKey("a"))->attributes;
        later.user = {{"x", "2"}, {"both", "theirs"}, {"fresh", "1"}};
        CopyRequest request;
        request.source = request.destination = ObjectKey("a");
        request.replace = later;
        ASSERT_TRUE(raw.bucket()->copy(request));
        ASSERT_TRUE(engine->recheck_upload(ObjectKey("a"), plan));
    });
    ASSERT_TRUE(stat);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "2"}, {"both", "mine"}, {"fresh", "1"}}));
    EXPECT_EQ(*raw.bucket()->peek(ObjectKey("a"))->body, "new");
}

TEST_F(EngineTest, mode_and_owner_that_others_record_during_a_long_upload_are_applied_afterwards) {
    put("a", {.user = {{"mode", "33188"}, {"uid", "1"}, {"mtime", "1"}}});
    Patch own;
    own.posix.uid = 2;
    own.posix.mtime = WallTime::from_seconds(2);
    ASSERT_TRUE(upload("a", "new", own, [&](UploadPlan& plan) {
        clock.advance(seconds(30));
        edit_rudely("a", "mode", "33152");
        edit_rudely("a", "uid", "3");
        edit_rudely("a", "gid", "4");
        edit_rudely("a", "mtime", "3");
        ASSERT_TRUE(engine->recheck_upload(ObjectKey("a"), plan));
    }));
    EXPECT_EQ(stored("a"),
              (UserMetadata{{"mode", "33152"}, {"uid", "2"}, {"gid", "4"}, {"mtime", "2"}}));
}

TEST_F(EngineTest, content_replaced_during_an_upload_is_stale) {
    put("a");
    const auto turn = engine->order().acquire(ObjectKey("a"));
    UploadPlan plan = engine->plan_upload(ObjectKey("a"), {}).value();
    ASSERT_TRUE(put_object(raw, "a", "other"));
    EXPECT_EQ(engine->recheck_upload(ObjectKey("a"), plan).error().kind, ErrorKind::stale);
}

TEST_F(EngineTest, an_attribute_set_right_after_an_upload_need_not_wait) {
    ASSERT_TRUE(upload("a", "data"));
    const TimePoint before = clock.now();
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(clock.now(), before);
    EXPECT_EQ(stored("a").at("x"), "1");
}

// ---- POSIX state
// -----------------------------------------------------------------------------------------------

TEST_F(EngineTest, posix_state_shows_at_once_and_is_recorded_in_one_copy) {
    put("a", {.user = {{"x", "1"}}});
    engine->stat(ObjectKey("a"), Freshness::complete).value();
    PosixRecord mode;
    mode.mode = 0100600;
    PosixRecord time;
    time.mtime = WallTime::from_seconds(1'600'000'000);
    engine->record_posix(ObjectKey("a"), mode);
    engine->record_posix(ObjectKey("a"), time);
    EXPECT_EQ((*engine->stat_cached(ObjectKey("a")))->posix.mode, 0100600U);
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"mode", "33152"}, {"mtime", "1600000000"}}));
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_THAT(list("a"), ElementsAre("user.x"));
}

TEST_F(EngineTest, posix_state_goes_along_with_the_next_change_upload_or_rename) {
    put("a");
    PosixRecord record;
    record.uid = 5;
    engine->record_posix(ObjectKey("a"), record);
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a").at("uid"), "5");
    record.uid = 6;
    engine->record_posix(ObjectKey("a"), record);
    ASSERT_TRUE(upload("a", "new"));
    EXPECT_EQ(stored("a").at("uid"), "6");
    record.uid = 7;
    engine->record_posix(ObjectKey("a"), record);
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(stored("b").at("uid"), "7");
    raw.clear_log();
    ASSERT_TRUE(engine->flush_below(""));
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineTest, posix_state_is_sent_within_its_delay) {
    config.posix_delay = seconds(2);
    remount();
    put("a");
    PosixRecord record;
    record.mode = 0100600;
    engine->record_posix(ObjectKey("a"), record);
    clock.advance(seconds(3));
    while (stored("a").empty()) std::this_thread::yield();
    EXPECT_EQ(stored("a").at("mode"), "33152");
}

TEST_F(EngineTest, flush_below_and_shutdown_send_everything) {
    put("d/a");
    put("d/b");
    put("e");
    PosixRecord record;
    record.mode = 0100600;
    for (const char* key : {"d/a", "d/b", "e"}) engine->record_posix(ObjectKey(key), record);
    ASSERT_TRUE(engine->flush_below("d/"));
    EXPECT_EQ(stored("d/a").size() + stored("d/b").size(), 2U);
    EXPECT_THAT(stored("e"), IsEmpty());
    ASSERT_TRUE(engine->shutdown());
    EXPECT_EQ(stored("e").size(), 1U);
    EXPECT_EQ(set("e", "user.x", "1"), ErrorKind::cancelled);
}

TEST_F(EngineTest, a_deleted_file_drops_what_is_pending) {
    put("a");
    PosixRecord record;
    record.mode = 0100600;
    engine->record_posix(ObjectKey("a"), record);
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        ASSERT_TRUE(engine->remove(ObjectKey("a")));
    }
    raw.clear_log();
    ASSERT_TRUE(engine->flush_below(""));
    EXPECT_EQ(raw.count(), 0U);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached).error().kind, ErrorKind::not_found);
    EXPECT_EQ(raw.count(), 0U);
}

TEST_F(EngineTest, an_acl_or_a_tag_read_while_another_is_set_is_not_shown_afterwards) {
    put("a", {.user = {{"x", "1"}}, .tags = Tags{{"k", "old"}}});
    const auto acl = [&] { return get("a", "user.object.acl"); };
    const auto tag = [&] { return get("a", "user.tag.k"); };
    EXPECT_EQ(get("a", "user.x"), "1");
    store.before(StoreCall::put_acl, [&] { EXPECT_EQ(acl(), "default"); });
    EXPECT_EQ(set("a", "user.object.acl", "public-read"), std::nullopt);
    EXPECT_EQ(acl(), "public-read");
    store.before(StoreCall::put_tags, [&] { EXPECT_EQ(tag(), "old"); });
    store.fail(StoreCall::get_tags, timeout_error()).nth(3);  // the look afterwards
    EXPECT_EQ(set("a", "user.tag.k", "new"), std::nullopt);
    EXPECT_EQ(tag(), "new");

    remount();
    EXPECT_EQ(get("a", "user.x"), "1");
    store.after(StoreCall::get_acl,
                [&] { EXPECT_EQ(set("a", "user.object.acl", "private"), std::nullopt); });
    EXPECT_EQ(acl(), "public-read");
    EXPECT_EQ(acl(), "private");
}

TEST_F(EngineTest, tags_that_cannot_be_read_now_fail_a_listing_and_do_not_look_removed) {
    put("a", {.user = {{"x", "1"}}, .tags = Tags{{"k", "v"}}});
    for (const ErrorKind kind : {ErrorKind::server_error, ErrorKind::timed_out}) {
        store.fail(StoreCall::get_tags, Error(kind, "injected"));
        EXPECT_EQ(engine->list_attributes(ObjectKey("a")).error().kind, kind);
    }
    store.fail(StoreCall::get_tags, Error(ErrorKind::access_denied, "injected"));
    EXPECT_THAT(list("a"), ElementsAre("user.x"));
    EXPECT_THAT(list("a"), ElementsAre("user.tag.k", "user.x"));
}

// ---- remove
// ---------------------------------------------------------------------------------------

TEST_F(EngineTest, remove_resolves_a_lost_reply) {
    put("a");
    store.lose_reply(StoreCall::remove);
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        ASSERT_TRUE(engine->remove(ObjectKey("a")));
    }
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("a")));
}

TEST_F(EngineTest, write_behind_needs_a_place_for_its_journal) {
    config.durability = Durability::timed;
    EXPECT_EQ(make_meta_engine(config, store, clock).error().kind, ErrorKind::invalid_argument);
}

TEST_F(EngineTest, everything_that_list_shows_with_all_can_be_read) {
    config.list_all = true;
    remount();
    put("a", {.user = {{"x", "1"}}, .tags = Tags{{"k", "v"}}});
    const auto names = list("a");
    EXPECT_THAT(names, Contains("user.object.etag"));
    EXPECT_THAT(names, Not(Contains("user.object.restore")));
    for (const std::string& name : names) EXPECT_TRUE(get("a", name)) << name;
}

}  // namespace
}  // namespace xbucket::testing
