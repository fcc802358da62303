// SPDX-FileCopyrightText: the xbucket authors
// Who may ask: signatures of all kinds, tokens, clocks, addressing, anonymous readers.
#include "fixture.h"

#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

class AuthTest : public BothDialects {};
INSTANTIATE_TEST_SUITE_P(Schemes, AuthTest,
                         ::testing::Values(Scheme::oss_v1, Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(AuthTest, wrong_secret_wrong_id_and_old_clock_are_refused_with_their_codes) {
    oss().put("k", "x");
    Client wrong(server_->port(), clock_, GetParam(), "ak", "other");
    const Answer mismatch = wrong.get("k");
    EXPECT_EQ(mismatch.status, 403);
    EXPECT_EQ(mismatch.code(), "SignatureDoesNotMatch");
    EXPECT_NE(mismatch.xml(is_oss() ? "StringToSign" : "CanonicalRequest"), "");
    EXPECT_EQ(mismatch.body.find("other"), std::string::npos);
    Client stranger(server_->port(), clock_, GetParam(), "nobody", "sk");
    EXPECT_EQ(stranger.get("k").code(), "InvalidAccessKeyId");
    Client c = client(GetParam());
    EXPECT_EQ(c.send({.key = "k", .clock_offset = std::chrono::minutes(14)}).status, 200);
    for (const auto offset : {std::chrono::minutes(16), std::chrono::minutes(-16)}) {
        const Answer skewed = c.send({.key = "k", .clock_offset = offset});
        EXPECT_EQ(skewed.status, 403);
        EXPECT_EQ(skewed.code(), "RequestTimeTooSkewed");
    }
}

TEST_P(AuthTest, presigned_urls_work_until_they_expire) {
    Client c = client(GetParam());
    c.put("dir/a b+%.txt", "signed");
    const Ask ask{.key = "dir/a b+%.txt", .presigned = true, .life = 60};
    const std::string bytes = c.bytes_of(ask);
    EXPECT_EQ(RawConnection(server_->port()).exchange(bytes, false).body, "signed");
    clock_.advance(std::chrono::seconds(59));
    EXPECT_EQ(RawConnection(server_->port()).exchange(bytes, false).status, 200);
    clock_.advance(std::chrono::seconds(2));
    const Answer late = RawConnection(server_->port()).exchange(bytes, false);
    EXPECT_EQ(late.status, 403);
    EXPECT_EQ(late.code(), "AccessDenied");
    std::string forged = c.bytes_of({.key = "dir/a b+%.txt", .presigned = true});
    forged.replace(forged.find("dir"), 3, "dis");
    EXPECT_EQ(RawConnection(server_->port()).exchange(forged, false).code(),
              "SignatureDoesNotMatch");
}

TEST_P(AuthTest, presigned_put_stores_what_it_was_signed_for) {
    Client c = client(GetParam());
    const Ask ask{.method = "PUT", .key = "k", .body = "uploaded", .presigned = true};
    EXPECT_EQ(c.send(ask).status, 200);
    EXPECT_EQ(c.get("k").body, "uploaded");
}

TEST_P(AuthTest, session_token_must_be_the_one_that_was_given_out) {
    auto with_token = config();
    with_token.session_token = Secret("token");
    start(with_token);
    Client good(server_->port(), clock_, GetParam(), "ak", "sk", "token");
    EXPECT_EQ(good.put("k", "x").status, 200);
    EXPECT_EQ(good.send({.key = "k", .presigned = true}).body, "x");
    const std::string code = is_oss() ? "InvalidSecurityToken" : "InvalidToken";
    Client none(server_->port(), clock_, GetParam());
    EXPECT_EQ(none.get("k").code(), code);
    Client wrong(server_->port(), clock_, GetParam(), "ak", "sk", "another");
    const Answer refused = wrong.get("k");
    EXPECT_EQ(refused.status, is_oss() ? 403 : 400);
    EXPECT_EQ(refused.code(), code);
}

TEST_P(AuthTest, host_style_reaches_the_same_object) {
    Client c = client(GetParam());
    const std::string port = std::to_string(server_->port());
    ASSERT_EQ(c.put("dir/k", "x").status, 200);
    EXPECT_EQ(c.send({.key = "dir/k", .host = "bkt.localhost:" + port, .path_style = false}).body,
              "x");
    EXPECT_EQ(c.send({.key = "dir/k", .host = "bkt.example.test", .path_style = false}).body, "x");
    EXPECT_EQ(
        c.send(
             {.bucket = "none", .key = "k", .host = "none.localhost:" + port, .path_style = false})
            .code(),
        "NoSuchBucket");
}

TEST_F(LocalServerTest, forced_host_of_ip_endpoints_is_read_by_path_or_host_as_it_was_signed) {
    const std::string host = "bkt.oss-cn-hangzhou.aliyuncs.com";
    for (const Scheme scheme : {Scheme::oss_v1, Scheme::oss_v4}) {
        Client c = client(scheme);
        ASSERT_EQ(c.send({.method = "PUT", .key = "k", .body = "path", .host = host}).status, 200);
        EXPECT_EQ(c.send({.key = "k", .host = host}).body, "path");
        EXPECT_EQ(c.send({.key = "k", .host = host, .path_style = false}).body, "path");
        // The key repeats the bucket's name: only the signature tells the two readings apart.
        ASSERT_EQ(c.send({.method = "PUT",
                          .key = "bkt/k",
                          .body = "host",
                          .host = host,
                          .path_style = false})
                      .status,
                  200);
        EXPECT_EQ(c.get("bkt/k").body, "host");
        EXPECT_EQ(c.get("k").body, "path");
    }
}

TEST_F(LocalServerTest, sigv4_payload_hash_is_checked) {
    const Answer wrong = s3().send({.method = "PUT",
                                    .key = "k",
                                    .body = "x",
                                    .payload_hash = hex_encode(std::string(32, 'h'))});
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.code(), "XAmzContentSHA256Mismatch");
    EXPECT_EQ(s3().head("k").status, 404);
    EXPECT_EQ(
        s3().send({.method = "PUT", .key = "k", .body = "x", .payload_hash = "UNSIGNED-PAYLOAD"})
            .status,
        200);
}

TEST_F(LocalServerTest, anonymous_requests_need_a_public_acl) {
    Client nobody = client(Scheme::anonymous);
    oss().put("private", "x");
    oss().put("public", "y", {{"x-oss-object-acl", "public-read"}});
    EXPECT_EQ(nobody.get("private").status, 403);
    EXPECT_EQ(nobody.get("private").code(), "AccessDenied");
    EXPECT_EQ(nobody.get("public").body, "y");
    EXPECT_EQ(nobody.put("public", "z").status, 403);
    EXPECT_EQ(nobody.list({}).status, 403);
    ASSERT_EQ(oss()
                  .send({.method = "PUT",
                         .query = {{"acl", ""}},
                         .headers = {{"x-oss-acl", "public-read"}}})
                  .status,
              200);
    EXPECT_EQ(nobody.get("private").body, "x") << "the bucket's ACL counts where there is none";
    EXPECT_EQ(nobody.list({}).status, 200);
    EXPECT_EQ(nobody.put("new", "z").status, 403);
}

TEST_F(LocalServerTest, garbage_requests_get_an_answer_and_do_no_harm) {
    const std::string host = "Host: 127.0.0.1\r\n";
    for (const std::string& request :
         {"GET /bkt/%zz HTTP/1.1\r\n" + host + "\r\n",
          "GET /bkt/k?a=%1 HTTP/1.1\r\n" + host + "\r\n",
          "GET /bkt/k HTTP/1.1\r\n" + host + "Authorization: OSS\r\n\r\n",
          "GET /bkt/k HTTP/1.1\r\n" + host + "Authorization: OSS :\r\n\r\n",
          "GET /bkt/k HTTP/1.1\r\n" + host + "Authorization: OSS4-HMAC-SHA256 x\r\n\r\n",
          "GET /bkt/k HTTP/1.1\r\n" + host + "Authorization: AWS4-HMAC-SHA256 \r\n\r\n",
          "GET /bkt/k HTTP/1.1\r\n" + host + "Authorization: AWS ak:x\r\n\r\n",
          "GET /bkt/k?X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\r\n" + host + "\r\n",
          "GET /bkt/k?x-oss-signature-version=OSS4-HMAC-SHA256 HTTP/1.1\r\n" + host + "\r\n",
          "PATCH /bkt/k HTTP/1.1\r\n" + host + "\r\n"}) {
        const Answer answer = RawConnection(server_->port()).exchange(request, false);
        EXPECT_GE(answer.status, 400) << request;
        EXPECT_LT(answer.status, 500) << request;
        EXPECT_NE(answer.code(), "") << request;
    }
    EXPECT_EQ(oss().put("k", "still here").status, 200);
}

}  // namespace
}  // namespace xbucket::testing
