// SPDX-FileCopyrightText: the xbucket authors
// DESIGN 3, rule by rule, against the in-memory services.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UpdateRules : public EngineFixture {};

ObjectAttributes rich() {
    ObjectAttributes attributes;
    attributes.user = {{"year", "2021"}, {"mode", "33188"}, {"t", "caf\xc3\xa9"}};
    attributes[HttpField::content_type] = "text/x-demo";
    attributes[HttpField::cache_control] = "no-cache";
    attributes[HttpField::content_disposition] = "attachment; filename=\"a.txt\"";
    attributes[HttpField::content_encoding] = "gzip";
    attributes[HttpField::content_language] = "de";
    attributes[HttpField::expires] = "Wed, 21 Oct 2026 07:28:00 GMT";
    attributes.storage_class = "IA";
    attributes.sse.algorithm = "KMS";
    attributes.sse.key_id = "key-1";
    attributes.acl = "public-read";
    attributes.tags = Tags{{"Owner", "me"}};
    return attributes;
}

// ---- 1. complete
// ---------------------------------------------------------------------------------

TEST_F(UpdateRules, setting_one_attribute_changes_nothing_else) {
    put("a.txt", rich());
    const auto before = raw.bucket()->peek(ObjectKey("a.txt"))->attributes;
    EXPECT_EQ(set("a.txt", "user.people", "evan"), std::nullopt);
    ObjectAttributes expected = before;
    expected.user["people"] = "evan";
    const auto after = *raw.bucket()->peek(ObjectKey("a.txt"));
    EXPECT_EQ(after.attributes, expected);
    EXPECT_EQ(*after.body, "body");
    EXPECT_EQ(set("a.txt", "user.people", std::nullopt), std::nullopt);
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("a.txt"))->attributes, before);
}

TEST_F(UpdateRules, each_http_field_is_set_and_removed_alone) {
    put("a.txt", rich());
    for (const char* name : {"cache-control", "content-disposition", "content-encoding",
                             "content-language", "expires"}) {
        const auto before = raw.bucket()->peek(ObjectKey("a.txt"))->attributes;
        const std::string full = std::string("user.http.") + name;
        const std::string value = get("a.txt", full).value();
        EXPECT_EQ(set("a.txt", full, std::nullopt), std::nullopt) << name;
        EXPECT_EQ(get("a.txt", full), std::nullopt);
        EXPECT_EQ(set("a.txt", full, value), std::nullopt);
        EXPECT_EQ(raw.bucket()->peek(ObjectKey("a.txt"))->attributes, before) << name;
    }
}

TEST_F(UpdateRules, an_acl_changed_a_moment_ago_is_kept) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    ASSERT_TRUE(raw.put_acl(ObjectKey("a"), "public-read"));
    clock.advance(milliseconds(1500));
    EXPECT_EQ(set("a", "user.x", "3"), std::nullopt);
    EXPECT_EQ(raw.get_acl(ObjectKey("a")).value(), "public-read");
}

TEST_F(UpdateRules, an_unreadable_acl_fails_strict_mounts_and_others_carry_on) {
    put("a", {.user = {{"x", "1"}}});
    store.fail(StoreCall::get_acl, Error(ErrorKind::access_denied, "no")).always();
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    config.preserve = PreservePolicy::strict;
    remount();
    clock.advance(seconds(5));
    EXPECT_EQ(set("a", "user.x", "3"), ErrorKind::access_denied);
    EXPECT_EQ(stored("a").at("x"), "2");
}

// Grants that no canned name describes are this object's; other ACLs are still there to be kept.
TEST_F(UpdateRules, an_acl_without_a_canned_name_fails_strict_mounts_and_hides_no_others) {
    const Error unnamed(ErrorKind::unsupported, "grants that no canned name describes");
    for (const std::string key : {"a", "b", "c", "d"}) {
        put(key);
        store.fail(StoreCall::get_acl, unnamed).on(key).always();
        EXPECT_EQ(set(key, "user.x", "1"), std::nullopt);
    }
    put("public", {.acl = "public-read"});
    EXPECT_EQ(set("public", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.get_acl(ObjectKey("public")).value(), "public-read");

    config.preserve = PreservePolicy::strict;
    remount();
    clock.advance(seconds(5));
    EXPECT_EQ(set("a", "user.x", "2"), ErrorKind::access_denied);
    const auto turn = engine->order().acquire(ObjectKey("a"), ObjectKey("to"));
    EXPECT_EQ(engine->rename(ObjectKey("a"), ObjectKey("to"), false).error().kind,
              ErrorKind::access_denied);
    EXPECT_EQ(engine->plan_upload(ObjectKey("a"), {}).error().kind, ErrorKind::access_denied);
}

TEST_F(UpdateRules, a_service_without_acls_has_none_to_lose) {
    config.preserve = PreservePolicy::strict;
    remount();
    put("a");
    Error none(ErrorKind::unsupported, "A header you provided implies what is not implemented");
    none.http_status = 501;
    store.fail(StoreCall::get_acl, none).always();
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_TRUE(rename("a", "b"));
}

// ---- 2. the lock
// -----------------------------------------------------------------------------------

TEST_F(UpdateRules, an_edit_between_base_and_copy_is_not_lost) {
    put("a", {.user = {{"x", "1"}}});
    store.before(StoreCall::copy, [&] { edit_rudely("a", "theirs", "kept"); });
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"mine", "1"}, {"theirs", "kept"}}));
}

TEST_F(UpdateRules, a_base_that_is_not_settled_is_read_again) {
    put("a", {.user = {{"x", "1"}}});
    edit_rudely("a", "x", "2");  // now: Last-Modified is this very second
    const TimePoint before = clock.now();
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_GE(clock.now() - before, seconds(1));
    EXPECT_GE(raw.count(StoreCall::head), 2U);
}

TEST_F(UpdateRules, an_edit_within_the_second_of_the_base_is_not_lost) {
    put("a", {.user = {{"x", "1"}}});
    edit_rudely("a", "x", "2");
    // Another edit in the same second, after our first HEAD: its Last-Modified tells nothing.
    store.after(StoreCall::head, [&] { edit_rudely("a", "theirs", "kept"); });
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "2"}, {"mine", "1"}, {"theirs", "kept"}}));
}

TEST_F(UpdateRules, a_run_of_own_edits_is_one_request_each_and_nobody_waits_for_himself) {
    put("a");
    EXPECT_EQ(set("a", "user.n0", "1"), std::nullopt);
    raw.clear_log();
    const TimePoint before = clock.now();
    for (int i = 1; i < 20; ++i)
        EXPECT_EQ(set("a", "user.n" + std::to_string(i), "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 19U);
    EXPECT_EQ(raw.count(), 19U);
    EXPECT_EQ(clock.now(), before);
}

TEST_F(UpdateRules, after_a_second_the_own_result_is_read_again_but_need_not_settle) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    clock.advance(milliseconds(1100));
    const TimePoint before = clock.now();
    raw.clear_log();
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(clock.now(), before);
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

TEST_F(UpdateRules, own_tags_and_acl_between_own_edits_make_nobody_wait) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    const TimePoint before = clock.now();
    EXPECT_EQ(set("a", "user.tag.t", "1"), std::nullopt);
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(set("a", "user.object.acl", "public-read"), std::nullopt);
    raw.clear_log();
    EXPECT_EQ(set("a", "user.x", "3"), std::nullopt);
    EXPECT_EQ(clock.now(), before);
    EXPECT_GE(raw.count(StoreCall::head), 1U) << "what is resent was read again";
    EXPECT_EQ(stored("a").at("x"), "3");
    const auto object = raw.bucket()->peek(ObjectKey("a"));
    EXPECT_EQ(object->attributes.acl, "public-read");
    EXPECT_EQ(object->attributes.tags, (Tags{{"t", "1"}}));
}

TEST_F(UpdateRules, a_tag_whose_outcome_is_unknown_ends_the_run) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.lose_reply(StoreCall::put_tags);
    EXPECT_EQ(set("a", "user.tag.t", "1"), std::nullopt);
    const TimePoint before = clock.now();
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_GE(clock.now() - before, seconds(1)) << "a settled base again";
}

TEST_F(UpdateRules, a_run_longer_than_ten_seconds_pauses_for_a_settled_read) {
    put("a");
    bool waited = false;
    for (int i = 0; i < 40 && !waited; ++i) {
        const TimePoint before = clock.now();
        EXPECT_EQ(set("a", "user.x", std::to_string(i)), std::nullopt);
        waited = clock.now() - before >= seconds(1);
        clock.advance(milliseconds(900));
    }
    EXPECT_TRUE(waited);
}

TEST_F(UpdateRules, replaced_content_keeps_its_bytes_and_its_metadata_survives_the_guard) {
    put("a", {.user = {{"x", "1"}}});
    store.before(StoreCall::copy, [&] {
        ASSERT_TRUE(put_object(raw, "a", "new body", {.user = {{"fresh", "1"}}}));
    });
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(*raw.bucket()->peek(ObjectKey("a"))->body, "new body");
    EXPECT_EQ(stored("a"), (UserMetadata{{"fresh", "1"}, {"mine", "1"}}));
}

// The guard's times are whole seconds, and an own result is a base without a look.
TEST_F(UpdateRules, an_edit_of_others_that_was_shown_here_is_not_undone_in_the_same_second) {
    const std::vector<std::function<void()>> looks = {
        [&] { engine->forget_below("a"); },
        [&] { ASSERT_TRUE(engine->stat(ObjectKey("a"), Freshness::current)); },
        [&] { engine->observe_listing(raw.list({}).value()); },
    };
    for (size_t look = 0; look < looks.size(); ++look) {
        SCOPED_TRACE(look);
        clock.advance(seconds(100));
        put("a", {.user = {{"x", "1"}}});
        clock.advance(seconds(5));
        EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
        ASSERT_TRUE(put_object(raw, "a", "new body", {.user = {{"theirs", "1"}}}));
        looks[look]();
        EXPECT_EQ(get("a", "user.theirs"), "1");
        EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
        EXPECT_EQ(stored("a"), (UserMetadata{{"theirs", "1"}, {"mine", "1"}}));
    }
}

TEST_F(UpdateRules, an_object_that_vanished_is_not_resurrected) {
    put("a", {.user = {{"x", "1"}}});
    store.before(StoreCall::copy, [&] { ASSERT_TRUE(raw.remove(ObjectKey("a"))); });
    EXPECT_EQ(set("a", "user.mine", "1"), ErrorKind::not_found);
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("a")));
}

TEST_F(UpdateRules, a_storm_of_412_ends_with_the_deadline_and_changes_nothing) {
    put("a", {.user = {{"x", "1"}}});
    store.fail(StoreCall::copy, Error(ErrorKind::precondition_failed, "injected")).always();
    const TimePoint before = clock.now();
    EXPECT_EQ(set("a", "user.mine", "1"), ErrorKind::conflict);
    EXPECT_GE(clock.now() - before, seconds(60));
    EXPECT_LT(clock.now() - before, seconds(70));
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}}));
}

TEST_F(UpdateRules, finding_what_was_sent_is_success) {
    // libcurl repeats a request when a reused connection dies: the first one landed, and ours is
    // refused by its own success.
    put("a");
    store.add({.call = StoreCall::copy, .error = Error(ErrorKind::precondition_failed, "own")});
    EXPECT_EQ(set("a", "user.mine", "1", SetFlag::create_only), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a").at("mine"), "1");
}

TEST_F(UpdateRules, a_value_already_there_copies_nothing) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

TEST_F(UpdateRules, flags_are_judged_on_fresh_state_not_on_the_cache) {
    put("a");
    EXPECT_EQ(get("a", "user.x"), std::nullopt);  // cached: not there
    edit_rudely("a", "x", "theirs");
    EXPECT_EQ(set("a", "user.x", "mine", SetFlag::create_only), ErrorKind::already_exists);
    EXPECT_EQ(set("a", "user.x", "mine", SetFlag::replace_only), std::nullopt);
    EXPECT_EQ(set("a", "user.y", "mine", SetFlag::replace_only), ErrorKind::no_such_attribute);
    EXPECT_EQ(set("a", "user.y", std::nullopt), ErrorKind::no_such_attribute);
}

TEST_F(UpdateRules, a_service_that_compares_finer_than_it_tells_is_found_out) {
    MemoryService service = MemoryService::oss();
    service.compares_subseconds = true;
    FakeClock fine_clock(WallTime::from_seconds(1'700'000'000) + milliseconds(400));
    MemoryStore fine(service, fine_clock);
    auto mount = make_meta_engine(config, fine, fine_clock).value();
    ASSERT_TRUE(put_object(fine, "a", "body", {}));
    fine_clock.advance(seconds(10));
    EXPECT_EQ(set(*mount, "a", "user.x", "1"), std::nullopt);
    EXPECT_THAT(mount->stats_json(), HasSubstr("\"compares_finer\":true"));
    fine_clock.advance(seconds(10));
    fine.clear_log();
    EXPECT_EQ(set(*mount, "a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(fine.count(StoreCall::copy), 1U);
}

// ---- 3. versions
// -----------------------------------------------------------------------------------

TEST_F(UpdateRules, the_source_version_is_never_pinned) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    for (const LoggedRequest& request : raw.log())
        if (request.copy) {
            EXPECT_TRUE(request.copy->source_version.empty());
        }
}

// ---- 5. one mutation per key
// -------------------------------------------------------------------------

TEST_F(UpdateRules, patches_that_arrive_meanwhile_share_one_copy_and_fail_alone) {
    put("a", {.user = {{"x", "1"}}});
    const auto gate = store.hold(StoreCall::copy);
    std::thread first([&] {
        EXPECT_EQ(
            engine->change_attribute(ObjectKey("a"), "user.first", "1", SetFlag::any).has_value(),
            true);
    });
    gate->wait_until_reached();
    std::vector<std::thread> rest;
    std::atomic<int> good{0};
    std::atomic<int> exists{0};
    for (int i = 0; i < 10; ++i) {
        rest.emplace_back([&, i] {
            const auto result =
                i < 9
                    ? engine->change_attribute(ObjectKey("a"), "user.n" + std::to_string(i), "1",
                                               SetFlag::any)
                    : engine->change_attribute(ObjectKey("a"), "user.x", "2", SetFlag::create_only);
            if (result) ++good;
            if (!result && result.error().kind == ErrorKind::already_exists) ++exists;
        });
    }
    while (engine->stats_json().find("\"updates_queued\":11") == std::string::npos)
        std::this_thread::yield();
    gate->release();
    first.join();
    for (auto& thread : rest) thread.join();
    EXPECT_EQ(good, 9);
    EXPECT_EQ(exists, 1);
    EXPECT_EQ(raw.count(StoreCall::copy), 2U);
    EXPECT_EQ(stored("a").size(), 11U);
}

TEST_F(UpdateRules, a_patch_over_the_limit_fails_alone_in_its_group) {
    put("a");
    EXPECT_EQ(set("a", "user.big", std::string(9000, 'x')), ErrorKind::value_too_large);
    EXPECT_EQ(set("a", "user.half", std::string(4500, 'x')), std::nullopt);
    EXPECT_EQ(set("a", "user.half2", std::string(4500, 'x')), ErrorKind::no_attribute_space);
    EXPECT_EQ(stored("a").size(), 1U);
}

TEST_F(UpdateRules, changes_wait_for_the_keys_turn) {
    put("a");
    auto turn = engine->order().acquire(ObjectKey("a"));
    std::thread setter([&] { EXPECT_EQ(set("a", "user.x", "1"), std::nullopt); });
    while (engine->stats_json().find("\"updates_queued\":1") == std::string::npos)
        std::this_thread::yield();
    EXPECT_EQ(raw.count(), 0U);
    turn.release();
    setter.join();
    EXPECT_EQ(stored("a").at("x"), "1");
}

// ---- 6. unknown outcomes
// -------------------------------------------------------------------------------

TEST_F(UpdateRules, a_lost_reply_is_resolved_by_looking) {
    put("a", {.user = {{"x", "1"}}});
    store.lose_reply(StoreCall::copy);
    EXPECT_EQ(set("a", "user.mine", "1", SetFlag::create_only), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a").at("mine"), "1");
}

TEST_F(UpdateRules, a_lost_request_is_sent_again) {
    put("a", {.user = {{"x", "1"}}});
    store.lose_request(StoreCall::copy);
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"mine", "1"}}));
}

TEST_F(UpdateRules, a_removal_whose_reply_was_lost_is_success) {
    put("a", {.user = {{"x", "1"}}});
    store.lose_reply(StoreCall::copy);
    EXPECT_EQ(set("a", "user.x", std::nullopt), std::nullopt);
    EXPECT_THAT(stored("a"), IsEmpty());
}

TEST_F(UpdateRules, a_request_that_arrives_late_undoes_nothing) {
    put("a", {.user = {{"x", "1"}}});
    const auto late = store.apply_late(StoreCall::copy);
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    clock.advance(seconds(5));
    EXPECT_EQ(set("a", "user.mine", "2"), std::nullopt);
    EXPECT_EQ(late->deliver(), 1U);
    EXPECT_EQ(stored("a").at("mine"), "2");
}

TEST_F(UpdateRules, an_unknown_outcome_ends_the_run) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.lose_reply(StoreCall::copy);
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    const TimePoint before = clock.now();
    EXPECT_EQ(set("a", "user.x", "3"), std::nullopt);
    EXPECT_GE(clock.now() - before, seconds(1)) << "a settled base again";
}

TEST_F(UpdateRules, a_failure_is_reported_and_changes_nothing) {
    put("a", {.user = {{"x", "1"}}});
    for (const ErrorKind kind : {ErrorKind::access_denied, ErrorKind::not_permitted,
                                 ErrorKind::archived, ErrorKind::server_error}) {
        store.fail(StoreCall::copy, Error(kind, "injected"));
        EXPECT_EQ(set("a", "user.x", "2"), kind);
    }
    EXPECT_EQ(stored("a").at("x"), "1");
    store.fail(StoreCall::head, timeout_error());
    EXPECT_EQ(set("a", "user.x", "2"), ErrorKind::timed_out);
}

// ---- 7. hidden entries
// -----------------------------------------------------------------------------------

TEST_F(UpdateRules, hidden_entries_refuse_a_write) {
    put("a");
    raw.bucket()->alter(ObjectKey("a"), [](MemoryVersion& v) { v.missing_metadata = 2; });
    EXPECT_EQ(set("a", "user.x", "1"), ErrorKind::not_permitted);
    EXPECT_THAT(last_error.message, HasSubstr("hides 2"));
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
}

// ---- 10. directories
// ---------------------------------------------------------------------------------------

TEST_F(UpdateRules, an_implicit_directory_gets_a_marker_when_first_written_to) {
    put("dir/file");
    EXPECT_EQ(get("dir/", "user.x"), std::nullopt);
    EXPECT_EQ(set("dir/", "user.x", std::nullopt), ErrorKind::no_such_attribute);
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("dir/")));
    EXPECT_EQ(set("dir/", "user.x", "1", SetFlag::create_only), std::nullopt);
    const auto marker = *raw.bucket()->peek(ObjectKey("dir/"));
    EXPECT_TRUE(marker.body->empty());
    EXPECT_EQ(marker.attributes[HttpField::content_type], "application/x-directory");
    EXPECT_THAT(list("dir/"), ElementsAre("user.x"));
    EXPECT_EQ(set("dir/", "user.y", "2"), std::nullopt);
    EXPECT_EQ(stored("dir/").size(), 2U);
}

TEST_F(UpdateRules, a_marker_that_somebody_makes_first_is_updated) {
    put("dir/file");
    store.before(StoreCall::put, [&] {
        ASSERT_TRUE(put_object(raw, "dir/", "", {.user = {{"theirs", "1"}}}));
    });
    EXPECT_EQ(set("dir/", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(stored("dir/"), (UserMetadata{{"theirs", "1"}, {"mine", "1"}}));
}

// ---- 13. objects that cannot be changed
// ---------------------------------------------------------------------

TEST_F(UpdateRules, an_immutable_object_says_why) {
    put("a");
    raw.bucket()->alter(ObjectKey("a"), [](MemoryVersion& v) { v.immutable = true; });
    EXPECT_EQ(set("a", "user.x", "1"), ErrorKind::not_permitted);
}

}  // namespace

// ---- 3. versioned buckets
// --------------------------------------------------------------------------------------

class VersionedRules : public EngineFixture {
  protected:
    static MemoryService versioned() {
        MemoryService service = MemoryService::oss();
        service.versioning = "Enabled";
        service.copy_conditions = false;  // nothing but the version tells
        return service;
    }
    VersionedRules() : EngineFixture(versioned()) {}
};

TEST_F(VersionedRules, a_version_that_came_in_between_is_merged_from_the_history) {
    put("a", {.user = {{"x", "1"}}});
    store.before(StoreCall::copy, [&] {
        ASSERT_TRUE(put_object(raw, "a", "new body", {.user = {{"theirs", "1"}}}));
    });
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(*raw.bucket()->peek(ObjectKey("a"))->body, "new body");
    EXPECT_EQ(stored("a"), (UserMetadata{{"theirs", "1"}, {"mine", "1"}}));
}

}  // namespace xbucket::testing
