// SPDX-FileCopyrightText: the xbucket authors
#include "source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket::app {
namespace {

using ::testing::HasSubstr;

TEST(ParseSource, oss_bucket_without_prefix) {
    const auto source = parse_source("oss://examplebucket");
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->dialect, DialectKind::oss);
    EXPECT_FALSE(source->local);
    EXPECT_EQ(source->bucket, "examplebucket");
    EXPECT_EQ(source->prefix, "");
}

TEST(ParseSource, prefix_always_ends_in_a_slash) {
    for (const char* text : {"s3://b-1/photos/2024", "s3://b-1/photos/2024/"}) {
        const auto source = parse_source(text);
        ASSERT_TRUE(source) << source.error().message;
        EXPECT_EQ(source->dialect, DialectKind::s3);
        EXPECT_EQ(source->prefix, "photos/2024/");
    }
    EXPECT_EQ(parse_source("oss://bkt/")->prefix, "");
}

TEST(ParseSource, local_folder_with_and_without_a_bucket) {
    const auto plain = parse_source("local:/srv/buckets");
    ASSERT_TRUE(plain);
    EXPECT_TRUE(plain->local);
    EXPECT_EQ(plain->directory, "/srv/buckets");
    EXPECT_EQ(plain->bucket, "");
    const auto named = parse_source("local:./x y#photos/a/b");
    ASSERT_TRUE(named) << named.error().message;
    EXPECT_EQ(named->directory, "./x y");
    EXPECT_EQ(named->bucket, "photos");
    EXPECT_EQ(named->prefix, "a/b/");
}

TEST(ParseSource, bucket_stands_behind_the_last_mark_that_a_buckets_name_follows) {
    const auto key = parse_source("local:/d#photos/a#b.txt");
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->directory, "/d");
    EXPECT_EQ(key->bucket, "photos");
    EXPECT_EQ(key->prefix, "a#b.txt/");
    const auto folder = parse_source("local:/c#/src#photos");
    ASSERT_TRUE(folder) << folder.error().message;
    EXPECT_EQ(folder->directory, "/c#/src");
    EXPECT_EQ(folder->bucket, "photos");
    EXPECT_THAT(parse_source("local:/d#UPPER").error().message, HasSubstr("'UPPER'"));
}

TEST(ParseSource, s3_allows_dots_in_bucket_names_and_oss_does_not) {
    EXPECT_TRUE(parse_source("s3://www.example.com"));
    EXPECT_FALSE(parse_source("oss://www.example.com"));
}

TEST(ParseSource, refusals_name_the_forms_that_would_do) {
    for (const char* text : {"", "photos", "/dev/sda1", "http://host/bucket", "oss://", "oss://ab",
                             "oss://UPPER", "oss://-ab-", "s3:///x", "local:#b", "gs://bucket"}) {
        const auto source = parse_source(text);
        ASSERT_FALSE(source) << text;
        EXPECT_EQ(source.error().kind, ErrorKind::invalid_argument);
        EXPECT_THAT(source.error().message, HasSubstr("write ")) << text;
    }
    EXPECT_FALSE(parse_source("local:"));
    EXPECT_THAT(parse_source("oss://bucket//x").error().message, HasSubstr("//"));
    EXPECT_THAT(parse_source("http://h/b").error().message, HasSubstr("--endpoint"));
}

TEST(ChooseLocalBucket, named_only_empty_and_ambiguous) {
    Source source = *parse_source("local:/d");
    EXPECT_EQ(*choose_local_bucket(source, {}), "bucket");
    EXPECT_EQ(*choose_local_bucket(source, {"photos"}), "photos");
    const auto many = choose_local_bucket(source, {"a1", "b1"});
    ASSERT_FALSE(many);
    EXPECT_THAT(many.error().message, HasSubstr("local:/d#a1"));
    source = *parse_source("local:/d#c11");
    EXPECT_EQ(*choose_local_bucket(source, {"a1", "b1"}), "c11");
}

}  // namespace
}  // namespace xbucket::app
