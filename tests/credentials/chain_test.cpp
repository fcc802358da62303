// SPDX-FileCopyrightText: the xbucket authors
// Where keys come from, in which order, and what is refused.
#include "support/fake_clock.h"
#include "support/scripted_transport.h"
#include "support/temp_dir.h"

#include "xbucket/base/environment.h"
#include "xbucket/credentials/find.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using xbucket::testing::FakeClock;
using xbucket::testing::ScriptedTransport;
using xbucket::testing::TempDir;

// A home of its own for each test; the machine's is never looked at.
class Credentials_ : public ::testing::Test {
  protected:
    Result<FoundCredentials> find(const CredentialsRequest& request = {}) {
        values_["HOME"] = home_.path();
        values_["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true";
        values_["AWS_EC2_METADATA_DISABLED"] = "true";
        return find_credentials(request, Environment(values_), kitchen_, clock_);
    }
    Credentials found(const CredentialsRequest& request = {}) {
        auto result = find(request);
        if (!result) {
            ADD_FAILURE() << result.error().message;
            return {};
        }
        return *result->provider->get();
    }
    std::string refusal(const CredentialsRequest& request = {}) {
        auto result = find(request);
        return result ? "" : result.error().message;
    }

    TempDir home_;
    FakeClock clock_;
    ScriptedTransport transport_;
    Kitchen kitchen_{{}, transport_, transport_, clock_};
    std::map<std::string, std::string> values_;
};

TEST_F(Credentials_, oss_variables_with_a_token) {
    values_ = {{"OSS_ACCESS_KEY_ID", "id"},
               {"OSS_ACCESS_KEY_SECRET", "sec"},
               {"OSS_SESSION_TOKEN", "tok"}};
    const Credentials credentials = found();
    EXPECT_EQ(credentials.access_key_id, "id");
    EXPECT_EQ(credentials.access_key_secret.reveal(), "sec");
    EXPECT_EQ(credentials.session_token.reveal(), "tok");
    EXPECT_EQ(credentials.source, "environment (OSS_*)");
}

TEST_F(Credentials_, family_order_follows_the_source) {
    values_ = {{"OSS_ACCESS_KEY_ID", "oss"},           {"OSS_ACCESS_KEY_SECRET", "s"},
               {"ALIBABA_CLOUD_ACCESS_KEY_ID", "ali"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"},
               {"AWS_ACCESS_KEY_ID", "aws"},           {"AWS_SECRET_ACCESS_KEY", "s"}};
    EXPECT_EQ(found({.dialect = DialectKind::oss}).access_key_id, "oss");
    EXPECT_EQ(found({.dialect = DialectKind::s3}).access_key_id, "aws");
    values_.erase("OSS_ACCESS_KEY_ID");
    values_.erase("OSS_ACCESS_KEY_SECRET");
    EXPECT_EQ(found({.dialect = DialectKind::oss}).access_key_id, "ali");
    values_.erase("AWS_ACCESS_KEY_ID");
    values_.erase("AWS_SECRET_ACCESS_KEY");
    EXPECT_EQ(found({.dialect = DialectKind::s3}).access_key_id, "ali");
}

TEST_F(Credentials_, half_a_pair_is_named) {
    values_ = {{"OSS_ACCESS_KEY_ID", "id"}};
    EXPECT_THAT(refusal(), HasSubstr("OSS_ACCESS_KEY_SECRET is not"));
    values_ = {{"AWS_SECRET_ACCESS_KEY", "hunter2"}};
    EXPECT_THAT(refusal({.dialect = DialectKind::s3}), HasSubstr("AWS_ACCESS_KEY_ID is not"));
    EXPECT_THAT(refusal({.dialect = DialectKind::s3}), Not(HasSubstr("hunter2")));
}

TEST_F(Credentials_, ossutil_1_file_with_token_and_bucket_endpoint) {
    home_.write(".ossutilconfig",
                "[Credentials]\nlanguage=EN\nendpoint=oss-cn-beijing.aliyuncs.com\n"
                "accessKeyID=id\naccessKeySecret=se#c=\nstsToken=tok\n"
                "[Bucket-Endpoint]\nbkt=oss-cn-hangzhou.aliyuncs.com\n");
    auto result = find();
    ASSERT_TRUE(result) << result.error().message;
    const Credentials credentials = *result->provider->get();
    EXPECT_EQ(credentials.access_key_id, "id");
    EXPECT_EQ(credentials.access_key_secret.reveal(), "se#c=");
    EXPECT_EQ(credentials.session_token.reveal(), "tok");
    EXPECT_EQ(result->hints.endpoint, "oss-cn-beijing.aliyuncs.com");
    EXPECT_EQ(find({.bucket = "bkt"})->hints.endpoint, "oss-cn-hangzhou.aliyuncs.com");
}

TEST_F(Credentials_, ossutil_bucket_cname_says_so) {
    home_.write(".ossutilconfig",
                "[Credentials]\naccess_key_id=i\naccess-key-secret=s\nhost=h\n"
                "[Bucket-Cname]\nbkt=img.example.com\n");
    auto result = find({.bucket = "bkt"});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->hints.endpoint, "img.example.com");
    EXPECT_TRUE(result->hints.cname);
    EXPECT_FALSE(find()->hints.cname);
    EXPECT_EQ(find()->hints.endpoint, "h");
}

TEST_F(Credentials_, ossutil_2_profiles) {
    home_.write(
        ".ossutilconfig",
        "[default]\naccessKeyId=d\naccessKeySecret=s\nregion=cn-hangzhou\n"
        "[profile dev]\nmode=StsToken\naccess_key_id=dev\naccess_key_secret=s\nsts_token=t\n");
    EXPECT_EQ(found().access_key_id, "d");
    EXPECT_EQ(find()->hints.region, "cn-hangzhou");
    EXPECT_EQ(found({.profile = "dev"}).access_key_id, "dev");
    EXPECT_EQ(found({.profile = "dev"}).session_token.reveal(), "t");
    EXPECT_THAT(refusal({.profile = "none"}), HasSubstr("[none]"));
}

TEST_F(Credentials_, a_mode_that_nobody_knows_is_refused_by_name) {
    home_.write(".ossutilconfig", "[default]\nmode=Telepathy\n");
    EXPECT_THAT(refusal(), HasSubstr("mode Telepathy is not known here"));
}

TEST_F(Credentials_, aws_credentials_file_with_region_from_config) {
    home_.write(".aws/credentials",
                "[default]\naws_access_key_id=A\naws_secret_access_key=S\n"
                "[dev]\naws_access_key_id=D\naws_secret_access_key=S\naws_session_token=T\n");
    home_.write(".aws/config",
                "[default]\nregion=eu-west-1\n[profile dev]\nregion = us-west-2\n"
                "s3 =\n  endpoint_url = https://minio.example\n",
                0644);
    const CredentialsRequest s3 = {.dialect = DialectKind::s3};
    EXPECT_EQ(found(s3).access_key_id, "A");
    EXPECT_EQ(find(s3)->hints.region, "eu-west-1");
    const CredentialsRequest dev = {.dialect = DialectKind::s3, .profile = "dev"};
    EXPECT_EQ(found(dev).access_key_id, "D");
    EXPECT_EQ(found(dev).session_token.reveal(), "T");
    EXPECT_EQ(find(dev)->hints.endpoint, "https://minio.example");
    values_["AWS_PROFILE"] = "dev";
    EXPECT_EQ(found(s3).access_key_id, "D");
    EXPECT_THAT(refusal({.dialect = DialectKind::s3, .profile = "none"}), HasSubstr("'none'"));
}

TEST_F(Credentials_, aws_config_alone_can_hold_the_key) {
    home_.write(".aws/config", "[profile p]\naws_access_key_id=A\naws_secret_access_key=S\n");
    EXPECT_EQ(found({.dialect = DialectKind::s3, .profile = "p"}).access_key_id, "A");
}

TEST_F(Credentials_, aws_profile_that_signs_in_by_sso_says_the_way_round) {
    home_.write(".aws/config", "[default]\nsso_session = corp\n");
    EXPECT_THAT(refusal({.dialect = DialectKind::s3}), HasSubstr("export-credentials"));
}

TEST_F(Credentials_, aws_variables_name_other_files) {
    values_["AWS_SHARED_CREDENTIALS_FILE"] =
        home_.write("elsewhere", "[default]\naws_access_key_id=E\naws_secret_access_key=S\n");
    EXPECT_EQ(found({.dialect = DialectKind::s3}).access_key_id, "E");
}

TEST_F(Credentials_, environment_goes_before_the_file_and_a_named_profile_before_both) {
    home_.write(".ossutilconfig",
                "[Credentials]\naccessKeyID=f\naccessKeySecret=s\nendpoint=from-file\n"
                "[profile p]\naccessKeyID=p\naccessKeySecret=s\n");
    values_ = {{"OSS_ACCESS_KEY_ID", "e"}, {"OSS_ACCESS_KEY_SECRET", "s"}};
    EXPECT_EQ(found().access_key_id, "e");
    EXPECT_EQ(find()->hints.endpoint, "from-file");
    EXPECT_EQ(found({.profile = "p"}).access_key_id, "p");
}

TEST_F(Credentials_, named_file_goes_before_the_environment_and_must_exist) {
    values_ = {{"OSS_ACCESS_KEY_ID", "e"}, {"OSS_ACCESS_KEY_SECRET", "s"}};
    const std::string file = home_.write("keys", "[default]\naccessKeyID=n\naccessKeySecret=s\n");
    EXPECT_EQ(found({.file = file}).access_key_id, "n");
    EXPECT_THAT(refusal({.file = home_ / "none"}), HasSubstr("does not exist"));
}

TEST_F(Credentials_, secrets_that_others_can_read_are_refused) {
    home_.write(".ossutilconfig", "[Credentials]\naccessKeyID=i\naccessKeySecret=hunter2\n", 0640);
    EXPECT_THAT(refusal(), HasSubstr("chmod 600"));
    EXPECT_THAT(refusal(), Not(HasSubstr("hunter2")));
    home_.write(".aws/credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=S\n",
                0644);
    EXPECT_THAT(refusal({.dialect = DialectKind::s3}), HasSubstr("chmod 600"));
}

TEST_F(Credentials_, nothing_found_says_what_to_do) {
    EXPECT_THAT(refusal(), HasSubstr("OSS_ACCESS_KEY_ID"));
    EXPECT_THAT(refusal(), HasSubstr("--anonymous"));
    EXPECT_THAT(refusal({.dialect = DialectKind::s3}), HasSubstr("AWS_ACCESS_KEY_ID"));
    EXPECT_THAT(refusal({.profile = "dev"}), HasSubstr("--profile=dev"));
}

TEST_F(Credentials_, anonymous_uses_no_key_although_there_is_one) {
    values_ = {{"OSS_ACCESS_KEY_ID", "e"}, {"OSS_ACCESS_KEY_SECRET", "s"}};
    EXPECT_TRUE(found({.anonymous = true}).anonymous());
}

TEST_F(Credentials_, hints_come_from_service_variables) {
    values_ = {{"OSS_ACCESS_KEY_ID", "e"},
               {"OSS_ACCESS_KEY_SECRET", "s"},
               {"OSS_REGION", "cn-x"},
               {"AWS_REGION", "us-x"},
               {"AWS_ENDPOINT_URL", "https://h"}};
    EXPECT_EQ(find()->hints.region, "cn-x");
    EXPECT_EQ(find({.dialect = DialectKind::s3})->hints.region, "us-x");
    EXPECT_EQ(find({.dialect = DialectKind::s3})->hints.endpoint, "https://h");
}

TEST_F(Credentials_, changed_file_is_read_again_and_a_broken_one_keeps_the_last_good_key) {
    home_.write(".ossutilconfig", "[default]\naccessKeyID=one\naccessKeySecret=s\n");
    auto result = find();
    ASSERT_TRUE(result);
    CredentialsProvider& provider = *result->provider;
    home_.write(".ossutilconfig", "[default]\naccessKeyID=second\naccessKeySecret=s\n");
    EXPECT_EQ(provider.get()->access_key_id, "one") << "looked at the file within the same second";
    clock_.advance(std::chrono::seconds(2));
    EXPECT_EQ(provider.get()->access_key_id, "second");
    home_.write(".ossutilconfig", "[default\n");
    clock_.advance(std::chrono::seconds(2));
    EXPECT_EQ(provider.get()->access_key_id, "second");
}

TEST_F(Credentials_, refused_key_is_read_again_at_once_and_says_whether_that_helped) {
    home_.write(".ossutilconfig", "[default]\naccessKeyID=one\naccessKeySecret=s\n");
    auto result = find();
    ASSERT_TRUE(result);
    CredentialsProvider& provider = *result->provider;
    const Credentials first = *provider.get();
    EXPECT_FALSE(provider.refused(first));
    home_.write(".ossutilconfig", "[default]\naccessKeyID=one\naccessKeySecret=rotated\n");
    EXPECT_TRUE(provider.refused(first));
    EXPECT_EQ(provider.get()->access_key_secret.reveal(), "rotated");
    // A late second report of the old key needs no reload to be worth a retry.
    EXPECT_TRUE(provider.refused(first));
}

std::string aliyun_config(const std::string& current, const std::string& key_of_a) {
    return R"({"current":")" + current + R"(","profiles":[)" +
           R"({"name":"a","mode":"AK","access_key_id":")" + key_of_a +
           R"(","access_key_secret":"s"},)" +
           R"({"name":"b","mode":"AK","access_key_id":"bb","access_key_secret":"s"}]})";
}

TEST_F(Credentials_, mount_stays_with_the_profile_that_was_current_when_it_began) {
    const std::vector<std::pair<std::string, CredentialsRequest>> ways = {
        {".aliyun/config.json", {}},
        {".aliyun/config.json", {.spec = "aliyun"}},
        {"keys.json", {.file = home_.path() + "/keys.json"}}};
    for (const auto& [file, request] : ways) {
        home_.write(file, aliyun_config("a", "a1"));
        auto result = find(request);
        ASSERT_TRUE(result) << result.error().message;
        CredentialsProvider& provider = *result->provider;
        home_.write(file, aliyun_config("b", "a1"));
        clock_.advance(std::chrono::seconds(2));
        EXPECT_EQ(provider.get()->access_key_id, "a1") << "signs as somebody else";
        home_.write(file, aliyun_config("b", "a22"));
        clock_.advance(std::chrono::seconds(2));
        EXPECT_EQ(provider.get()->access_key_id, "a22");
    }
}

TEST_F(Credentials_, role_is_taken_with_the_key_of_the_profile_that_is_named) {
    home_.write(".ossutilconfig",
                "[default]\naccessKeyID=everyday\naccessKeySecret=s\n"
                "[profile dev]\naccessKeyID=dev\naccessKeySecret=s\n");
    transport_.reply({.body = R"({"Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"y",)"
                              R"("SecurityToken":"z","Expiration":"2099-01-01T00:00:00Z"}})"});
    EXPECT_EQ(found({.spec = "role:acs:ram::1:role/r", .profile = "dev"}).access_key_id, "STS.x");
    EXPECT_THAT(transport_.sent(0).body, HasSubstr("AccessKeyId=dev&"));
}

TEST_F(Credentials_, file_that_turns_to_a_role_is_renewed_without_a_request_that_waits) {
    home_.write(".ossutilconfig", "[default]\naccessKeyID=one\naccessKeySecret=s\n");
    auto result = find();
    ASSERT_TRUE(result);
    home_.write(".ossutilconfig",
                "[default]\nmode=RamRoleArn\naccessKeyID=one\naccessKeySecret=s\n"
                "ramRoleArn=acs:ram::1:role/r\n");
    transport_.reply({.body = R"({"Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"y",)"
                              R"("SecurityToken":"z","Expiration":"2099-01-01T00:00:00Z"}})"});
    EXPECT_TRUE(result->provider->refused(*result->provider->get_at_once()));
    EXPECT_EQ(result->provider->get()->access_key_id, "STS.x");
}

}  // namespace
}  // namespace xbucket
