// SPDX-FileCopyrightText: the xbucket authors
// CopyObject: what a metadata write keeps and drops (protocol.md 3).
#include "fixture.h"

#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

class CopyTest : public BothDialects {
  protected:
    // An object with everything that a copy can lose.
    void put_rich() {
        ASSERT_EQ(any()
                      .put("k", "content",
                           {{"Content-Type", "text/own"},
                            {"Cache-Control", "no-cache"},
                            {"Content-Disposition", "inline"},
                            {"Content-Encoding", "own"},
                            {"Content-Language", "de"},
                            {"Expires", "Thu, 01 Dec 2033 00:00:00 GMT"},
                            {meta("a"), "1"},
                            {meta("b"), "2"},
                            {ext("tagging"), "t=1&u=2"},
                            {is_oss() ? "x-oss-object-acl" : "x-amz-acl", "public-read"},
                            {ext("server-side-encryption"), "AES256"},
                            {ext("storage-class"), is_oss() ? "IA" : "STANDARD_IA"}})
                      .status,
                  200);
    }
    Answer copy(const std::string& from, const std::string& to, Headers headers = {}) {
        return any().copy(from, to, std::move(headers));
    }
    std::string acl(const std::string& key) {
        const Answer answer = any().get(key, {}, {{"acl", ""}});
        if (is_oss()) return answer.xml("Grant");
        return answer.body.find("AllUsers") == std::string::npos ? "private" : "public-read";
    }
    std::string default_acl() const { return is_oss() ? "default" : "private"; }
    Header replace() const { return {ext("metadata-directive"), "REPLACE"}; }
};
INSTANTIATE_TEST_SUITE_P(Dialects, CopyTest, ::testing::Values(Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(CopyTest, replace_onto_itself_drops_all_that_is_not_resent_and_keeps_etag_and_tags) {
    put_rich();
    const Answer before = any().head("k");
    clock_.advance(std::chrono::seconds(5));
    const Answer copied = copy("k", "k", {replace(), {meta("c"), "3"}});
    ASSERT_EQ(copied.status, 200) << copied.body;
    EXPECT_EQ(copied.xml("ETag"), before.header("ETag"));
    EXPECT_EQ(copied.xml("LastModified"), format_iso8601(clock_.wall_now()));
    const Answer after = any().head("k");
    EXPECT_EQ(after.header("ETag"), before.header("ETag"));
    EXPECT_EQ(after.header("Last-Modified"), format_http_date(clock_.wall_now()));
    EXPECT_EQ(after.header(meta("c")), "3");
    for (const std::string& lost :
         {meta("a"), meta("b"), std::string("Cache-Control"), std::string("Content-Disposition"),
          std::string("Content-Encoding"), std::string("Content-Language"), std::string("Expires"),
          ext("server-side-encryption")}) {
        EXPECT_FALSE(after.headers.has(lost)) << lost;
    }
    EXPECT_EQ(after.header("Content-Type"),
              is_oss() ? "application/octet-stream" : "binary/octet-stream");
    EXPECT_EQ(after.header(ext("storage-class")), is_oss() ? "Standard" : "");
    EXPECT_EQ(acl("k"), default_acl());
    EXPECT_EQ(after.header(ext("tagging-count")), "2");
    EXPECT_EQ(any().get("k").body, "content");
}

TEST_P(CopyTest, replace_keeps_what_is_resent) {
    put_rich();
    ASSERT_EQ(copy("k", "k",
                   {replace(),
                    {"Cache-Control", "no-cache"},
                    {"Content-Type", "text/own"},
                    {meta("a"), "1"},
                    {is_oss() ? "x-oss-object-acl" : "x-amz-acl", "public-read"},
                    {ext("server-side-encryption"), "AES256"},
                    {ext("storage-class"), is_oss() ? "IA" : "STANDARD_IA"}})
                  .status,
              200);
    const Answer after = any().head("k");
    EXPECT_EQ(after.header("Cache-Control"), "no-cache");
    EXPECT_EQ(after.header("Content-Type"), "text/own");
    EXPECT_EQ(after.header(meta("a")), "1");
    EXPECT_EQ(after.header(ext("server-side-encryption")), "AES256");
    EXPECT_EQ(after.header(ext("storage-class")), is_oss() ? "IA" : "STANDARD_IA");
    EXPECT_EQ(acl("k"), "public-read");
}

TEST_P(CopyTest, copy_to_another_key_takes_metadata_and_tags_but_not_acl_class_and_encryption) {
    put_rich();
    ASSERT_EQ(copy("k", "new/key \xc3\xa9", {{meta("ignored"), "x"}}).status, 200);
    const Answer after = any().head("new/key \xc3\xa9");
    EXPECT_EQ(after.header(meta("a")), "1");
    EXPECT_FALSE(after.headers.has(meta("ignored")));
    EXPECT_EQ(after.header("Cache-Control"), "no-cache");
    EXPECT_EQ(after.header("Content-Type"), "text/own");
    EXPECT_EQ(after.header(ext("tagging-count")), "2");
    EXPECT_FALSE(after.headers.has(ext("server-side-encryption")));
    EXPECT_EQ(after.header(ext("storage-class")), is_oss() ? "Standard" : "");
    EXPECT_EQ(acl("new/key \xc3\xa9"), default_acl());
    any().del("k");
    EXPECT_EQ(any().get("new/key \xc3\xa9").body, "content") << "the copy has bytes of its own";
}

TEST_P(CopyTest, tags_follow_their_own_directive) {
    put_rich();
    ASSERT_EQ(
        copy("k", "k", {replace(), {ext("tagging-directive"), "REPLACE"}, {ext("tagging"), "v=3"}})
            .status,
        200);
    EXPECT_EQ(any().head("k").header(ext("tagging-count")), "1");
    ASSERT_EQ(copy("k", "k2", {{ext("tagging-directive"), "REPLACE"}}).status, 200);
    EXPECT_FALSE(any().head("k2").headers.has(ext("tagging-count")));
}

TEST_F(LocalServerTest, oss_self_copy_with_COPY_wipes_metadata) {
    oss().put("k", "x", {{"x-oss-meta-a", "1"}, {"Cache-Control", "no-cache"}});
    ASSERT_EQ(oss().copy("k", "k").status, 200);
    EXPECT_FALSE(oss().head("k").headers.has("x-oss-meta-a"));
    EXPECT_FALSE(oss().head("k").headers.has("Cache-Control"));
}

TEST_F(LocalServerTest, s3_self_copy_without_a_change_is_400_InvalidRequest) {
    s3().put("k", "x", {{"x-amz-meta-a", "1"}});
    const Answer refused = s3().copy("k", "k");
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.code(), "InvalidRequest");
    ASSERT_EQ(s3().copy("k", "k", {{"x-amz-storage-class", "STANDARD_IA"}}).status, 200);
    EXPECT_EQ(s3().head("k").header("x-amz-meta-a"), "1") << "COPY keeps metadata";
    EXPECT_EQ(s3().head("k").header("x-amz-storage-class"), "STANDARD_IA");
}

TEST_P(CopyTest, source_conditions_hold_at_one_second_resolution) {
    clock_.advance(std::chrono::milliseconds(700));
    const std::string etag = any().put("k", "x").header("ETag");
    const auto when = clock_.wall_now();
    const std::string then = format_http_date(when);
    const std::string before = format_http_date(when - std::chrono::seconds(1));
    const auto with = [&](const std::string& condition, const std::string& value) {
        return copy("k", "to", {{ext("copy-source-if-" + condition), value}}).status;
    };
    const int not_changed = is_oss() ? 304 : 412;
    EXPECT_EQ(with("match", etag), 200);
    EXPECT_EQ(with("match", "\"00\""), 412);
    EXPECT_EQ(with("none-match", "\"00\""), 200);
    EXPECT_EQ(with("none-match", etag), not_changed);
    EXPECT_EQ(with("unmodified-since", then), 200) << "the same second";
    EXPECT_EQ(with("unmodified-since", before), 412);
    EXPECT_EQ(with("modified-since", before), 200);
    EXPECT_EQ(with("modified-since", then), not_changed);
    EXPECT_EQ(with("unmodified-since", format_iso8601(when)), 200) << "ISO 8601 is taken as well";
}

TEST_P(CopyTest, both_time_conditions_together_mean_equal) {
    any().put("k", "x");
    const auto when = clock_.wall_now();
    const Headers equal{
        {ext("copy-source-if-unmodified-since"), format_http_date(when)},
        {ext("copy-source-if-modified-since"), format_http_date(when - std::chrono::seconds(1))}};
    EXPECT_EQ(copy("k", "to", equal).status, 200);
    clock_.advance(std::chrono::seconds(1));
    any().put("k", "y");
    EXPECT_EQ(copy("k", "to", equal).status, 412);
}

TEST_F(LocalServerTest, s3_if_match_true_with_unmodified_since_false_copies_anyway) {
    const std::string etag = s3().put("k", "x").header("ETag");
    const std::string past = format_http_date(clock_.wall_now() - std::chrono::hours(1));
    EXPECT_EQ(s3().copy("k", "to",
                        {{"x-amz-copy-source-if-match", etag},
                         {"x-amz-copy-source-if-unmodified-since", past}})
                  .status,
              200);
    EXPECT_EQ(oss()
                  .copy("k", "to",
                        {{"x-oss-copy-source-if-match", etag},
                         {"x-oss-copy-source-if-unmodified-since", past}})
                  .status,
              412);
}

TEST_F(LocalServerTest, s3_destination_conditions_guard_a_copy_and_oss_has_forbid_overwrite) {
    const std::string etag = s3().put("k", "x").header("ETag");
    s3().put("to", "old");
    EXPECT_EQ(s3().copy("k", "to", {{"If-None-Match", "*"}}).status, 412);
    EXPECT_EQ(s3().copy("k", "to", {{"If-Match", etag}}).status, 412);
    EXPECT_EQ(
        s3().copy("k", "k", {{"If-Match", etag}, {"x-amz-metadata-directive", "REPLACE"}}).status,
        200);
    EXPECT_EQ(oss().copy("k", "to", {{"x-oss-forbid-overwrite", "true"}}).code(),
              "FileAlreadyExists");
    EXPECT_EQ(oss().copy("k", "to", {{"If-Match", etag}}).code(), "NotImplemented");
    EXPECT_EQ(s3().get("to").body, "old");
}

TEST_P(CopyTest, copy_source_may_escape_its_slashes_and_omit_the_first) {
    any().put("dir/a b+%.txt", "x");
    for (const char* source : {"/bkt/dir%2Fa%20b%2B%25.txt", "bkt/dir/a%20b%2B%25.txt",
                               "%2Fbkt%2Fdir%2Fa%20b%2B%25.txt"}) {
        Headers headers{{ext("copy-source"), source}};
        EXPECT_EQ(any().send({.method = "PUT", .key = "to", .headers = headers}).status, 200)
            << source;
    }
    for (const char* bad : {"", "/", "/bkt", "/bkt/", "%zz/a"}) {
        Headers headers{{ext("copy-source"), bad}};
        EXPECT_EQ(any().send({.method = "PUT", .key = "to", .headers = headers}).code(),
                  "InvalidArgument")
            << bad;
    }
    EXPECT_EQ(copy("none", "to").code(), "NoSuchKey");
}

TEST_P(CopyTest, metadata_over_the_limit_is_refused_and_leaves_the_object_as_it_was) {
    any().put("k", "x", {{meta("a"), "1"}});
    Headers headers{replace()};
    for (int i = 0; i < 9; ++i) {
        headers.add(meta("big" + std::to_string(i)), std::string(is_oss() ? 950 : 300, 'v'));
    }
    const Answer refused = copy("k", "k", headers);
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.code(), "MetadataTooLarge");
    EXPECT_EQ(any().head("k").header(meta("a")), "1");
}

}  // namespace
}  // namespace xbucket::testing
