// SPDX-FileCopyrightText: the xbucket authors
// What metadata and token services are asked, and what their replies become.
#include "xbucket/credentials/kitchen.h"

#include "services.h"
#include "support/fake_clock.h"
#include "support/scripted_transport.h"
#include "support/temp_dir.h"

#include "xbucket/base/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using xbucket::testing::FakeClock;
using xbucket::testing::ScriptedReply;
using xbucket::testing::ScriptedTransport;
using xbucket::testing::TempDir;

constexpr std::string_view kEcsKey =
    R"({"Code":"Success","AccessKeyId":"STS.i","AccessKeySecret":"s","SecurityToken":"t",)"
    R"("Expiration":"2026-01-01T00:00:00Z"})";

class KitchenTest : public ::testing::Test {
  protected:
    std::string refusal(const Recipe& recipe) {
        auto key = kitchen_.follow(recipe);
        return key ? "" : key.error().message;
    }
    FakeClock clock_{*parse_iso8601("2015-08-30T12:36:00Z")};
    ScriptedTransport direct_;
    ScriptedTransport transport_;
    Kitchen kitchen_{{}, direct_, transport_, clock_};
};

TEST_F(KitchenTest, ecs_role_is_asked_with_a_session_token_and_without_the_proxy) {
    direct_.reply({.body = "session"});
    direct_.reply({.body = "my-role\n"});
    direct_.reply({.body = std::string(kEcsKey)});
    const auto key = kitchen_.follow({.method = Recipe::Method::metadata, .source = "ECS"});
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->access_key_id, "STS.i");
    EXPECT_EQ(key->identity, "role my-role");
    EXPECT_EQ(key->source, "ECS");
    EXPECT_EQ(key->expiration, parse_iso8601("2026-01-01T00:00:00Z"));
    const auto sent = direct_.sent();
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_EQ(sent[0].request.method, HttpMethod::put);
    EXPECT_EQ(sent[0].request.origin + sent[0].request.target,
              "http://100.100.100.200/latest/api/token");
    EXPECT_EQ(sent[0].header("X-aliyun-ecs-metadata-token-ttl-seconds"), "21600");
    EXPECT_EQ(sent[2].request.target, "/latest/meta-data/ram/security-credentials/my-role");
    EXPECT_EQ(sent[2].header("X-aliyun-ecs-metadata-token"), "session");
    EXPECT_TRUE(transport_.sent().empty());
}

TEST_F(KitchenTest, ec2_says_token_and_needs_its_own_headers) {
    direct_.reply({.body = "session"});
    direct_.reply({.body = R"({"Code":"Success","AccessKeyId":"i","SecretAccessKey":"s",)"
                           R"("Token":"t","Expiration":"2026-01-01T00:00:00Z"})"});
    Recipe recipe{.method = Recipe::Method::metadata, .cloud = Cloud::aws, .source = "EC2"};
    recipe.role = "r";
    const auto key = kitchen_.follow(recipe);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->session_token.reveal(), "t");
    EXPECT_EQ(direct_.sent(0).request.origin, "http://169.254.169.254");
    EXPECT_EQ(direct_.sent(1).header("X-aws-ec2-metadata-token"), "session");
}

TEST_F(KitchenTest, address_of_ec2s_service_is_not_ecss) {
    Kitchen kitchen({.ec2_endpoint = "http://[fd00:ec2::254]/"}, direct_, transport_, clock_);
    for (int i = 0; i < 2; ++i) {
        direct_.reply({.body = "token"});
        direct_.reply({.body = std::string(kEcsKey)});
    }
    Recipe recipe{.method = Recipe::Method::metadata, .cloud = Cloud::aws};
    recipe.role = "r";
    ASSERT_TRUE(kitchen.follow(recipe));
    EXPECT_EQ(direct_.sent(0).request.origin, "http://[fd00:ec2::254]");
    recipe.cloud = Cloud::alibaba;
    ASSERT_TRUE(kitchen.follow(recipe));
    EXPECT_EQ(direct_.sent(2).request.origin, "http://100.100.100.200");
}

TEST_F(KitchenTest, old_metadata_services_are_asked_without_a_token_unless_that_is_forbidden) {
    direct_.reply({.status = 404});
    direct_.reply({.body = std::string(kEcsKey)});
    Recipe recipe{.method = Recipe::Method::metadata, .source = "ECS"};
    recipe.role = "r";
    EXPECT_TRUE(kitchen_.follow(recipe));
    EXPECT_EQ(direct_.sent(1).header("X-aliyun-ecs-metadata-token"), "");
    recipe.token_required = true;
    direct_.reply({.status = 404});
    EXPECT_THAT(refusal(recipe), HasSubstr("answers 404"));
}

TEST_F(KitchenTest, metadata_service_that_is_not_there_and_one_without_a_role_are_not_found) {
    const Recipe recipe{.method = Recipe::Method::metadata, .source = "ECS"};
    direct_.reply({.status = 0, .error = Error(ErrorKind::timed_out, "no answer")});
    EXPECT_EQ(kitchen_.follow(recipe).error().kind, ErrorKind::not_found);
    direct_.reply({.body = "session"});
    direct_.reply({.status = 404});
    EXPECT_EQ(kitchen_.follow(recipe).error().kind, ErrorKind::not_found);
    direct_.reply({.status = 403});  // turned off: no token either
    direct_.reply({.status = 403});
    EXPECT_EQ(kitchen_.follow(recipe).error().kind, ErrorKind::not_found);
}

TEST_F(KitchenTest, hostile_metadata_is_refused_without_being_quoted) {
    Recipe recipe{.method = Recipe::Method::metadata, .source = "ECS"};
    direct_.reply({.body = "session"});
    direct_.reply({.body = "../../hunter2?x"});
    EXPECT_THAT(refusal(recipe), HasSubstr("names no role"));
    recipe.role = "r";
    for (const char* body : {"", "<html>hunter2</html>", "[]", "{\"Code\":\"No\"}"}) {
        direct_.reply({.body = "session"});
        direct_.reply({.body = body});
        const std::string said = refusal(recipe);
        EXPECT_NE(said, "") << body;
        EXPECT_THAT(said, Not(HasSubstr("hunter2")));
    }
}

Recipe role_of(Cloud cloud) {
    Recipe recipe{.method = Recipe::Method::role, .cloud = cloud, .source = "role"};
    recipe.role = cloud == Cloud::aws ? "arn:aws:iam::1:role/r" : "acs:ram::1:role/r";
    Recipe base{.cloud = cloud, .source = "base"};
    base.key.access_key_id = "testid";
    base.key.access_key_secret = Secret("testsecret");
    recipe.base = std::make_shared<const Recipe>(base);
    return recipe;
}

constexpr std::string_view kAlibabaReply =
    R"({"RequestId":"q","AssumedRoleUser":{"Arn":"acs:ram::1:role/r/xbucket"},)"
    R"("Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"y","SecurityToken":"z",)"
    R"("Expiration":"2026-01-01T00:00:00Z"}})";

// The whole form and its signature, computed outside of xbucket from the protocol's text: base64
// of HMAC-SHA1 with the key "testsecret&" over "POST&%2F&" and the encoded form.
TEST_F(KitchenTest, alibaba_assume_role_is_signed_as_the_protocol_says) {
    const Recipe recipe = role_of(Cloud::alibaba);
    const HttpRequest request = sts_request(recipe, recipe.base->key, Secret(), "",
                                            *parse_iso8601("2015-08-30T12:36:00Z"), "nonce~1 *");
    EXPECT_EQ(request.origin, "https://sts.aliyuncs.com");
    EXPECT_EQ(request.target, "/");
    EXPECT_EQ(
        request.body,
        "AccessKeyId=testid&Action=AssumeRole&DurationSeconds=3600&Format=JSON&RoleArn=acs%3A"
        "ram%3A%3A1%3Arole%2Fr&RoleSessionName=xbucket&Signature=YY9vFoSzQaMulwJMiXj3qmhKkCE%3D"
        "&SignatureMethod=HMAC-SHA1&SignatureNonce=nonce~1%20%2A&SignatureVersion=1.0&"
        "Timestamp=2015-08-30T12%3A36%3A00Z&Version=2015-04-01");
}

TEST_F(KitchenTest, alibaba_role_over_a_temporary_key_sends_its_token) {
    Recipe recipe = role_of(Cloud::alibaba);
    Recipe base = *recipe.base;
    base.key.session_token = Secret("tok");
    recipe.base = std::make_shared<const Recipe>(base);
    recipe.external_id = "ext";
    recipe.sts_region = "cn-beijing";
    transport_.reply({.body = std::string(kAlibabaReply)});
    const auto key = kitchen_.follow(recipe);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->access_key_id, "STS.x");
    EXPECT_EQ(key->session_token.reveal(), "z");
    EXPECT_EQ(key->identity, "acs:ram::1:role/r/xbucket");
    EXPECT_EQ(transport_.sent(0).request.origin, "https://sts.cn-beijing.aliyuncs.com");
    EXPECT_THAT(transport_.sent(0).body, HasSubstr("SecurityToken=tok"));
    EXPECT_THAT(transport_.sent(0).body, HasSubstr("ExternalId=ext"));
}

TEST_F(KitchenTest, oidc_token_is_read_anew_for_every_request_which_is_not_signed) {
    const TempDir home;
    Recipe recipe{.method = Recipe::Method::web_identity, .source = "OIDC"};
    recipe.role = "acs:ram::1:role/r";
    recipe.oidc_provider = "acs:ram::1:oidc-provider/p";
    recipe.token_file = home.write("token", "one\n", 0644);
    transport_.reply({.body = std::string(kAlibabaReply)});
    ASSERT_TRUE(kitchen_.follow(recipe));
    home.write("token", "two", 0644);
    transport_.reply({.body = std::string(kAlibabaReply)});
    ASSERT_TRUE(kitchen_.follow(recipe));
    EXPECT_THAT(transport_.sent(0).body, HasSubstr("OIDCToken=one&"));
    EXPECT_THAT(transport_.sent(1).body, HasSubstr("OIDCToken=two&"));
    EXPECT_THAT(transport_.sent(1).body, HasSubstr("Action=AssumeRoleWithOIDC"));
    EXPECT_THAT(transport_.sent(1).body, Not(HasSubstr("Signature")));
    home.write("token", " \n", 0644);
    EXPECT_THAT(refusal(recipe), HasSubstr("is empty"));
}

constexpr std::string_view kAwsReply =
    R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>)"
    R"(<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/xbucket</Arn></AssumedRoleUser>)"
    R"(<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>y</SecretAccessKey>)"
    R"(<SessionToken>z</SessionToken><Expiration>2026-01-01T02:00:00+02:00</Expiration>)"
    R"(</Credentials>)"
    R"(</AssumeRoleResult></AssumeRoleResponse>)";

TEST_F(KitchenTest, aws_assume_role_is_signed_with_sigv4_for_its_region) {
    Recipe recipe = role_of(Cloud::aws);
    recipe.sts_region = "eu-west-1";
    transport_.reply({.body = std::string(kAwsReply)});
    const auto key = kitchen_.follow(recipe);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->session_token.reveal(), "z");
    EXPECT_EQ(key->expiration, parse_iso8601("2026-01-01T00:00:00Z"));
    EXPECT_EQ(key->identity, "arn:aws:sts::1:assumed-role/r/xbucket");
    const auto sent = transport_.sent(0);
    EXPECT_EQ(sent.request.origin, "https://sts.eu-west-1.amazonaws.com");
    EXPECT_EQ(sent.body,
              "Action=AssumeRole&DurationSeconds=3600&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
              "RoleSessionName=xbucket&Version=2011-06-15");
    EXPECT_THAT(sent.header("Authorization"),
                HasSubstr("Credential=testid/20150830/eu-west-1/sts/aws4_request, "
                          "SignedHeaders=content-type;host;x-amz-date, Signature="
                          "6da82c82d69d880c8583d8c60032990a29f5a99bc1c862a5b0f95d0d8b82ef2e"));
}

TEST_F(KitchenTest, token_services_refusals_have_kinds_and_repeat_nothing) {
    const Recipe recipe = role_of(Cloud::alibaba);
    transport_.reply(
        {.status = 403, .body = R"({"Code":"NoPermission","Message":"hunter2","RequestId":"q"})"});
    auto refused = kitchen_.follow(recipe);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::access_denied);
    EXPECT_EQ(refused.error().request_id, "q");
    EXPECT_THAT(refused.error().message, Not(HasSubstr("hunter2")));
    transport_.reply({.status = 503, .body = "busy"});
    EXPECT_EQ(kitchen_.follow(recipe).error().kind, ErrorKind::server_error);
    transport_.reply({.status = 400, .body = R"({"Code":"Throttling.User"})"});
    EXPECT_EQ(kitchen_.follow(recipe).error().kind, ErrorKind::throttled);
    transport_.reply({.status = 403,
                      .body = "<ErrorResponse><Error><Code>ExpiredToken</Code></Error>"
                              "<RequestId>r</RequestId></ErrorResponse>"});
    EXPECT_EQ(kitchen_.follow(role_of(Cloud::aws)).error().kind, ErrorKind::expired_credentials);
    transport_.reply({.body = "<html>captive portal</html>"});
    EXPECT_EQ(kitchen_.follow(role_of(Cloud::aws)).error().kind, ErrorKind::bad_reply);
    transport_.reply({.body = "{}"});
    EXPECT_EQ(kitchen_.follow(recipe).error().kind, ErrorKind::bad_reply);
}

// The three ways in which token services say it; "Expired" in two of them is not about a key.
TEST_F(KitchenTest, refusal_over_the_time_blames_the_clock_not_the_key) {
    const auto kind = [](std::string body) {
        HttpResponse reply;
        reply.status = 400;
        reply.headers.set("Date", "Sun, 30 Aug 2015 14:36:00 GMT");
        reply.body = std::move(body);
        const Error error = sts_refusal(reply, "https://sts");
        EXPECT_EQ(error.hint.empty(), error.kind != ErrorKind::clock_skew);
        return error.kind;
    };
    const auto xml = [](const std::string& code, const std::string& text) {
        return "<ErrorResponse><Error><Code>" + code + "</Code><Message>" + text +
               "</Message></Error></ErrorResponse>";
    };
    EXPECT_EQ(kind(R"({"Code":"InvalidTimeStamp.Expired"})"), ErrorKind::clock_skew);
    EXPECT_EQ(kind(xml("RequestExpired", "")), ErrorKind::clock_skew);
    EXPECT_EQ(kind(xml("SignatureDoesNotMatch", "Signature expired: 20150830T123600Z is now")),
              ErrorKind::clock_skew);
    EXPECT_EQ(kind(xml("SignatureDoesNotMatch", "The request signature we calculated")),
              ErrorKind::bad_credentials);
    EXPECT_EQ(kind(R"({"Code":"InvalidSecurityToken.Expired"})"), ErrorKind::expired_credentials);
}

TEST_F(KitchenTest,
       token_service_is_asked_once_more_with_its_own_time_when_this_machines_is_wrong) {
    ScriptedReply skewed{.status = 400, .body = R"({"Code":"InvalidTimeStamp.Expired"})"};
    skewed.headers.set("Date", "Sun, 30 Aug 2015 14:36:00 GMT");
    transport_.reply(skewed);
    transport_.reply({.body = std::string(kAlibabaReply)});
    const auto key = kitchen_.follow(role_of(Cloud::alibaba));
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_THAT(transport_.sent(0).body, HasSubstr("Timestamp=2015-08-30T12%3A36%3A00Z"));
    EXPECT_THAT(transport_.sent(1).body, HasSubstr("Timestamp=2015-08-30T14%3A36%3A00Z"));
    // Once, and never with what plain HTTP says the time is.
    transport_.reply(skewed);
    transport_.reply(skewed);
    EXPECT_EQ(kitchen_.follow(role_of(Cloud::alibaba)).error().kind, ErrorKind::clock_skew);
    Recipe plain = role_of(Cloud::alibaba);
    plain.sts_endpoint = "http://127.0.0.1:1";
    transport_.reply(skewed);
    EXPECT_EQ(kitchen_.follow(plain).error().kind, ErrorKind::clock_skew);
}

TEST_F(KitchenTest, address_is_asked_with_its_authorization_and_plain_http_never_through_a_proxy) {
    Recipe recipe{.method = Recipe::Method::uri, .cloud = Cloud::aws, .source = "container"};
    recipe.uri = "http://169.254.170.2/v2/x?y=1";
    recipe.authorization = Secret("Bearer a");
    direct_.reply({.body = std::string(kEcsKey)});
    ASSERT_TRUE(kitchen_.follow(recipe));
    EXPECT_EQ(direct_.sent(0).request.target, "/v2/x?y=1");
    EXPECT_EQ(direct_.sent(0).header("Authorization"), "Bearer a");
    recipe.uri = "https://keys.example/x";
    recipe.authorization = Secret("a\r\nX: y");
    EXPECT_THAT(refusal(recipe), HasSubstr("line breaks"));
    recipe.authorization = Secret();
    transport_.reply({.body = std::string(kEcsKey)});
    EXPECT_TRUE(kitchen_.follow(recipe));
}

}  // namespace
}  // namespace xbucket
