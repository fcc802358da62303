// SPDX-FileCopyrightText: the xbucket authors
// What HEAD does not tell, or not everybody: ACLs without a canned name, tags, locks; and what a
// copy of a restored object would archive again (S2, S3, S10, U10 in xbucket-attributes(7)).
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

MemoryService versioned(MemoryService service) {
    service.versioning = "Enabled";
    return service;
}

// ---- restored objects --------------------------------------------------------------------------

class Restored : public EngineFixture {
  protected:
    explicit Restored(MemoryService service) : EngineFixture(std::move(service)) {}
    void put_restored(const std::string& key, const std::string& storage_class) {
        put(key, {.user = {{"x", "1"}}, .storage_class = storage_class});
        ASSERT_TRUE(raw.restore(ObjectKey(key), 7, ""));
        clock.advance(std::chrono::hours(2));
        ASSERT_TRUE(read_object(raw, key));
        raw.clear_log();
    }
};

class RestoredOnS3 : public Restored {
  protected:
    RestoredOnS3() : Restored(MemoryService::s3()) {}
};

TEST_F(RestoredOnS3, a_change_that_would_archive_it_again_is_refused_and_says_what_to_do) {
    put_restored("a", "GLACIER");
    EXPECT_EQ(set("a", "user.y", "2"), ErrorKind::archived);
    EXPECT_THAT(last_error.message, HasSubstr("user.object.storage-class"));
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
    EXPECT_TRUE(read_object(raw, "a"));
    const auto renamed = rename("a", "b");
    ASSERT_FALSE(renamed);
    EXPECT_EQ(renamed.error().kind, ErrorKind::archived);
    EXPECT_TRUE(read_object(raw, "a"));
}

TEST_F(RestoredOnS3, a_change_that_sets_the_class_as_well_is_made) {
    put_restored("a", "DEEP_ARCHIVE");
    std::vector<AttrChange> changes(2);
    changes[0].name = AttrName::parse("user.y").value();
    changes[0].value = "2";
    changes[1].name = AttrName::parse("user.object.storage-class").value();
    changes[1].value = "STANDARD";
    ASSERT_TRUE(engine->change_attributes(ObjectKey("a"), changes));
    EXPECT_EQ(stored("a").at("y"), "2");
    EXPECT_TRUE(read_object(raw, "a"));
    EXPECT_EQ(get("a", "user.object.restore"), std::nullopt);
    EXPECT_EQ(set("a", "user.y", "3"), std::nullopt);
}

TEST_F(RestoredOnS3, it_may_be_archived_deeper_where_that_is_asked_for) {
    put_restored("a", "GLACIER");
    EXPECT_EQ(set("a", "user.object.storage-class", "DEEP_ARCHIVE"), std::nullopt);
    EXPECT_EQ(get("a", "user.object.restore"), std::nullopt);
}

class RestoredOnOss : public Restored {
  protected:
    RestoredOnOss() : Restored(MemoryService::oss()) {}
};

TEST_F(RestoredOnOss, a_change_in_place_leaves_it_restored_and_a_rename_is_refused) {
    put_restored("a", "Archive");
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_TRUE(read_object(raw, "a"));
    EXPECT_EQ(set("a", "user.y", "3"), std::nullopt);
    const auto renamed = rename("a", "b");
    ASSERT_FALSE(renamed);
    EXPECT_EQ(renamed.error().kind, ErrorKind::archived);
    EXPECT_TRUE(read_object(raw, "a"));
}

class RestoredVersion : public Restored {
  protected:
    RestoredVersion() : Restored(versioned(MemoryService::oss())) {}
};

TEST_F(RestoredVersion, a_new_version_would_be_archived_and_is_not_made) {
    put_restored("a", "Archive");
    EXPECT_EQ(set("a", "user.y", "2"), ErrorKind::archived);
    EXPECT_TRUE(read_object(raw, "a"));
    EXPECT_EQ(raw.bucket()->versions(ObjectKey("a")).size(), 1U);
}

class Archived : public EngineFixture {
  protected:
    Archived() : EngineFixture(MemoryService::s3()) {}
};

TEST_F(Archived, new_content_goes_into_the_class_that_the_object_had) {
    put("a", {.storage_class = "GLACIER"});
    const UploadPlan plan = engine->plan_upload(ObjectKey("a"), {}).value();
    EXPECT_EQ(plan.attributes.storage_class, "GLACIER");
    const auto reply = put_object(raw, "a", "new", plan.attributes).value();
    ASSERT_TRUE(engine->finish_upload(ObjectKey("a"), plan, reply, 3).result());
    EXPECT_EQ(read_object(raw, "a").error().kind, ErrorKind::archived);
    EXPECT_EQ(set("a", "user.x", "1"), ErrorKind::archived);
}

class Tiering : public EngineFixture {
  protected:
    Tiering() : EngineFixture(MemoryService::s3()) {}
};

TEST_F(Tiering, what_comes_back_to_stay_is_restored_without_days) {
    put("a", {.storage_class = "INTELLIGENT_TIERING"});
    EXPECT_EQ(set("a", "user.object.restore", "3:Standard"), std::nullopt);
    put("b", {.storage_class = "GLACIER"});
    EXPECT_EQ(set("b", "user.object.restore", "3:Standard"), std::nullopt);
    EXPECT_NE(get("b", "user.object.restore"), std::nullopt);
}

// ---- grants ------------------------------------------------------------------------------------

class Grants : public EngineFixture {
  protected:
    Grants() : EngineFixture(MemoryService::s3()) {}
};

TEST_F(Grants, that_no_canned_name_describes_survive_changes_renames_and_uploads) {
    const std::string grants = R"(full-control=id="bucket-owner",id="me";read=id="other")";
    put("a", {.user = {{"x", "1"}}, .acl = grants});
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(raw.get_acl(ObjectKey("a")).value(), grants);
    EXPECT_EQ(get("a", "user.object.acl"), grants);
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(raw.get_acl(ObjectKey("b")).value(), grants);
    EXPECT_EQ(engine->plan_upload(ObjectKey("b"), {}).value().attributes.acl, grants);
}

// ---- tags --------------------------------------------------------------------------------------

class HiddenTags : public EngineFixture {
  protected:
    static MemoryService service() {
        MemoryService s3 = MemoryService::s3();
        s3.tag_count_told = false;
        return s3;
    }
    HiddenTags() : EngineFixture(service()) {}
    void hide() { store.fail(StoreCall::get_tags, Error(ErrorKind::access_denied, "no")).always(); }
    Result<UploadPlan> plan(const std::string& key) {
        const auto turn = engine->order().acquire(ObjectKey(key));
        return engine->plan_upload(ObjectKey(key), {});
    }
};

TEST_F(HiddenTags, strict_mounts_refuse_to_replace_an_object_whose_tags_cannot_be_read) {
    put("a", {.tags = Tags{{"Owner", "me"}}});
    hide();
    config.preserve = PreservePolicy::strict;
    remount();
    for (int i = 0; i < 2; ++i) {
        const auto planned = plan("a");
        ASSERT_FALSE(planned);
        EXPECT_EQ(planned.error().kind, ErrorKind::access_denied);
        EXPECT_EQ(rename("a", "b").error().kind, ErrorKind::access_denied);
    }
}

TEST_F(HiddenTags, others_carry_on_and_ask_no_more) {
    put("a");
    put("b");
    hide();
    EXPECT_TRUE(plan("a"));
    EXPECT_TRUE(plan("b"));
    EXPECT_TRUE(plan("a"));
    EXPECT_EQ(store.count(StoreCall::get_tags), 1U);
}

TEST_F(HiddenTags, whether_they_can_be_read_is_asked_once_of_the_first_object_without_a_count) {
    for (const char* key : {"a", "b", "c"}) {
        put(key);
        EXPECT_TRUE(plan(key));
    }
    EXPECT_EQ(store.count(StoreCall::get_tags), 1U);
}

TEST_F(HiddenTags, a_service_that_tells_no_counts_is_asked_for_every_object) {
    for (const char* key : {"a", "b", "c"}) {
        put(key, {.tags = Tags{{"Owner", "me"}}});
        EXPECT_EQ(plan(key)->attributes.tags, (Tags{{"Owner", "me"}})) << key;
    }
}

class TagCounts : public EngineFixture {
  protected:
    TagCounts() : EngineFixture(MemoryService::s3()) {}
};

TEST_F(TagCounts, that_are_told_say_that_tags_can_be_read) {
    put("tagged", {.tags = Tags{{"Owner", "me"}}});
    put("plain");
    ASSERT_TRUE(engine->plan_upload(ObjectKey("tagged"), {}));
    ASSERT_TRUE(engine->plan_upload(ObjectKey("plain"), {}));
    EXPECT_EQ(store.count(StoreCall::get_tags), 1U);
}

// ---- locks -------------------------------------------------------------------------------------

const ObjectLock kHeld{
    .mode = "GOVERNANCE", .retain_until = "2040-01-01T00:00:00.000Z", .legal_hold = "ON"};

class Locks : public EngineFixture {
  protected:
    explicit Locks(MemoryService service) : EngineFixture(versioned(std::move(service))) {}
    void put_locked(const std::string& key) {
        put(key, {.user = {{"x", "1"}}});
        raw.bucket()->alter(ObjectKey(key), [](MemoryVersion& v) { v.attributes.lock = kHeld; });
    }
    ObjectLock lock_of(const std::string& key) {
        return raw.bucket()->peek(ObjectKey(key))->attributes.lock;
    }
};

class HiddenLocks : public Locks {
  protected:
    static MemoryService service() {
        MemoryService s3 = MemoryService::s3();
        s3.locks_hidden = true;
        return s3;
    }
    HiddenLocks() : Locks(service()) {}
};

TEST_F(HiddenLocks, that_head_does_not_tell_are_asked_for_and_kept) {
    put_locked("a");
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(lock_of("a"), kHeld);
    EXPECT_EQ(set("a", "user.y", "3"), std::nullopt) << "in a run";
    EXPECT_EQ(lock_of("a"), kHeld);
    clock.advance(seconds(20));
    EXPECT_EQ(engine->plan_upload(ObjectKey("a"), {}).value().attributes.lock, kHeld);
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(lock_of("b"), kHeld);
}

class UnreadableLocks : public Locks {
  protected:
    static MemoryService service() {
        MemoryService s3 = MemoryService::s3();
        s3.locks_hidden = true;
        s3.locks_readable = false;
        return s3;
    }
    UnreadableLocks() : Locks(service()) {}
};

TEST_F(UnreadableLocks, fail_strict_mounts_and_others_carry_on) {
    put_locked("a");
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    config.preserve = PreservePolicy::strict;
    remount();
    put_locked("b");
    EXPECT_EQ(set("b", "user.y", "2"), ErrorKind::access_denied);
    EXPECT_EQ(lock_of("b"), kHeld);
    EXPECT_EQ(rename("b", "c").error().kind, ErrorKind::access_denied);
    EXPECT_EQ(engine->plan_upload(ObjectKey("b"), {}).error().kind, ErrorKind::access_denied);
}

class NoBucketLock : public Locks {
  protected:
    static MemoryService service() {
        MemoryService s3 = MemoryService::s3();
        s3.bucket_locks = false;
        return s3;
    }
    NoBucketLock() : Locks(service()) {}
};

TEST_F(NoBucketLock, costs_no_request_for_an_object) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::get_lock), 0U);
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
    EXPECT_EQ(raw.count(StoreCall::copy), 2U);
}

class WormOnOss : public Locks {
  protected:
    WormOnOss() : Locks(MemoryService::oss()) {}
};

TEST_F(WormOnOss, locks_go_along_and_are_looked_for_until_they_were_seen_to_stay) {
    put_locked("a");
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(lock_of("a"), kHeld);
    EXPECT_EQ(raw.count(StoreCall::head), 2U);
    raw.clear_log();
    clock.advance(seconds(20));
    EXPECT_EQ(set("a", "user.y", "3"), std::nullopt);
    EXPECT_EQ(lock_of("a"), kHeld);
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
    EXPECT_EQ(raw.count(StoreCall::put_lock), 0U);
}

class LocksDropped : public Locks {
  protected:
    static MemoryService service() {
        MemoryService oss = MemoryService::oss();
        oss.locks_ride_along = false;
        return oss;
    }
    LocksDropped() : Locks(service()) {}
};

TEST_F(LocksDropped, by_copies_and_uploads_are_put_back_on_what_was_made) {
    put_locked("a");
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(lock_of("a"), kHeld);
    EXPECT_EQ(stored("a").at("y"), "2");
    clock.advance(seconds(20));
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(lock_of("b"), kHeld);
    clock.advance(seconds(20));
    const UploadPlan plan = engine->plan_upload(ObjectKey("b"), {}).value();
    const auto reply = put_object(raw, "b", "new", plan.attributes).value();
    ASSERT_TRUE(engine->finish_upload(ObjectKey("b"), plan, reply, 3).result());
    EXPECT_EQ(lock_of("b"), kHeld);
}

TEST_F(LocksDropped, that_cannot_be_put_back_fail_the_change_loudly) {
    put_locked("a");
    store.fail(StoreCall::put_lock, Error(ErrorKind::access_denied, "no")).always();
    EXPECT_EQ(set("a", "user.y", "2"), ErrorKind::access_denied);
    EXPECT_THAT(last_error.message, HasSubstr("lock"));
}

}  // namespace
}  // namespace xbucket::testing
