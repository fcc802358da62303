// SPDX-FileCopyrightText: the xbucket authors
#include "endpoint.h"

#include "store_fixture.h"

#include <gmock/gmock.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using testing::oss_config;
using testing::s3_config;

HttpStoreConfig config(DialectKind dialect, std::string endpoint, std::string region = "",
                       std::string bucket = "bucket") {
    HttpStoreConfig out;
    out.dialect = dialect;
    out.endpoint = std::move(endpoint);
    out.region = std::move(region);
    out.bucket = std::move(bucket);
    return out;
}
constexpr auto kOss = DialectKind::oss;
constexpr auto kS3 = DialectKind::s3;

TEST(Endpoint, region_style_and_origin_follow_from_what_is_given) {
    struct Row {
        HttpStoreConfig config;
        const char* origin;
        const char* region;
        const char* path;  // of key "a b"
    };
    const Row rows[] = {
        {config(kOss, "", "cn-hangzhou"), "https://bucket.oss-cn-hangzhou.aliyuncs.com",
         "cn-hangzhou", "/a%20b"},
        {config(kOss, "", "oss-cn-hangzhou"), "https://bucket.oss-cn-hangzhou.aliyuncs.com",
         "cn-hangzhou", "/a%20b"},
        {config(kOss, "oss-cn-beijing-internal.aliyuncs.com"),
         "https://bucket.oss-cn-beijing-internal.aliyuncs.com", "cn-beijing", "/a%20b"},
        {config(kOss, "http://cn-hangzhou.oss.aliyuncs.com/"),
         "http://bucket.cn-hangzhou.oss.aliyuncs.com", "cn-hangzhou", "/a%20b"},
        {config(kOss, "https://bucket.oss-cn-hangzhou.aliyuncs.com"),
         "https://bucket.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou", "/a%20b"},
        {config(kOss, "https://oss-accelerate.aliyuncs.com", "cn-hangzhou"),
         "https://bucket.oss-accelerate.aliyuncs.com", "cn-hangzhou", "/a%20b"},
        {config(kOss, "http://127.0.0.1:8080", "any"), "http://127.0.0.1:8080", "any",
         "/bucket/a%20b"},
        {config(kOss, "http://[::1]:8080", "any"), "http://[::1]:8080", "any", "/bucket/a%20b"},
        {config(kOss, "http://LocalHost:80", "any"), "http://localhost", "any", "/bucket/a%20b"},
        {config(kS3, ""), "https://bucket.s3.us-east-1.amazonaws.com", "us-east-1", "/a%20b"},
        {config(kS3, "", "eu-west-1"), "https://bucket.s3.eu-west-1.amazonaws.com", "eu-west-1",
         "/a%20b"},
        {config(kS3, "", "cn-north-1"), "https://bucket.s3.cn-north-1.amazonaws.com.cn",
         "cn-north-1", "/a%20b"},
        {config(kS3, "https://s3.amazonaws.com"), "https://bucket.s3.amazonaws.com", "us-east-1",
         "/a%20b"},
        {config(kS3, "https://s3-eu-west-1.amazonaws.com"),
         "https://bucket.s3-eu-west-1.amazonaws.com", "eu-west-1", "/a%20b"},
        {config(kS3, "https://s3.dualstack.eu-west-1.amazonaws.com"),
         "https://bucket.s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1", "/a%20b"},
        {config(kS3, "", "eu-west-1", "dotted.bucket"), "https://s3.eu-west-1.amazonaws.com",
         "eu-west-1", "/dotted.bucket/a%20b"},
        {config(kS3, "https://minio.example.com:9000"), "https://minio.example.com:9000",
         "us-east-1", "/bucket/a%20b"},
        {config(kS3, "https://s3.oss-cn-hangzhou.aliyuncs.com"),
         "https://bucket.s3.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou", "/a%20b"},
        {config(kS3, "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com", "", "mine"),
         "https://mine.bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1", "/a%20b"},
        {config(kS3, "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com"),
         "https://bucket.bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1", "/a%20b"},
        {config(kS3, "https://s3-accelerate.dualstack.amazonaws.com"),
         "https://bucket.s3-accelerate.dualstack.amazonaws.com", "us-east-1", "/a%20b"},
        {config(kS3, "https://s3-fips.us-east-2.amazonaws.com"),
         "https://bucket.s3-fips.us-east-2.amazonaws.com", "us-east-2", "/a%20b"},
        {config(kS3, "https://s3-fips-us-gov-west-1.amazonaws.com"),
         "https://bucket.s3-fips-us-gov-west-1.amazonaws.com", "us-gov-west-1", "/a%20b"},
    };
    for (const Row& row : rows) {
        const auto address = make_address(row.config);
        ASSERT_TRUE(address) << row.config.endpoint << ": " << address.error().describe();
        EXPECT_EQ(address->origin(), row.origin);
        EXPECT_EQ(address->region, row.region) << row.origin;
        EXPECT_EQ(address->encoded_path(ObjectKey("a b")), row.path) << row.origin;
    }
}

TEST(Endpoint, addressing_can_be_forced) {
    HttpStoreConfig cname = config(kOss, "https://files.example.com", "cn-hangzhou");
    cname.addressing = AddressingStyle::cname;
    EXPECT_EQ(make_address(cname)->origin(), "https://files.example.com");
    EXPECT_EQ(make_address(cname)->encoded_path(ObjectKey("k")), "/k");
    HttpStoreConfig host = config(kS3, "http://localhost:9000");
    host.addressing = AddressingStyle::virtual_host;
    EXPECT_EQ(make_address(host)->host_header(), "bucket.localhost:9000");
    EXPECT_EQ(make_address(host)->encoded_path(ObjectKey()), "/");
    HttpStoreConfig path = oss_config();
    path.addressing = AddressingStyle::path;
    EXPECT_EQ(make_address(path)->encoded_path(ObjectKey()), "/examplebucket/");
}

TEST(Endpoint, says_what_to_give_when_something_is_missing_or_wrong) {
    const auto no_region = make_address(config(kOss, "https://oss-accelerate.aliyuncs.com"));
    ASSERT_FALSE(no_region);
    EXPECT_EQ(no_region.error().kind, ErrorKind::invalid_argument);
    EXPECT_THAT(no_region.error().message, HasSubstr("--region"));
    EXPECT_THAT(make_address(config(kOss, "")).error().message, HasSubstr("--region"));
    for (const char* endpoint :
         {"ftp://h", "https://", "https://h:0", "https://h:65536", "https://h:12x", "https://a b",
          "https://h/path", "https://[::1", "https://user@h", "https://h?x", "https://h\r\nX: y"}) {
        const auto address = make_address(config(kOss, endpoint, "cn-hangzhou"));
        ASSERT_FALSE(address) << endpoint;
        EXPECT_EQ(address.error().kind, ErrorKind::invalid_argument) << endpoint;
    }
    EXPECT_EQ(make_address(config(kOss, "", "cn hangzhou")).error().kind,
              ErrorKind::invalid_argument);
    HttpStoreConfig v1 = config(kOss, "http://old.example.com");
    v1.signature = SignatureVersion::v1;
    EXPECT_TRUE(make_address(v1)) << "V1 needs no region";
}

TEST(Endpoint, bucket_names_that_cannot_be_are_refused) {
    for (const char* bucket :
         {"", "ab", "-abc", "abc-", "a..b", "a/b", "UPPER", "a_b", "a b", "abc.", "b\r\n"}) {
        const auto address = make_address(config(kOss, "", "cn-hangzhou", bucket));
        ASSERT_FALSE(address) << bucket;
        EXPECT_EQ(address.error().kind, ErrorKind::invalid_name) << bucket;
    }
    // Old S3 and other servers, reached by path, have them.
    EXPECT_TRUE(make_address(config(kS3, "http://127.0.0.1:1", "", "Old_Bucket")));
}

TEST(Endpoint, a_hint_moves_region_and_host_within_the_same_domain_only) {
    struct Row {
        HttpStoreConfig config;
        const char* hint;
        const char* origin;  // "" = not followed
        const char* region;
    };
    const Row rows[] = {
        {oss_config(), "oss-cn-beijing.aliyuncs.com",
         "https://examplebucket.oss-cn-beijing.aliyuncs.com", "cn-beijing"},
        {oss_config(), "examplebucket.oss-cn-beijing.aliyuncs.com",
         "https://examplebucket.oss-cn-beijing.aliyuncs.com", "cn-beijing"},
        {oss_config(), "oss-cn-beijing", "https://examplebucket.oss-cn-beijing.aliyuncs.com",
         "cn-beijing"},
        {s3_config(), "eu-west-1", "https://examplebucket.s3.eu-west-1.amazonaws.com", "eu-west-1"},
        {s3_config(), "examplebucket.s3.eu-west-1.amazonaws.com",
         "https://examplebucket.s3.eu-west-1.amazonaws.com", "eu-west-1"},
        {config(kS3, "http://127.0.0.1:9000"), "eu-west-1", "http://127.0.0.1:9000", "eu-west-1"},
        {oss_config(), "oss-cn-hangzhou.aliyuncs.com", "", ""},
        {oss_config(), "oss-cn-beijing.aliyuncs.com.evil.example", "", ""},
        {oss_config(), "evil-aliyuncs.com", "", ""},
        // What ends the host in a URL would send the signed request to what stands before it.
        {oss_config(), "evil.example/x.aliyuncs.com", "", ""},
        {oss_config(), "evil.example#.aliyuncs.com", "", ""},
        {oss_config(), "x@evil.example?.aliyuncs.com", "", ""},
        {oss_config(), "aliyuncs.com", "", ""},
        {s3_config(), "s3.eu-west-1.amazonaws.com.cn", "", ""},
        {s3_config(), "cn-north-1", "", ""},
        {config(kS3, "http://127.0.0.1:9000"), "10.0.0.1", "", ""},
        {s3_config(), "", "", ""},
        {s3_config(), "not a region", "", ""},
    };
    for (const Row& row : rows) {
        const auto from = make_address(row.config);
        ASSERT_TRUE(from);
        const auto to = corrected_address(*from, row.hint);
        EXPECT_EQ(to.has_value(), *row.origin != '\0') << row.hint;
        if (to) {
            EXPECT_EQ(to->origin(), row.origin);
            EXPECT_EQ(to->region, row.region);
        }
    }
}

TEST(Endpoint, an_endpoint_that_was_chosen_with_care_is_not_left_for_a_public_one) {
    for (const char* host :
         {"bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "s3-fips.us-east-1.amazonaws.com",
          "s3-fips.dualstack.us-east-1.amazonaws.com", "s3-accelerate.amazonaws.com",
          "s3-accelerate.dualstack.amazonaws.com", "s3.us-east-1.vpce.amazonaws.com"}) {
        const auto from = make_address(config(kS3, std::string("https://") + host, "", "mine"));
        ASSERT_TRUE(from) << host;
        for (const char* hint : {"eu-west-1", "mine.s3.eu-west-1.amazonaws.com"}) {
            const auto to = corrected_address(*from, hint);
            ASSERT_TRUE(to) << host << " " << hint;
            EXPECT_EQ(to->host, host) << hint;
            EXPECT_EQ(to->region, "eu-west-1") << host;
        }
    }
    for (const char* host :
         {"s3.us-east-1.amazonaws.com", "s3-us-east-1.amazonaws.com", "s3.amazonaws.com"}) {
        const auto from = make_address(config(kS3, std::string("https://") + host, "", "mine"));
        EXPECT_EQ(corrected_address(*from, "eu-west-1")->host, "s3.eu-west-1.amazonaws.com");
    }
    const auto dual = make_address(config(kS3, "s3.dualstack.us-east-1.amazonaws.com"));
    EXPECT_EQ(corrected_address(*dual, "eu-west-1")->host, "s3.dualstack.eu-west-1.amazonaws.com");
    const auto link = make_address(
        config(kOss, "https://ep-1.oss.cn-hangzhou.privatelink.aliyuncs.com", "cn-hangzhou"));
    ASSERT_TRUE(link);
    EXPECT_EQ(corrected_address(*link, "oss-cn-beijing.aliyuncs.com")->host, link->host);
}

TEST(Endpoint, amazons_promises_are_kept_on_amazons_own_domain_only) {
    const auto original = [](DialectKind dialect, const char* endpoint) {
        const auto address = make_address(config(dialect, endpoint, "cn-hangzhou"));
        EXPECT_TRUE(address->is_official()) << endpoint;
        return address->is_original();
    };
    EXPECT_TRUE(original(kS3, "https://s3.us-east-1.amazonaws.com"));
    EXPECT_TRUE(original(kS3, "https://s3.cn-north-1.amazonaws.com.cn"));
    EXPECT_TRUE(original(kOss, "https://oss-cn-hangzhou.aliyuncs.com"));
    EXPECT_FALSE(original(kS3, "https://s3.oss-cn-hangzhou.aliyuncs.com"));
}

TEST(Endpoint, registrable_domains) {
    EXPECT_EQ(registrable_domain("oss-cn-hangzhou.aliyuncs.com"), "aliyuncs.com");
    EXPECT_EQ(registrable_domain("s3.cn-north-1.amazonaws.com.cn"), "amazonaws.com.cn");
    EXPECT_EQ(registrable_domain("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(registrable_domain("[::1]"), "[::1]");
    EXPECT_EQ(registrable_domain("localhost"), "localhost");
    EXPECT_EQ(registrable_domain("a.b"), "a.b");
    EXPECT_EQ(registrable_domain("."), ".");
    EXPECT_EQ(registrable_domain(""), "");
}

TEST(Endpoint, time_is_believed_over_tls_and_from_this_machine_only) {
    EXPECT_TRUE(make_address(oss_config())->is_authenticated());
    EXPECT_TRUE(make_address(config(kS3, "http://127.0.0.1:1"))->is_authenticated());
    EXPECT_TRUE(make_address(config(kS3, "http://[::1]:1"))->is_authenticated());
    EXPECT_FALSE(make_address(config(kS3, "http://10.0.0.1:1"))->is_authenticated());
    EXPECT_FALSE(make_address(config(kS3, "http://127.example.com"))->is_authenticated());
}

}  // namespace
}  // namespace xbucket
