// SPDX-FileCopyrightText: the xbucket authors
// Tags, ACLs, archived classes, symlinks, appends, retention, CORS, deletion of many.
#include "fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

class PropertiesTest : public BothDialects {
  protected:
    Header md5_of(const std::string& body) { return {"Content-MD5", base64_encode(md5(body))}; }
    Answer put_xml(const std::string& key, const std::string& xml, QueryParameters query) {
        return any().put(key, xml, {md5_of(xml)}, std::move(query));
    }
};
INSTANTIATE_TEST_SUITE_P(Dialects, PropertiesTest, ::testing::Values(Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(PropertiesTest, tagging_replaces_the_set_and_leaves_last_modified_alone) {
    any().put("k", "x", {{ext("tagging"), "old=1"}});
    const std::string then = any().head("k").header("Last-Modified");
    clock_.advance(std::chrono::seconds(3));
    const std::string xml =
        "<Tagging><TagSet><Tag><Key>a b</Key><Value>1/2</Value></Tag>"
        "<Tag><Key>c</Key><Value></Value></Tag></TagSet></Tagging>";
    ASSERT_EQ(put_xml("k", xml, {{"tagging", ""}}).status, 200);
    const Answer tags = any().get("k", {}, {{"tagging", ""}});
    EXPECT_NE(tags.body.find("<Tag><Key>a b</Key><Value>1/2</Value></Tag><Tag><Key>c</Key>"
                             "<Value></Value></Tag>"),
              std::string::npos)
        << tags.body;
    EXPECT_EQ(any().head("k").header("Last-Modified"), then);
    EXPECT_EQ(any().head("k").header(ext("tagging-count")), "2");
    EXPECT_EQ(any().del("k", {}, {{"tagging", ""}}).status, 204);
    EXPECT_EQ(any().get("k", {}, {{"tagging", ""}}).body.find("<Tag>"), std::string::npos);
    EXPECT_EQ(any().get("k").body, "x");
}

TEST_P(PropertiesTest, tags_out_of_the_limits_are_refused) {
    const auto put = [&](const std::string& tags) {
        return any().put("k", "x", {{ext("tagging"), tags}});
    };
    std::string eleven;
    for (int i = 0; i < 11; ++i) eleven += "&k" + std::to_string(i) + "=v";
    EXPECT_EQ(put(eleven.substr(1)).code(), "InvalidTag");
    EXPECT_EQ(put(eleven.substr(eleven.find('&', 1) + 1)).status, 200);
    EXPECT_EQ(put("a=1&a=2").code(), "InvalidTag");
    EXPECT_EQ(put("=1").code(), "InvalidTag");
    EXPECT_EQ(put(std::string(129, 'k') + "=1").code(), "InvalidTag");
    EXPECT_EQ(put("k=" + std::string(257, 'v')).code(), "InvalidTag");
    EXPECT_EQ(put("k=%3Cx%3E").code(), "InvalidTag");
    EXPECT_EQ(put("aa=bb=cc").status, 400);
    EXPECT_EQ(put(std::string(128, 'k') + "=" + std::string(256, 'v')).status, 200);
}

TEST_F(LocalServerTest, s3_bodies_that_need_a_digest_are_refused_without_one) {
    s3().put("k", "x");
    EXPECT_EQ(s3().put("k", "<Tagging><TagSet/></Tagging>", {}, {{"tagging", ""}}).code(),
              "InvalidRequest");
    EXPECT_EQ(
        s3().post("", "<Delete><Object><Key>k</Key></Object></Delete>", {{"delete", ""}}).code(),
        "InvalidRequest");
}

TEST_F(LocalServerTest, acl_is_told_and_set_in_each_dialects_words) {
    oss().put("k", "x");
    const std::string then = oss().head("k").header("Last-Modified");
    EXPECT_EQ(oss().get("k", {}, {{"acl", ""}}).xml("Grant"), "default");
    clock_.advance(std::chrono::seconds(2));
    EXPECT_EQ(oss().put("k", "", {{"x-oss-object-acl", "public-read"}}, {{"acl", ""}}).status, 200);
    EXPECT_EQ(oss().get("k", {}, {{"acl", ""}}).xml("Grant"), "public-read");
    const Answer grants = s3().get("k", {}, {{"acl", ""}});
    EXPECT_NE(grants.body.find("groups/global/AllUsers</URI>"), std::string::npos);
    EXPECT_EQ(s3().put("k", "", {{"x-amz-acl", "private"}}, {{"acl", ""}}).status, 200);
    EXPECT_EQ(s3().put("k", grants.body, {}, {{"acl", ""}}).status, 200) << "grants as given";
    EXPECT_EQ(oss().get("k", {}, {{"acl", ""}}).xml("Grant"), "public-read");
    EXPECT_EQ(oss().put("k", "", {{"x-oss-object-acl", "nonsense"}}, {{"acl", ""}}).code(),
              "InvalidArgument");
    EXPECT_EQ(oss().head("k").header("Last-Modified"), then);
}

TEST_F(LocalServerTest, grants_that_no_canned_name_describes_are_kept_until_a_copy_without_them) {
    const std::string all = "http://acs.amazonaws.com/groups/global/AllUsers";
    const Headers grants = {{"x-amz-grant-full-control", "id=\"xbucket\", id=\"zoe\""},
                            {"x-amz-grant-read", "uri=\"" + all + "\""}};
    ASSERT_EQ(s3().put("k", "x", grants).status, 200);
    const auto granted = [&] { return s3().get("k", {}, {{"acl", ""}}).body; };
    EXPECT_NE(granted().find("<ID>zoe</ID>"), std::string::npos) << granted();
    EXPECT_NE(granted().find("<URI>" + all + "</URI>"), std::string::npos);
    EXPECT_EQ(oss().get("k", {}, {{"acl", ""}}).xml("Grant"), "public-read");
    const std::string policy = granted();
    ASSERT_EQ(s3().put("k", "", {{"x-amz-acl", "private"}}, {{"acl", ""}}).status, 200);
    EXPECT_EQ(granted().find("zoe"), std::string::npos);
    ASSERT_EQ(s3().put("k", policy, {}, {{"acl", ""}}).status, 200);
    EXPECT_EQ(granted(), policy);
    ASSERT_EQ(s3().copy("k", "k", {{"x-amz-metadata-directive", "REPLACE"}}).status, 200);
    EXPECT_EQ(granted().find("zoe"), std::string::npos) << "as S3 does";
    EXPECT_EQ(s3().put("k", "x", {{"x-amz-grant-read", "nobody"}}).code(), "InvalidArgument");
    EXPECT_EQ(
        s3().put("k", "x", {{"x-amz-grant-read", "id=\"a\""}, {"x-amz-acl", "private"}}).code(),
        "InvalidRequest");
}

TEST_F(LocalServerTest, a_copy_in_place_stays_restored_only_as_unversioned_metadata_of_oss) {
    oss().put("k", "cold", {{"x-oss-storage-class", "Archive"}});
    oss().post("k", "", {{"restore", ""}});
    ASSERT_EQ(oss().get("k").body, "cold");
    EXPECT_EQ(oss().copy("k", "k", {{"x-oss-storage-class", "Archive"}}).status, 200);
    EXPECT_EQ(oss().get("k").body, "cold");
    const Headers again = {{"x-amz-storage-class", "GLACIER"},
                           {"x-amz-metadata-directive", "REPLACE"}};
    EXPECT_EQ(s3().copy("k", "k", again).status, 200);
    EXPECT_EQ(s3().get("k").code(), "InvalidObjectState");
}

TEST_P(PropertiesTest, locks_are_told_in_each_dialects_words_and_taken_along) {
    const std::string word = is_oss() ? "object-worm-" : "object-lock-";
    const Headers lock = {{ext(word + "mode"), "COMPLIANCE"},
                          {ext(word + "retain-until-date"), "2040-01-01T00:00:00.000Z"},
                          {ext(word + "legal-hold"), "ON"}};
    ASSERT_EQ(any().put("k", "x", lock).status, 200);
    const Answer head = any().head("k");
    for (const HeaderView header : lock) EXPECT_EQ(head.header(header.name), header.value);
    EXPECT_NE(any().put("k", "y").status, 200);
}

TEST_P(PropertiesTest, archived_objects_are_read_and_copied_only_once_restored) {
    auto slow = config();
    slow.restore_takes = std::chrono::seconds(100);
    start(slow);
    any().put("k", "cold", {{ext("storage-class"), is_oss() ? "Archive" : "GLACIER"}});
    EXPECT_EQ(any().head("k").status, 200);
    EXPECT_FALSE(any().head("k").headers.has(ext("restore")));
    EXPECT_EQ(any().get("k").code(), "InvalidObjectState");
    EXPECT_EQ(any().copy("k", "to").code(), "InvalidObjectState");
    const std::string xml = "<RestoreRequest><Days>2</Days></RestoreRequest>";
    const auto restore = [&] { return any().post("k", xml, {{"restore", ""}}); };
    EXPECT_EQ(restore().status, 202);
    EXPECT_EQ(restore().code(), "RestoreAlreadyInProgress");
    EXPECT_EQ(any().head("k").header(ext("restore")), "ongoing-request=\"true\"");
    EXPECT_EQ(any().get("k").status, 403);
    clock_.advance(std::chrono::seconds(100));
    EXPECT_EQ(any().get("k").body, "cold");
    const auto until = clock_.wall_now() + std::chrono::hours(48);
    EXPECT_EQ(any().head("k").header(ext("restore")),
              "ongoing-request=\"false\", expiry-date=\"" + format_http_date(until) + "\"");
    EXPECT_EQ(restore().status, 200);
    EXPECT_EQ(any().copy("k", "to").status, 200);
    clock_.advance(std::chrono::hours(49));
    EXPECT_EQ(any().get("k").code(), "InvalidObjectState");
    EXPECT_EQ(any().get("to").body, "cold") << "the copy is in the standard class";
    any().put("warm", "x");
    EXPECT_EQ(any().post("warm", "", {{"restore", ""}}).code(),
              is_oss() ? "OperationNotSupported" : "InvalidObjectState");
}

TEST_F(LocalServerTest, symlink_gives_the_targets_data_and_its_own_metadata) {
    oss().put("dir/target \xc3\xa9", "data", {{"x-oss-meta-of", "target"}});
    clock_.advance(std::chrono::seconds(10));
    const Headers headers{{"x-oss-symlink-target", "dir%2Ftarget%20%C3%A9"},
                          {"x-oss-meta-of", "link"}};
    ASSERT_EQ(oss().put("link", "", headers, {{"symlink", ""}}).status, 200);
    const Answer told = oss().get("link", {}, {{"symlink", ""}});
    EXPECT_EQ(percent_decode(told.header("x-oss-symlink-target")), "dir/target \xc3\xa9");
    EXPECT_EQ(told.header("x-oss-meta-of"), "link");
    const Answer get = oss().get("link");
    EXPECT_EQ(get.body, "data");
    EXPECT_EQ(get.header("x-oss-meta-of"), "link");
    EXPECT_EQ(get.header("ETag"), oss().head("dir/target \xc3\xa9").header("ETag"));
    EXPECT_EQ(get.header("Last-Modified"), format_http_date(clock_.wall_now()));
    EXPECT_EQ(get.header("x-oss-object-type"), "Symlink");
    EXPECT_NE(oss().list({{"prefix", "link"}}).body.find("<Type>Symlink</Type>"),
              std::string::npos);
    // Copies are of the link.
    ASSERT_EQ(oss()
                  .copy("link", "link",
                        {{"x-oss-metadata-directive", "REPLACE"}, {"x-oss-meta-of", "edited"}})
                  .status,
              200);
    EXPECT_EQ(oss().get("link").header("x-oss-meta-of"), "edited");
    EXPECT_EQ(oss().head("dir/target \xc3\xa9").header("x-oss-meta-of"), "target");
    ASSERT_EQ(oss().put("link2", "", {{"x-oss-symlink-target", "link"}}, {{"symlink", ""}}).status,
              200);
    EXPECT_EQ(oss().get("link2").code(), "InvalidTargetType");
    oss().del("dir/target \xc3\xa9");
    EXPECT_EQ(oss().head("link").code(), "SymlinkTargetNotExist");
    EXPECT_EQ(oss().head("link", {}, {{"objectMeta", ""}}).status, 200);
    EXPECT_EQ(oss().get("none", {}, {{"symlink", ""}}).code(), "NoSuchKey");
}

TEST_F(LocalServerTest, object_meta_says_no_metadata) {
    oss().put("k", "xyz", {{"x-oss-meta-a", "1"}});
    const Answer meta = oss().head("k", {}, {{"objectMeta", ""}});
    EXPECT_EQ(meta.header("Content-Length"), "3");
    EXPECT_FALSE(meta.headers.has("x-oss-meta-a"));
    EXPECT_FALSE(meta.headers.has("Content-Type"));
}

TEST_F(LocalServerTest, appends_check_their_position_and_keep_the_first_ones_metadata) {
    const auto append = [&](const std::string& body, size_t at, Headers headers = {}) {
        return oss().post("log", body, {{"append", ""}, {"position", std::to_string(at)}},
                          std::move(headers));
    };
    ASSERT_EQ(append("one", 0, {{"x-oss-meta-a", "1"}}).header("x-oss-next-append-position"), "3");
    const Answer wrong = append("two", 0);
    EXPECT_EQ(wrong.status, 409);
    EXPECT_EQ(wrong.code(), "PositionNotEqualToLength");
    EXPECT_EQ(wrong.header("x-oss-next-append-position"), "3");
    const Answer second = append("two", 3, {{"x-oss-meta-a", "2"}});
    EXPECT_EQ(second.header("x-oss-hash-crc64ecma"), std::to_string(crc64("onetwo")));
    const Answer head = oss().head("log");
    EXPECT_EQ(head.header("x-oss-object-type"), "Appendable");
    EXPECT_EQ(head.header("x-oss-next-append-position"), "6");
    EXPECT_EQ(head.header("x-oss-meta-a"), "1");
    EXPECT_EQ(append("", 6).status, 200);
    EXPECT_EQ(oss().head("log").header("ETag"), head.header("ETag"));
    oss().put("plain", "x");
    EXPECT_EQ(oss().post("plain", "y", {{"append", ""}, {"position", "1"}}).code(),
              "ObjectNotAppendable");
    EXPECT_EQ(oss().copy("log", "elsewhere").code(), "OperationNotSupported");
    EXPECT_EQ(oss().copy("log", "log", {{"x-oss-meta-a", "3"}}).status, 200);
    EXPECT_EQ(oss().head("log").header("x-oss-object-type"), "Appendable");
    EXPECT_EQ(append("!", 6).status, 200);
    EXPECT_EQ(oss().get("log").body, "onetwo!");
}

TEST_F(LocalServerTest, a_thousand_appends_read_as_one_object) {
    std::string expected;
    for (int i = 0; i < 600; ++i) {
        const std::string line = std::to_string(i) + "\n";
        ASSERT_EQ(
            oss()
                .post("log", line, {{"append", ""}, {"position", std::to_string(expected.size())}})
                .status,
            200);
        expected += line;
    }
    EXPECT_EQ(oss().get("log").body, expected);
    EXPECT_EQ(oss().get("log", {{"Range", "bytes=1000-1009"}}).body, expected.substr(1000, 10));
}

TEST_P(PropertiesTest, many_objects_are_deleted_in_one_request) {
    for (const char* key : {"a", "b&c", "d\x01"}) any().put(key, "x");
    const std::string xml =
        "<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object>"
        "<Object><Key>d&#x1;</Key></Object><Object><Key>none</Key></Object></Delete>";
    const Answer deleted =
        any().post("", xml, {{"delete", ""}, {"encoding-type", "url"}}, {md5_of(xml)});
    ASSERT_EQ(deleted.status, 200) << deleted.body;
    EXPECT_NE(deleted.body.find("<Key>b%26c</Key>"), std::string::npos) << deleted.body;
    EXPECT_NE(deleted.body.find("<Key>none</Key>"), std::string::npos) << "missing is no error";
    EXPECT_EQ(any().list({}).body.find("<Contents>"), std::string::npos);
    const std::string quiet = "<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>";
    EXPECT_EQ(any().post("", quiet, {{"delete", ""}}, {md5_of(quiet)}).body.find("<Deleted>"),
              std::string::npos);
    EXPECT_EQ(any().post("", "<Delete/>", {{"delete", ""}}, {md5_of("<Delete/>")}).code(),
              "MalformedXML");
    const std::string bomb =
        "<!DOCTYPE x [<!ENTITY a \"aa\">]><Delete><Object><Key>&a;</Key>"
        "</Object></Delete>";
    EXPECT_EQ(any().post("", bomb, {{"delete", ""}}, {md5_of(bomb)}).code(), "MalformedXML");
}

TEST_F(LocalServerTest, objects_under_legal_hold_cannot_be_replaced_or_removed) {
    oss().put("k", "x");
    ASSERT_EQ(s3().put("k", "<LegalHold><Status>ON</Status></LegalHold>", {}, {{"legal-hold", ""}})
                  .status,
              200);
    EXPECT_EQ(oss().copy("k", "k", {{"x-oss-meta-a", "1"}}).code(), "FileImmutable");
    EXPECT_EQ(oss().put("k", "y").status, 409);
    EXPECT_EQ(oss().del("k").code(), "FileImmutable");
    EXPECT_EQ(s3().del("k").code(), "AccessDenied");
    s3().put("k", "<LegalHold><Status>OFF</Status></LegalHold>", {}, {{"legal-hold", ""}});
    EXPECT_EQ(oss().del("k").status, 204);
}

TEST_F(LocalServerTest, s3_takes_only_a_retention_that_is_still_to_end) {
    const std::string end = format_iso8601(clock_.wall_now() + std::chrono::hours(1));
    const Headers lock{{"x-amz-object-lock-mode", "GOVERNANCE"},
                       {"x-amz-object-lock-retain-until-date", end}};
    ASSERT_EQ(s3().put("k", "x", lock).status, 200);
    EXPECT_EQ(s3().head("k").header("x-amz-object-lock-retain-until-date"), end);
    EXPECT_EQ(s3().del("k").code(), "AccessDenied");
    clock_.advance(std::chrono::hours(1));
    const Answer again = s3().put("k", "y", lock);
    EXPECT_EQ(again.code(), "InvalidArgument");
    EXPECT_NE(again.body.find("must be in the future"), std::string::npos) << again.body;
    EXPECT_EQ(s3().get("k").body, "x");
    EXPECT_EQ(s3().put("k", "y").status, 200) << "protected no more";
}

TEST_F(LocalServerTest, browsers_may_ask_from_any_origin_and_see_etag_and_service_headers) {
    oss().put("k", "x", {{"x-oss-meta-a", "1"}});
    const Answer get = oss().get("k", {{"Origin", "http://example.test"}});
    EXPECT_EQ(get.header("Access-Control-Allow-Origin"), "*");
    const std::string exposed = get.header("Access-Control-Expose-Headers");
    EXPECT_NE(exposed.find("ETag"), std::string::npos);
    EXPECT_NE(exposed.find("x-oss-meta-a"), std::string::npos);
    EXPECT_NE(exposed.find("x-oss-request-id"), std::string::npos);
    Client nobody = client(Scheme::anonymous);
    const Answer preflight =
        nobody.send({.method = "OPTIONS",
                     .key = "k",
                     .headers = {{"Origin", "http://example.test"},
                                 {"Access-Control-Request-Method", "PUT"},
                                 {"Access-Control-Request-Headers", "authorization, x-oss-date"}}});
    EXPECT_EQ(preflight.status, 200);
    EXPECT_EQ(preflight.header("Access-Control-Allow-Headers"), "authorization, x-oss-date");
    EXPECT_NE(preflight.header("Access-Control-Allow-Methods").find("PUT"), std::string::npos);
    EXPECT_EQ(nobody.send({.method = "OPTIONS", .key = "k"}).status, 403);
}

}  // namespace
}  // namespace xbucket::testing
