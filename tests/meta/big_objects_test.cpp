// SPDX-FileCopyrightText: the xbucket authors
// Objects above the service's limit for one copy (DESIGN 3.7 and 3.12; S5 in
// xbucket-attributes(7)). The limit is lowered so that a few bytes are too many.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using ::testing::HasSubstr;

MemoryService with_small_copies(MemoryService service) {
    service.traits.copy_bytes_max = 3;  // the fixture's objects have four bytes
    return service;
}

MemoryService without_if_match(MemoryService service) {
    service.traits.copy_conditions_known = false;
    service.traits.destination_conditions = false;
    return service;
}

const ObjectAttributes kTagged{.user = {{"x", "1"}}, .tags = Tags{{"Owner", "me"}}};

class BigObjects : public EngineFixture {
  protected:
    BigObjects() : EngineFixture(with_small_copies(MemoryService::s3())) {}
};

TEST_F(BigObjects, where_if_match_guards_the_end_metadata_is_changed_and_nothing_else) {
    put("a", kTagged);
    ASSERT_TRUE(raw.put_acl(ObjectKey("a"), "public-read"));
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"y", "2"}}));
    const auto now = *raw.bucket()->peek(ObjectKey("a"));
    EXPECT_EQ(*now.body, "body");
    EXPECT_EQ(now.attributes.acl, "public-read");
    EXPECT_EQ(now.attributes.tags, (Tags{{"Owner", "me"}}));
}

TEST_F(BigObjects, an_etag_of_parts_is_no_content_that_others_put_there) {
    put("a", kTagged);
    const ETag before = raw.bucket()->peek(ObjectKey("a"))->etag;
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    const auto stat = engine->stat(ObjectKey("a"), Freshness::cached);
    EXPECT_NE(stat->etag, before);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"content_replaced\":0"));
    EXPECT_EQ(raw.count(StoreCall::head), 1U) << "there is nothing to be looked at";
    EXPECT_EQ(set("a", "user.z", "3"), std::nullopt) << "a run goes on";
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
}

// As where the bucket encrypts by default: the ETag of the copy is not the source's.
TEST_F(BigObjects, a_rename_copies_once_where_the_copy_gets_an_etag_of_its_own) {
    put("a", kTagged);
    store.fail(StoreCall::copy, Error(ErrorKind::internal, "a second copy")).nth(2);
    const auto turn = engine->order().acquire(ObjectKey("a"), ObjectKey("b"));
    ASSERT_TRUE(engine->rename(ObjectKey("a"), ObjectKey("b"), false));
    EXPECT_EQ(*raw.bucket()->peek(ObjectKey("b"))->body, "body");
    EXPECT_EQ(stored("b"), (UserMetadata{{"x", "1"}}));
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("a")));
}

class BigObjectsSuspended : public EngineFixture {
  protected:
    static MemoryService suspended() {
        MemoryService service = with_small_copies(MemoryService::oss());
        service.versioning = "Suspended";
        return service;
    }
    BigObjectsSuspended() : EngineFixture(suspended()) {}
};

// protocol.md 3.5: the copy overwrites the version "null".
TEST_F(BigObjectsSuspended, versions_that_are_not_kept_any_more_guard_nothing) {
    put("a", kTagged);
    EXPECT_EQ(set("a", "user.y", "2"), ErrorKind::file_too_large);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}}));
}

class KmsByDefault : public EngineFixture {
  protected:
    static MemoryService encrypting() {
        MemoryService service = MemoryService::s3();
        service.default_encryption = "aws:kms";
        return service;
    }
    KmsByDefault() : EngineFixture(encrypting()) {}
};

TEST_F(KmsByDefault, an_etag_of_an_encrypted_copy_is_no_content_that_others_put_there) {
    put("a", {.user = {{"x", "1"}}});
    const ETag before = raw.bucket()->peek(ObjectKey("a"))->etag;
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    const auto stat = engine->stat(ObjectKey("a"), Freshness::cached);
    EXPECT_NE(stat->etag, before);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"content_replaced\":0"));
    const size_t heads = raw.count(StoreCall::head);
    EXPECT_EQ(set("a", "user.z", "3"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::head), heads) << "it is known to be encrypted";
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"y", "2"}, {"z", "3"}}));
}

TEST_F(KmsByDefault, content_that_others_did_put_there_is_seen) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    ASSERT_TRUE(put_object(raw, "a", "other bytes"));
    EXPECT_EQ(set("a", "user.z", "3"), std::nullopt);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached)->size, 11U);
}

class BigObjectsUnguarded : public EngineFixture {
  protected:
    BigObjectsUnguarded()
        : EngineFixture(without_if_match(with_small_copies(MemoryService::s3()))) {}
};

TEST_F(BigObjectsUnguarded, metadata_cannot_be_changed_unless_bigcopy_says_so) {
    put("a", kTagged);
    EXPECT_EQ(set("a", "user.y", "2"), ErrorKind::file_too_large);
    EXPECT_THAT(last_error.message, HasSubstr("-o bigcopy"));
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}}));
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);

    config.big_copies = true;
    remount();
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"y", "2"}}));
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("a"))->attributes.tags, (Tags{{"Owner", "me"}}));
}

TEST_F(BigObjectsUnguarded, tags_of_a_big_object_need_no_copy_and_no_option) {
    put("a", kTagged);
    EXPECT_EQ(set("a", "user.tag.project", "demo"), std::nullopt);
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("a"))->attributes.tags,
              (Tags{{"Owner", "me"}, {"project", "demo"}}));
}

MemoryService ignoring_conditions(MemoryService service) {
    service.copy_conditions = false;
    return without_if_match(std::move(service));
}

// The store judges the guard of a copy in parts, so that a refusal proves nothing.
class BigObjectsOfAnUnknownService : public EngineFixture {
  protected:
    BigObjectsOfAnUnknownService()
        : EngineFixture(ignoring_conditions(with_small_copies(MemoryService::s3()))) {}
    void expect_real_guards() {
        for (const LoggedRequest& request : raw.log())
            if (request.copy) {
                EXPECT_GE(*request.copy->guard.source_unmodified_since,
                          clock.wall_now() - std::chrono::seconds(60));
            }
    }
};

TEST_F(BigObjectsOfAnUnknownService, a_copy_in_parts_teaches_nothing_of_conditions) {
    config.big_copies = true;
    remount();
    put("a", kTagged);
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    expect_real_guards();
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"copy_conditions\":\"unknown\""));
    put("b", {}, "b");
    EXPECT_EQ(set("b", "user.y", "2"), std::nullopt);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"copy_conditions\":\"ignored\""));
}

TEST_F(BigObjectsOfAnUnknownService, nor_does_one_that_the_service_would_not_make_at_once) {
    put("a", {}, "a");
    store.fail(StoreCall::copy, Error(ErrorKind::precondition_failed, "judged by the store"));
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(stored("a").at("y"), "2");
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    expect_real_guards();
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"copy_conditions\":\"unknown\""));
}

}  // namespace
}  // namespace xbucket::testing
