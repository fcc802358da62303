// SPDX-FileCopyrightText: the xbucket authors
// user.object.versions: what a bucket keeps of an object, one JSON object a line.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class ObjectVersions : public EngineFixture {
  protected:
    static MemoryService versioned() {
        MemoryService service = MemoryService::oss();
        service.versioning = "Enabled";
        return service;
    }
    ObjectVersions() : EngineFixture(versioned()) {}

    std::vector<std::string> lines(const std::string& key) {
        std::string text = get(key, "user.object.versions").value_or("");
        std::vector<std::string> out;
        while (!text.empty()) {
            out.push_back(text.substr(0, text.find('\n')));
            text.erase(0, out.back().size() + 1);
        }
        return out;
    }
};

TEST_F(ObjectVersions, are_one_line_each_from_the_newest) {
    put("a", {}, "one");
    ASSERT_TRUE(raw.remove(ObjectKey("a")));
    put("a", {.storage_class = "IA"}, "three");
    const auto versions = lines("a");
    ASSERT_EQ(versions.size(), 3U);
    const std::string id = raw.bucket()->peek(ObjectKey("a"))->id.str();
    const std::string etag = raw.bucket()->peek(ObjectKey("a"))->etag.str();
    EXPECT_THAT(versions[0], HasSubstr(R"({"version_id":")" + id + R"(","latest":true,)"));
    EXPECT_THAT(versions[0],
                HasSubstr(R"("size":5,"etag":")" + etag + R"(","storage_class":"IA"})"));
    EXPECT_THAT(versions[1],
                MatchesRegex(R"re(\{"version_id":"[^"]+","latest":false,)re"
                             R"re("delete_marker":true,"last_modified":"[-0-9T:.Z]+"\})re"));
    EXPECT_THAT(versions[2], HasSubstr(R"("latest":false,"delete_marker":false,)"));
    EXPECT_THAT(versions[2], HasSubstr(R"("size":3,)"));
    EXPECT_EQ(set("a", "user.object.versions", "x"), ErrorKind::not_permitted);
    EXPECT_EQ(set("a", "user.object.versions", std::nullopt), ErrorKind::not_permitted);
    EXPECT_THAT(list("a"), Not(::testing::Contains("user.object.versions")));
}

TEST_F(ObjectVersions, a_size_query_and_the_read_behind_it_are_one_request) {
    put("a");
    EXPECT_EQ(get("a", "user.object.versions"), get("a", "user.object.versions"));
    EXPECT_EQ(raw.count(StoreCall::list_versions), 1U);
    EXPECT_EQ(raw.count(StoreCall::versioning), 0U) << "a version's id says it";
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(lines("a").size(), 2U) << "an own change is seen at once";
    put("a");
    clock.advance(seconds(3));
    EXPECT_EQ(lines("a").size(), 3U);
}

TEST_F(ObjectVersions, more_than_an_attribute_can_hold_ends_with_a_line_that_says_so) {
    for (int i = 0; i < 600; ++i) ASSERT_TRUE(put_object(raw, "a", "body"));
    const auto text = get("a", "user.object.versions");
    ASSERT_TRUE(text);
    EXPECT_LE(text->size(), 65536U);
    EXPECT_GT(text->size(), 60000U);
    EXPECT_TRUE(text->ends_with("}\n{\"more\":true}\n"));
    EXPECT_THAT(lines("a").front(), HasSubstr("\"latest\":true"));
}

class NoVersions : public EngineFixture {};

TEST_F(NoVersions, a_bucket_that_keeps_none_says_so) {
    put("a");
    const auto refused = engine->get_attribute(ObjectKey("a"), "user.object.versions");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
    EXPECT_THAT(refused.error().message, HasSubstr("keeps no versions"));
    EXPECT_EQ(engine->get_attribute(ObjectKey("dir/"), "user.object.versions").error().kind,
              ErrorKind::unsupported);
}

}  // namespace
}  // namespace xbucket::testing
