// SPDX-FileCopyrightText: the xbucket authors
// Listings of both versions in both dialects (protocol.md 5).
#include "fixture.h"

#include "xbucket/base/encoding.h"

#include <map>
#include <random>
#include <set>

namespace xbucket::testing {
namespace {

std::vector<std::string> all_of(const std::string& body, const std::string& open,
                                const std::string& close) {
    std::vector<std::string> found;
    for (size_t at = body.find(open); at != std::string::npos; at = body.find(open, at)) {
        at += open.size();
        found.push_back(percent_decode(body.substr(at, body.find(close, at) - at)).value_or("?"));
    }
    return found;
}
std::vector<std::string> keys_of(const Answer& a) {
    return all_of(a.body, "<Contents><Key>", "</Key>");
}
std::vector<std::string> prefixes_of(const Answer& a) {
    return all_of(a.body, "<CommonPrefixes><Prefix>", "</Prefix>");
}
using Names = std::vector<std::string>;

class ListTest : public BothDialects {};
INSTANTIATE_TEST_SUITE_P(Dialects, ListTest, ::testing::Values(Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(ListTest, delimiter_rolls_keys_up_and_prefix_selects) {
    for (const char* key : {"a", "dir/", "dir/x", "dir/y", "dir0", "z/1/2", "z/3"}) {
        any().put(key, key);
    }
    const Answer top = any().list({{"list-type", "2"}, {"delimiter", "/"}});
    EXPECT_EQ(keys_of(top), (Names{"a", "dir0"}));
    EXPECT_EQ(prefixes_of(top), (Names{"dir/", "z/"}));
    EXPECT_EQ(top.xml("KeyCount"), "4");
    EXPECT_EQ(top.xml("IsTruncated"), "false");
    const Answer dir = any().list({{"list-type", "2"}, {"delimiter", "/"}, {"prefix", "dir/"}});
    EXPECT_EQ(keys_of(dir), (Names{"dir/", "dir/x", "dir/y"}));
    EXPECT_EQ(prefixes_of(dir), Names{});
    EXPECT_EQ(keys_of(any().list({{"prefix", "z"}})), (Names{"z/1/2", "z/3"}));
}

TEST_P(ListTest, entries_say_size_etag_and_time) {
    any().put("k", "123456789");
    const Answer page = any().list({{"list-type", "2"}});
    EXPECT_EQ(page.xml("Size"), "9");
    EXPECT_EQ(page.xml("ETag"), any().head("k").header("ETag"));
    EXPECT_EQ(page.xml("LastModified"), format_iso8601(clock_.wall_now()));
    EXPECT_EQ(page.xml("StorageClass"), is_oss() ? "Standard" : "STANDARD");
    EXPECT_EQ(page.xml("Type"), is_oss() ? "Normal" : "");
    EXPECT_EQ(page.body.find("<Owner>"), std::string::npos);
    EXPECT_NE(any().list({{"list-type", "2"}, {"fetch-owner", "true"}}).body.find("<Owner>"),
              std::string::npos);
}

TEST_P(ListTest, pages_of_any_size_give_every_entry_once) {
    std::mt19937 random(7);
    std::set<std::string> keys;
    while (keys.size() < 120) {
        std::string key;
        const unsigned parts = static_cast<unsigned>(1 + random() % 3);
        for (unsigned i = 0; i < parts; ++i) {
            key += (i ? "/" : "") + std::string(1, static_cast<char>('a' + random() % 4)) +
                   std::string(random() % 3, static_cast<char>(0xfd + random() % 3));
        }
        if (random() % 5 == 0) key += '/';
        keys.insert(key);
    }
    for (const auto& key : keys) ASSERT_EQ(any().put(key, "x").status, 200);
    for (const char* delimiter : {"", "/", "a"}) {
        std::set<std::string> expected_keys;
        std::set<std::string> expected_prefixes;
        for (const auto& key : keys) {
            const size_t at = *delimiter ? key.find(delimiter) : std::string::npos;
            if (at == std::string::npos) {
                expected_keys.insert(key);
            } else {
                expected_prefixes.insert(key.substr(0, at + 1));
            }
        }
        for (const char* size : {"1", "3", "50"}) {
            for (const bool v2 : {true, false}) {
                std::vector<std::string> got_keys;
                std::vector<std::string> got_prefixes;
                std::string next;
                for (int page = 0; page < 500; ++page) {
                    QueryParameters query{{"encoding-type", "url"}, {"max-keys", size}};
                    if (*delimiter) query.emplace_back("delimiter", delimiter);
                    if (v2) query.emplace_back("list-type", "2");
                    if (!next.empty())
                        query.emplace_back(v2 ? "continuation-token" : "marker", next);
                    const Answer a = any().list(query);
                    ASSERT_EQ(a.status, 200) << a.body;
                    const auto k = keys_of(a);
                    const auto p = prefixes_of(a);
                    got_keys.insert(got_keys.end(), k.begin(), k.end());
                    got_prefixes.insert(got_prefixes.end(), p.begin(), p.end());
                    if (a.xml("IsTruncated") == "false") break;
                    next = a.xml(v2 ? "NextContinuationToken" : "NextMarker");
                    if (!v2) next = percent_decode(next).value_or("");
                    if (!v2 && next.empty()) next = k.back();  // S3 V1 without delimiter
                    ASSERT_FALSE(next.empty());
                }
                EXPECT_EQ(got_keys, Names(expected_keys.begin(), expected_keys.end()));
                EXPECT_EQ(got_prefixes, Names(expected_prefixes.begin(), expected_prefixes.end()));
            }
        }
    }
}

TEST_P(ListTest, start_after_inside_a_common_prefix_leaves_it_out) {
    for (const char* key : {"a/1", "a/2", "b"}) any().put(key, "x");
    const Answer page =
        any().list({{"list-type", "2"}, {"delimiter", "/"}, {"start-after", "a/1"}});
    EXPECT_EQ(prefixes_of(page), Names{});
    EXPECT_EQ(keys_of(page), Names{"b"});
}

TEST_P(ListTest, control_characters_travel_with_url_encoding) {
    const std::string key = "c\x01\x1f<&>\xff";
    any().put(key, "x");
    const Answer page = any().list({{"list-type", "2"}, {"encoding-type", "url"}});
    EXPECT_EQ(page.xml("EncodingType"), "url");
    EXPECT_EQ(keys_of(page), Names{key});
    EXPECT_NE(any().list({{"list-type", "2"}}).body.find("c&#x1;&#x1f;&lt;&amp;&gt;"),
              std::string::npos);
}

TEST_F(LocalServerTest, page_sizes_default_to_100_on_oss_and_1000_on_s3) {
    for (int i = 0; i < 101; ++i) oss().put("k" + std::to_string(i), "x");
    EXPECT_EQ(keys_of(oss().list({})).size(), 100U);
    EXPECT_EQ(keys_of(s3().list({})).size(), 101U);
    EXPECT_EQ(oss().list({{"max-keys", "1001"}}).code(), "InvalidArgument");
    EXPECT_EQ(s3().list({{"max-keys", "1001"}}).xml("MaxKeys"), "1000");
    EXPECT_EQ(s3().list({{"max-keys", "0"}}).xml("IsTruncated"), "false");
    EXPECT_NE(oss().list({}).body.find("xmlns=\"http://doc.oss-cn-hangzhou.aliyuncs.com\""),
              std::string::npos);
    EXPECT_NE(s3().list({}).body.find("xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""),
              std::string::npos);
}

TEST_P(ListTest, a_broken_token_is_refused) {
    EXPECT_EQ(any().list({{"list-type", "2"}, {"continuation-token", "*"}}).code(),
              "InvalidArgument");
}

TEST_F(LocalServerTest, buckets_are_folders_and_come_and_go_by_request) {
    EXPECT_EQ(oss().send({.method = "PUT", .bucket = "made-by-put"}).status, 200);
    EXPECT_TRUE(std::filesystem::is_directory(folder_.path() + "/made-by-put"));
    std::filesystem::create_directory(folder_.path() + "/made-by-hand");
    const Answer list = oss().send({.bucket = ""});
    EXPECT_EQ(all_of(list.body, "<Name>", "</Name>"),
              (Names{"bkt", "made-by-hand", "made-by-put"}));
    EXPECT_EQ(s3().send({.bucket = ""}).status, 200);
    EXPECT_EQ(s3().send({.method = "PUT", .bucket = "bkt"}).code(), "BucketAlreadyOwnedByYou");
    EXPECT_EQ(oss().send({.method = "PUT", .bucket = "Bad_Name"}).code(), "InvalidBucketName");
    EXPECT_EQ(oss().send({.method = "HEAD", .bucket = "made-by-hand"}).status, 200);
    oss().send({.method = "PUT", .bucket = "made-by-put", .key = "k", .body = "x"});
    EXPECT_EQ(oss().send({.method = "DELETE", .bucket = "made-by-put"}).code(), "BucketNotEmpty");
    oss().send({.method = "DELETE", .bucket = "made-by-put", .key = "k"});
    EXPECT_EQ(oss().send({.method = "DELETE", .bucket = "made-by-put"}).status, 204);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/made-by-put"));
    EXPECT_EQ(oss().send({.bucket = "made-by-put"}).code(), "NoSuchBucket");
}

TEST_F(LocalServerTest, bucket_info_location_and_versioning_are_told) {
    const Answer info = oss().list({{"bucketInfo", ""}});
    EXPECT_EQ(info.xml("Location"), "oss-cn-hangzhou");
    EXPECT_EQ(info.xml("Name"), "bkt");
    EXPECT_EQ(info.xml("Versioning"), "");
    EXPECT_EQ(oss().list({{"location", ""}}).xml("LocationConstraint"), "oss-cn-hangzhou");
    const std::string enable =
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    ASSERT_EQ(oss().send({.method = "PUT", .query = {{"versioning", ""}}, .body = enable}).status,
              200);
    EXPECT_EQ(oss().list({{"versioning", ""}}).xml("Status"), "Enabled");
    EXPECT_EQ(oss().list({{"bucketInfo", ""}}).xml("Versioning"), "Enabled");
    EXPECT_EQ(s3().list({{"lifecycle", ""}}).code(), "NoSuchLifecycleConfiguration");
    EXPECT_EQ(s3().list({{"analytics", ""}}).code(), "NotImplemented");
}

}  // namespace
}  // namespace xbucket::testing
