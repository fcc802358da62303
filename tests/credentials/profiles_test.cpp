// SPDX-FileCopyrightText: the xbucket authors
// What files of other tools say, as recipes: each mode, chains of profiles, and what is refused.
#include "key_document.h"
#include "shape.h"

#include "xbucket/base/encoding.h"
#include "xbucket/credentials/find.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Recipe recipe_of(Result<LoadedProfile> loaded) {
    if (!loaded || !loaded->recipe) {
        ADD_FAILURE() << (loaded ? "no recipe" : loaded.error().message);
        return {};
    }
    return *loaded->recipe;
}
std::string refusal_of(const Result<LoadedProfile>& loaded) {
    return loaded ? "" : loaded.error().message;
}

Recipe aliyun(std::string_view profiles, const std::string& name = "p") {
    return recipe_of(
        parse_aliyun(fmt::format(R"({{"current":"x","profiles":[{}]}})", profiles), "F", name));
}

TEST(AliyunProfiles, access_key_ignores_a_token_that_lies_about) {
    const Recipe recipe = aliyun(
        R"({"name":"p","mode":"AK","access_key_id":"i","access_key_secret":"s","sts_token":"old"})");
    EXPECT_EQ(recipe.key.access_key_id, "i");
    EXPECT_TRUE(recipe.key.session_token.empty());
}

TEST(AliyunProfiles, sts_token_and_single_sign_on_know_their_end) {
    const Recipe recipe =
        aliyun(R"({"name":"p","mode":"CloudSSO","access_key_id":"i","access_key_secret":"s",)"
               R"("sts_token":"t","sts_expiration":1700000000})");
    EXPECT_EQ(recipe.key.session_token.reveal(), "t");
    EXPECT_EQ(recipe.key.expiration, WallTime::from_seconds(1'700'000'000));
}

TEST(AliyunProfiles, role_with_a_key_with_a_machine_and_with_another_profile) {
    const Recipe with_key =
        aliyun(R"({"name":"p","mode":"RamRoleArn","access_key_id":"i","access_key_secret":"s",)"
               R"("ram_role_arn":"acs:ram::1:role/r","ram_session_name":"n","expired_seconds":900,)"
               R"("external_id":"e"})");
    EXPECT_EQ(with_key.method, Recipe::Method::role);
    EXPECT_EQ(with_key.role, "acs:ram::1:role/r");
    EXPECT_EQ(with_key.session_name, "n");
    EXPECT_EQ(with_key.external_id, "e");
    EXPECT_EQ(with_key.duration, std::chrono::seconds(900));
    EXPECT_EQ(with_key.base->key.access_key_id, "i");

    const Recipe with_machine = aliyun(
        R"({"name":"p","mode":"RamRoleArnWithRoleName","ram_role_name":"m","ram_role_arn":"a"})");
    EXPECT_EQ(with_machine.base->method, Recipe::Method::metadata);
    EXPECT_EQ(with_machine.base->role, "m");

    const Recipe chained = aliyun(
        R"({"name":"p","mode":"ChainableRamRoleArn","source_profile":"q","ram_role_arn":"a"},)"
        R"({"name":"q","mode":"EcsRamRole","ram_role_name":"m"})");
    EXPECT_EQ(chained.method, Recipe::Method::role);
    EXPECT_EQ(chained.base->method, Recipe::Method::metadata);
}

TEST(AliyunProfiles, machine_identity_token_program_and_address) {
    EXPECT_EQ(aliyun(R"({"name":"p","mode":"EcsRamRole","ram_role_name":"m"})").role, "m");
    const Recipe oidc =
        aliyun(R"({"name":"p","mode":"OIDC","ram_role_arn":"a","oidc_provider_arn":"b",)"
               R"("oidc_token_file":"/t","sts_region":"cn-x"})");
    EXPECT_EQ(oidc.method, Recipe::Method::web_identity);
    EXPECT_EQ(oidc.oidc_provider, "b");
    EXPECT_EQ(oidc.token_file, "/t");
    EXPECT_EQ(oidc.sts_region, "cn-x");
    const Recipe program =
        aliyun(R"({"name":"p","mode":"External","process_command":"get key | tail -1"})");
    EXPECT_EQ(program.method, Recipe::Method::process);
    EXPECT_TRUE(program.shell);
    const Recipe address =
        aliyun(R"({"name":"p","mode":"CredentialsURI","credentials_uri":"http://127.0.0.1:9/k"})");
    EXPECT_EQ(address.uri, "http://127.0.0.1:9/k");
}

TEST(AliyunProfiles, loops_dangling_sources_and_endless_chains_end) {
    const auto parse = [](std::string_view profiles) {
        return refusal_of(parse_aliyun(fmt::format(R"({{"profiles":[{}]}})", profiles), "F", "p"));
    };
    const std::string loop =
        R"({"name":"p","mode":"ChainableRamRoleArn","source_profile":"q","ram_role_arn":"a"},)"
        R"({"name":"q","mode":"ChainableRamRoleArn","source_profile":"p","ram_role_arn":"a"})";
    EXPECT_THAT(parse(loop), HasSubstr("leads back to profile 'p'"));
    EXPECT_THAT(parse(R"({"name":"p","mode":"ChainableRamRoleArn","source_profile":"z",)"
                      R"("ram_role_arn":"a"})"),
                HasSubstr("no profile 'z'"));
    std::string chain;
    for (int i = 0; i < 9; ++i) {
        chain +=
            fmt::format(R"({}{{"name":"{}","mode":"ChainableRamRoleArn","source_profile":"{}",)"
                        R"("ram_role_arn":"a"}})",
                        i == 0 ? "" : ",", i == 0 ? "p" : fmt::to_string(i), i + 1);
    }
    EXPECT_THAT(parse(chain), HasSubstr("more than 5 profiles"));
}

TEST(AliyunProfiles, current_profile_counts_and_an_empty_first_one_is_nothing) {
    const auto loaded = parse_aliyun(
        R"({"current":"b","profiles":[{"name":"a"},{"name":"b","mode":"AK","access_key_id":"i",)"
        R"("access_key_secret":"s","region_id":"cn-z"}]})",
        "F", "");
    EXPECT_EQ(recipe_of(loaded).key.access_key_id, "i");
    EXPECT_EQ(loaded->hints.region, "cn-z");
    const auto fresh = parse_aliyun(
        R"({"current":"default","profiles":[{"name":"default","mode":"AK","access_key_id":""}]})",
        "F", "");
    ASSERT_TRUE(fresh);
    EXPECT_FALSE(fresh->recipe);
}

TEST(AliyunProfiles, bad_documents_are_refused_without_quoting_them) {
    for (const std::string_view text :
         {"", "[]", "{", R"({"profiles": "hunter2"})", "\xff\xfe", R"({"a":"\ud800"})"}) {
        const auto loaded = parse_aliyun(text, "F", "p");
        ASSERT_FALSE(loaded) << text;
        EXPECT_THAT(loaded.error().message, Not(HasSubstr("hunter2")));
    }
    EXPECT_THAT(refusal_of(parse_aliyun(std::string(1000, '['), "F", "p")), HasSubstr("deeper"));
    EXPECT_THAT(refusal_of(parse_aliyun(std::string(300 << 10, ' '), "F", "p")),
                HasSubstr("longer"));
}

TEST(AlibabaCredentialsFile, types) {
    const std::string text =
        "[default]\ntype = access_key\naccess_key_id = i\naccess_key_secret = s\n"
        "[sts]\ntype=sts\naccess_key_id=i\naccess_key_secret=s\nsecurity_token=t\n"
        "[ecs]\ntype = ecs_ram_role\nrole_name = m\n"
        "[role]\ntype=ram_role_arn\naccess_key_id=i\naccess_key_secret=s\nrole_arn=a\n"
        "role_session_name=n\n"
        "[oidc]\ntype=oidc_role_arn\nrole_arn=a\noidc_provider_arn=b\noidc_token_file_path=/t\n"
        "[off]\nenable=false\ntype=access_key\naccess_key_id=i\naccess_key_secret=s\n"
        "[rsa]\ntype=rsa_key_pair\n";
    EXPECT_EQ(recipe_of(parse_alibaba(text, "F", "")).key.access_key_id, "i");
    EXPECT_EQ(recipe_of(parse_alibaba(text, "F", "sts")).key.session_token.reveal(), "t");
    EXPECT_EQ(recipe_of(parse_alibaba(text, "F", "ecs")).role, "m");
    EXPECT_EQ(recipe_of(parse_alibaba(text, "F", "role")).session_name, "n");
    EXPECT_EQ(recipe_of(parse_alibaba(text, "F", "oidc")).token_file, "/t");
    EXPECT_THAT(refusal_of(parse_alibaba(text, "F", "off")), HasSubstr("enable = false"));
    EXPECT_THAT(refusal_of(parse_alibaba(text, "F", "rsa")), HasSubstr("rsa_key_pair"));
    EXPECT_THAT(refusal_of(parse_alibaba(text, "F", "none")), HasSubstr("'none'"));
    const auto nothing = parse_alibaba("", "F", "");
    ASSERT_TRUE(nothing);
    EXPECT_FALSE(nothing->recipe);
}

TEST(OssutilFile, modes) {
    const auto parse = [](const std::string& lines) {
        return recipe_of(parse_ossutil("[Credentials]\n" + lines, "F", "", ""));
    };
    const Recipe role = parse(
        "mode=RamRoleArn\naccessKeyID=i\naccessKeySecret=s\nramRoleArn=a\ntokenTimeout=900\n");
    EXPECT_EQ(role.method, Recipe::Method::role);
    EXPECT_EQ(role.duration, std::chrono::seconds(900));
    EXPECT_EQ(parse("mode=EcsRamRole\necsRoleName=m\n").role, "m");
    EXPECT_EQ(parse("mode=Process\ncredentialProcess=cmd\n").command, "cmd");
    const Recipe service = parse("language=EN\n[AkService]\necsAk=http://100.100.100.200/x/role\n");
    EXPECT_EQ(service.method, Recipe::Method::uri);
    EXPECT_THAT(refusal_of(parse_ossutil("[AkService]\necsAk=http://example.com/x\n", "F", "", "")),
                HasSubstr("https"));
    EXPECT_THAT(refusal_of(parse_ossutil("[Credentials]\naccessKeyID=i\n", "F", "", "")),
                HasSubstr("lacks"));
    EXPECT_THAT(refusal_of(parse_ossutil("[Credentials]\naccessKeyID=i\naccessKeySecret=s\n"
                                         "mode=RamRoleArn\nramRoleArn=a\ntokenTimeout=9\n",
                                         "F", "", "")),
                HasSubstr("900 to 43200"));
}

class AwsProfileTest : public ::testing::Test {
  protected:
    Result<LoadedProfile> parse(const std::string& profile) {
        return parse_aws({.credentials = credentials_,
                          .credentials_path = "K",
                          .config = config_,
                          .config_path = "C"},
                         profile, Environment(environment_));
    }
    std::string credentials_;
    std::string config_;
    std::map<std::string, std::string> environment_;
};

TEST_F(AwsProfileTest, role_over_role_over_key) {
    credentials_ = "[base]\naws_access_key_id=i\naws_secret_access_key=s\n";
    config_ =
        "[profile top]\nrole_arn=arn:top\nsource_profile=mid\nexternal_id=e\n"
        "duration_seconds=1800\nregion=eu-west-1\n"
        "[profile mid]\nrole_arn=arn:mid\nsource_profile=base\nrole_session_name=n\n";
    const Recipe top = recipe_of(parse("top"));
    EXPECT_EQ(top.role, "arn:top");
    EXPECT_EQ(top.external_id, "e");
    EXPECT_EQ(top.duration, std::chrono::seconds(1800));
    EXPECT_EQ(top.sts_region, "eu-west-1");
    EXPECT_EQ(top.base->role, "arn:mid");
    EXPECT_EQ(top.base->session_name, "n");
    EXPECT_EQ(top.base->base->key.access_key_id, "i");
}

TEST_F(AwsProfileTest, loops_are_found_and_a_profile_may_build_on_its_own_key) {
    config_ =
        "[profile a]\nrole_arn=x\nsource_profile=b\n[profile b]\nrole_arn=x\nsource_profile=a\n"
        "[profile self]\nrole_arn=x\nsource_profile=self\naws_access_key_id=i\n"
        "aws_secret_access_key=s\n";
    EXPECT_THAT(refusal_of(parse("a")), HasSubstr("leads back"));
    EXPECT_EQ(recipe_of(parse("self")).base->key.access_key_id, "i");
}

TEST_F(AwsProfileTest, sources_of_a_role) {
    config_ =
        "[profile m]\nrole_arn=x\ncredential_source=Ec2InstanceMetadata\n"
        "[profile e]\nrole_arn=x\ncredential_source=Environment\n"
        "[profile c]\nrole_arn=x\ncredential_source=EcsContainer\n"
        "[profile w]\nrole_arn=x\nweb_identity_token_file=/t\n"
        "[profile n]\nrole_arn=x\n[profile mfa]\nrole_arn=x\nsource_profile=m\nmfa_serial=y\n";
    environment_ = {{"AWS_ACCESS_KEY_ID", "i"},
                    {"AWS_SECRET_ACCESS_KEY", "s"},
                    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}};
    EXPECT_EQ(recipe_of(parse("m")).base->method, Recipe::Method::metadata);
    EXPECT_EQ(recipe_of(parse("e")).base->key.access_key_id, "i");
    EXPECT_EQ(recipe_of(parse("c")).base->uri, "http://169.254.170.2/v2/x");
    EXPECT_EQ(recipe_of(parse("w")).method, Recipe::Method::web_identity);
    EXPECT_THAT(refusal_of(parse("n")), HasSubstr("source_profile"));
    EXPECT_THAT(refusal_of(parse("mfa")), HasSubstr("MFA"));
}

TEST_F(AwsProfileTest, name_with_a_blank_is_quoted_as_aws_configure_does) {
    config_ =
        "[profile 'my own']\nrole_arn=x\nsource_profile=base two\n"
        "[profile \"base two\"]\naws_access_key_id=i\naws_secret_access_key=s\n";
    EXPECT_EQ(recipe_of(parse("my own")).base->key.access_key_id, "i");
}

TEST_F(AwsProfileTest, program_is_run_without_a_shell_and_a_key_of_the_first_file_goes_before_it) {
    config_ = "[profile p]\ncredential_process=/bin/x 'a b'\n";
    const Recipe program = recipe_of(parse("p"));
    EXPECT_EQ(program.command, "/bin/x 'a b'");
    EXPECT_FALSE(program.shell);
    credentials_ = "[p]\naws_access_key_id=i\naws_secret_access_key=s\n";
    EXPECT_EQ(recipe_of(parse("p")).method, Recipe::Method::key);
}

TEST(KeyDocument, both_protocols_and_the_metadata_services) {
    const auto alibaba =
        parse_key_document(R"({"AccessKeyId":"i","AccessKeySecret":"s","SecurityToken":"t",)"
                           R"("Expiration":"2026-01-01T00:00:00Z","Code":"Success"})",
                           "it");
    ASSERT_TRUE(alibaba) << alibaba.error().message;
    EXPECT_EQ(alibaba->session_token.reveal(), "t");
    EXPECT_EQ(alibaba->expiration, parse_iso8601("2026-01-01T00:00:00Z"));
    const auto aws = parse_key_document(
        R"({"Version":1,"AccessKeyId":"i","SecretAccessKey":"s","SessionToken":"t"})", "it");
    ASSERT_TRUE(aws) << aws.error().message;
    EXPECT_FALSE(aws->expiration);
    const auto ec2 = parse_key_document(
        R"({"Code":"Success","AccessKeyId":"i","SecretAccessKey":"s","Token":"t"})", "it");
    ASSERT_TRUE(ec2);
    EXPECT_EQ(ec2->session_token.reveal(), "t");
    const auto cli = parse_key_document(
        R"({"mode":"StsToken","access_key_id":"i","access_key_secret":"s","sts_token":"t"})", "it");
    ASSERT_TRUE(cli);
    EXPECT_EQ(cli->session_token.reveal(), "t");
}

TEST(KeyDocument, an_expiration_may_have_any_form_of_rfc_3339) {
    // What `aws configure export-credentials` prints.
    const auto exported = parse_key_document(R"({
  "Version": 1,
  "AccessKeyId": "ASIAQEXAMPLE",
  "SecretAccessKey": "s/x+y",
  "SessionToken": "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJ=",
  "Expiration": "2026-11-28T12:00:00+00:00"
}
)",
                                             "it");
    ASSERT_TRUE(exported) << exported.error().message;
    const auto noon = parse_iso8601("2026-11-28T12:00:00Z");
    EXPECT_EQ(exported->expiration, noon);
    for (const char* text : {"2026-11-28T20:00:00+08:00", "2026-11-28T12:00:00.000000Z",
                             "2026-11-28T07:00:00.000-05:00"}) {
        const auto key = parse_key_document(std::string(R"({"AccessKeyId":"i","AccessKeySecret":)"
                                                        R"("s","Expiration":")") +
                                                text + "\"}",
                                            "it");
        ASSERT_TRUE(key) << text << key.error().message;
        EXPECT_EQ(key->expiration, noon) << text;
    }
}

TEST(KeyDocument, what_is_wrong_is_said_without_the_secret) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"Version":2,"AccessKeyId":"i","SecretAccessKey":"hunter2"})", "Version"},
        {R"({"Code":"Failed","AccessKeyId":"i","AccessKeySecret":"hunter2"})", "Code Failed"},
        {R"({"AccessKeySecret":"hunter2"})", "AccessKeyId"},
        {R"({"AccessKeyId":"i"})", "AccessKeySecret"},
        {R"({"AccessKeyId":"i","AccessKeySecret":"hunter2","Expiration":"soon"})", "Expiration"},
        {R"({"AccessKeyId":"i","AccessKeySecret":"hunter2","Expiration":7})", "Expiration"},
        {R"({"AccessKeyId":"i","AccessKeySecret":"hunter2\r\nX: y"})", "visible ASCII"},
        {R"({"AccessKeyId":7,"AccessKeySecret":"hunter2"})", "AccessKeyId"},
        {R"(hunter2)", "no JSON"},
    };
    for (const auto& [text, said] : cases) {
        const auto key = parse_key_document(text, "it");
        ASSERT_FALSE(key) << text;
        EXPECT_THAT(key.error().message, HasSubstr(said)) << text;
        EXPECT_THAT(key.error().message, Not(HasSubstr("hunter2"))) << text;
    }
}

TEST(KeyAddress, secrets_travel_only_by_tls_or_on_this_machine) {
    for (const char* good :
         {"https://x.example/y", "http://127.0.0.1:1/", "http://localhost/k", "http://[::1]:80/",
          "http://100.100.100.200/x", "http://169.254.169.254", "http://[fd00:ec2::254]/latest"}) {
        EXPECT_TRUE(check_key_address(good, "it")) << good;
    }
    for (const char* bad : {"http://example.com", "http://127.0.0.1.example.com/", "ftp://x/",
                            "https://u:p@x/", "https://", "", "http://169.254.evil.example/"}) {
        EXPECT_FALSE(check_key_address(bad, "it")) << bad;
    }
}

TEST(Spec, words) {
    EXPECT_EQ(parse_spec("aws:dev")->rest, "dev");
    EXPECT_EQ(parse_spec("process:a:b c")->rest, "a:b c");
    EXPECT_EQ(parse_spec("ecs")->word, "ecs");
    const auto bad = parse_spec("gcs");
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().message, HasSubstr("web-identity"));
}

}  // namespace
}  // namespace xbucket
