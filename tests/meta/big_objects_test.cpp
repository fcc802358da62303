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

}  // namespace
}  // namespace xbucket::testing
