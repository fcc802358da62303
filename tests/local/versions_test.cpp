// SPDX-FileCopyrightText: the xbucket authors
// Buckets with versioning: every write a version, deletes leave markers, copies make versions.
#include "fixture.h"

#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

class VersionsTest : public BothDialects {
  protected:
    void SetUp() override {
        BothDialects::SetUp();
        set_versioning("Enabled");
    }
    void set_versioning(const std::string& status) {
        ASSERT_EQ(any()
                      .send({.method = "PUT",
                             .query = {{"versioning", ""}},
                             .body = "<VersioningConfiguration><Status>" + status +
                                     "</Status></VersioningConfiguration>"})
                      .status,
                  200);
    }
    std::string put(const std::string& key, const std::string& body, Headers headers = {}) {
        return any().put(key, body, std::move(headers)).header(ext("version-id"));
    }
    Answer get(const std::string& key, const std::string& version) {
        return any().get(key, {}, {{"versionId", version}});
    }
    size_t count(const std::string& what) {
        const std::string body = any().list({{"versions", ""}}).body;
        size_t n = 0;
        for (size_t at = body.find(what); at != std::string::npos; at = body.find(what, at + 1)) {
            ++n;
        }
        return n;
    }
};
INSTANTIATE_TEST_SUITE_P(Dialects, VersionsTest, ::testing::Values(Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(VersionsTest, every_write_is_a_version_that_can_be_read) {
    const std::string one = put("k", "one", {{meta("n"), "1"}});
    const std::string two = put("k", "two", {{meta("n"), "2"}});
    ASSERT_NE(one, "");
    ASSERT_NE(one, two);
    EXPECT_EQ(any().get("k").body, "two");
    EXPECT_EQ(any().head("k").header(ext("version-id")), two);
    EXPECT_EQ(get("k", one).body, "one");
    EXPECT_EQ(any().head("k", {}, {{"versionId", one}}).header(meta("n")), "1");
    EXPECT_EQ(get("k", "nonsense").code(), "NoSuchVersion");
    EXPECT_EQ(count("<Version>"), 2U);
}

TEST_P(VersionsTest, a_delete_leaves_a_marker_and_removing_it_brings_the_object_back) {
    const std::string one = put("k", "one");
    const Answer deleted = any().del("k");
    EXPECT_EQ(deleted.status, 204);
    EXPECT_EQ(deleted.header(ext("delete-marker")), "true");
    const std::string marker = deleted.header(ext("version-id"));
    const Answer gone = any().head("k");
    EXPECT_EQ(gone.status, 404);
    EXPECT_EQ(gone.header(ext("delete-marker")), "true");
    EXPECT_EQ(any().list({}).body.find("<Contents>"), std::string::npos);
    EXPECT_EQ(count("<DeleteMarker>"), 1U);
    EXPECT_EQ(get("k", marker).status, 405);
    EXPECT_EQ(get("k", one).body, "one");
    EXPECT_EQ(any().del("k", {}, {{"versionId", marker}}).status, 204);
    EXPECT_EQ(any().get("k").body, "one");
}

TEST_P(VersionsTest, removing_the_current_version_makes_the_older_one_current) {
    const std::string one = put("k", "one");
    const std::string two = put("k", "two");
    EXPECT_EQ(any().del("k", {}, {{"versionId", two}}).status, 204);
    EXPECT_EQ(any().get("k").body, "one");
    EXPECT_EQ(any().del("k", {}, {{"versionId", one}}).status, 204);
    EXPECT_EQ(any().get("k").code(), "NoSuchKey");
    EXPECT_EQ(count("<Version>"), 0U);
}

TEST_P(VersionsTest, a_copy_in_place_makes_a_version_and_names_its_source) {
    const std::string one = put("k", "one", {{meta("n"), "1"}});
    const Answer copied =
        any().copy("k", "k", {{ext("metadata-directive"), "REPLACE"}, {meta("n"), "2"}});
    ASSERT_EQ(copied.status, 200) << copied.body;
    EXPECT_EQ(copied.header(ext("copy-source-version-id")), one);
    const std::string two = copied.header(ext("version-id"));
    EXPECT_NE(two, one);
    EXPECT_EQ(any().head("k").header(meta("n")), "2");
    EXPECT_EQ(any().head("k", {}, {{"versionId", one}}).header(meta("n")), "1");
    // Each has bytes of its own.
    any().del("k", {}, {{"versionId", one}});
    EXPECT_EQ(any().get("k").body, "one");
    Headers old{{ext("copy-source"), "/bkt/k?versionId=" + two}};
    EXPECT_EQ(any().send({.method = "PUT", .key = "to", .headers = old}).status, 200);
    EXPECT_EQ(any().get("to").body, "one");
}

TEST_P(VersionsTest, what_was_there_before_is_the_null_version_and_suspending_writes_it) {
    Client& c = any();
    ASSERT_TRUE(server_->make_bucket("other"));
    const auto send = [&](const std::string& method, const std::string& body,
                          QueryParameters query = {}) {
        return c.send({.method = method,
                       .bucket = "other",
                       .key = "k",
                       .query = std::move(query),
                       .body = body});
    };
    const auto versioning = [&](const std::string& status) {
        c.send({.method = "PUT",
                .bucket = "other",
                .query = {{"versioning", ""}},
                .body = "<VersioningConfiguration><Status>" + status +
                        "</Status></VersioningConfiguration>"});
    };
    send("PUT", "before");
    versioning("Enabled");
    const std::string one = send("PUT", "one").header(ext("version-id"));
    EXPECT_EQ(send("GET", "", {{"versionId", "null"}}).body, "before");
    versioning("Suspended");
    EXPECT_EQ(send("PUT", "suspended").header(ext("version-id")), "null");
    EXPECT_EQ(send("GET", "").body, "suspended");
    EXPECT_EQ(send("GET", "", {{"versionId", "null"}}).body, "suspended") << "it was replaced";
    EXPECT_EQ(send("GET", "", {{"versionId", one}}).body, "one");
    EXPECT_EQ(send("DELETE", "").header(ext("delete-marker")), "true");
    EXPECT_EQ(send("GET", "").status, 404);
    EXPECT_EQ(send("GET", "", {{"versionId", one}}).body, "one");
}

TEST_P(VersionsTest, versions_are_listed_newest_first_in_pages) {
    std::vector<std::string> expected;
    for (const char* key : {"a", "b"}) {
        std::vector<std::string> of_key;
        for (int i = 0; i < 3; ++i) of_key.push_back(put(key, std::to_string(i)));
        expected.insert(expected.end(), of_key.rbegin(), of_key.rend());
    }
    std::vector<std::string> got;
    QueryParameters next;
    for (int page = 0; page < 10; ++page) {
        QueryParameters query{{"versions", ""}, {"max-keys", "2"}};
        query.insert(query.end(), next.begin(), next.end());
        const Answer a = any().list(query);
        const std::string open = "<VersionId>";
        for (size_t at = a.body.find(open); at != std::string::npos; at = a.body.find(open, at)) {
            at += open.size();
            got.push_back(a.body.substr(at, a.body.find('<', at) - at));
        }
        if (a.xml("IsTruncated") == "false") break;
        next = {{"key-marker", a.xml("NextKeyMarker")},
                {"version-id-marker", a.xml("NextVersionIdMarker")}};
    }
    EXPECT_EQ(got, expected);
}

TEST_P(VersionsTest, a_version_that_is_deleted_between_two_pages_hides_none_behind_it) {
    std::vector<std::string> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(put("k", std::to_string(i)));
    const QueryParameters two{{"versions", ""}, {"max-keys", "2"}};
    const Answer first = any().list(two);
    ASSERT_EQ(first.xml("NextVersionIdMarker"), ids[2]);
    ASSERT_EQ(any().del("k", {}, {{"versionId", ids[2]}}).status, 204);
    QueryParameters next = two;
    next.push_back({"key-marker", "k"});
    next.push_back({"version-id-marker", ids[2]});
    const Answer second = any().list(next);
    EXPECT_EQ(second.body.find(ids[3]), std::string::npos);
    EXPECT_NE(second.body.find(ids[1]), std::string::npos);
    EXPECT_NE(second.body.find(ids[0]), std::string::npos);
}

TEST_P(VersionsTest, the_null_version_ends_a_page_like_any_other) {
    const std::string old = put("k", "old");
    set_versioning("Suspended");
    put("k", "null");
    set_versioning("Enabled");
    const std::string late = put("k", "late");
    const QueryParameters behind{
        {"versions", ""}, {"key-marker", "k"}, {"version-id-marker", "null"}};
    EXPECT_EQ(any().list(behind).xml("VersionId"), old);
    // Where it stood nobody can tell any more: all of the key comes again.
    ASSERT_EQ(any().del("k", {}, {{"versionId", "null"}}).status, 204);
    const Answer again = any().list(behind);
    EXPECT_EQ(again.xml("VersionId"), late);
    EXPECT_NE(again.body.find(old), std::string::npos);
}

TEST_P(VersionsTest, tags_and_acl_of_an_old_version_can_be_changed) {
    const std::string one = put("k", "one");
    put("k", "two");
    const std::string acl = is_oss() ? "x-oss-object-acl" : "x-amz-acl";
    ASSERT_EQ(any().put("k", "", {{acl, "public-read"}}, {{"acl", ""}, {"versionId", one}}).status,
              200);
    Client nobody = client(Scheme::anonymous);
    EXPECT_EQ(nobody.get("k", {}, {{"versionId", one}}).body, "one");
    EXPECT_EQ(nobody.get("k").status, 403);
    EXPECT_EQ(any().get("k").body, "two");
}

}  // namespace
}  // namespace xbucket::testing
