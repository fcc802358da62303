// SPDX-FileCopyrightText: the xbucket authors
// Goal: nothing that HEAD said is lost or altered by the cache's packed form. Method: round trips
// of objects with every member set, with none, and with random ones.
#include "packed_info.h"

#include <gtest/gtest.h>

#include <random>

namespace xbucket {
namespace {

void expect_same(const ObjectInfo& a, const ObjectInfo& b) {
    EXPECT_EQ(a.attributes, b.attributes);
    EXPECT_EQ(a.etag, b.etag);
    EXPECT_EQ(a.size, b.size);
    EXPECT_EQ(a.last_modified, b.last_modified);
    EXPECT_EQ(a.date, b.date);
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.version_id, b.version_id);
    EXPECT_EQ(a.crc64, b.crc64);
    EXPECT_EQ(a.restore, b.restore);
    EXPECT_EQ(a.expiration, b.expiration);
    EXPECT_EQ(a.replication_status, b.replication_status);
    EXPECT_EQ(a.tag_count, b.tag_count);
    EXPECT_EQ(a.missing_metadata, b.missing_metadata);
    EXPECT_EQ(a.next_append_position, b.next_append_position);
}

ObjectInfo full_info() {
    ObjectInfo info;
    for (const HttpField field : kHttpFields)
        info.attributes[field] = "value of " + std::string(to_string(field));
    info.attributes.user = {{"year", "2021"}, {"mtime", "1600000000.25"}, {"empty", ""}};
    info.attributes.storage_class = "IA";
    info.attributes.sse = {"KMS", "key", "SM4", true};
    info.attributes.website_redirect = "/elsewhere";
    info.attributes.lock = {"GOVERNANCE", "2030-01-01T00:00:00Z", "ON"};
    info.attributes.persistent = {{"x-own", "1"}};
    info.etag = ETag("5B3C1A2E053D763E1B002CC607C5A0FE");
    info.size = UINT64_MAX;
    info.last_modified = WallTime::from_seconds(1'700'000'000);
    info.date = WallTime::from_seconds(-1);
    info.type = ObjectType::appendable;
    info.version_id = VersionId("v1");
    info.crc64 = 0;
    info.restore = "ongoing-request=\"true\"";
    info.expiration = "expiry-date=\"...\"";
    info.replication_status = "COMPLETED";
    info.tag_count = 3;
    info.missing_metadata = 2;
    info.next_append_position = 1U << 31U;
    return info;
}

TEST(PackedInfo, an_object_with_everything_comes_back_whole) {
    const ObjectInfo info = full_info();
    expect_same(unpack_info(pack(info)), info);
}

TEST(PackedInfo, an_object_with_nothing_comes_back_whole) {
    expect_same(unpack_info(pack(ObjectInfo{})), ObjectInfo{});
}

TEST(PackedInfo, a_summary_of_a_complete_object_has_its_recorded_posix_state) {
    ObjectInfo info = full_info();
    info.attributes.user["mode"] = "33188";
    const ObjectSummary summary = unpack_summary(pack(info));
    EXPECT_EQ(summary.size, info.size);
    EXPECT_EQ(summary.etag, info.etag);
    EXPECT_EQ(summary.last_modified, info.last_modified);
    EXPECT_EQ(summary.type, info.type);
    EXPECT_EQ(summary.storage_class, info.attributes.storage_class);
    EXPECT_EQ(summary.posix, read_posix_record(info.attributes));
    EXPECT_EQ(summary.posix.mode, 33188U);
}

TEST(PackedInfo, a_packed_object_takes_little_more_than_its_strings) {
    ObjectInfo info;
    size_t strings = 0;
    for (const char* name : {"one", "two", "three", "four", "five"}) {
        info.attributes.user[name] = "some value";
        strings += std::string_view(name).size() + 10;
    }
    info.attributes[HttpField::content_type] = "text/plain";
    info.etag = ETag("5B3C1A2E053D763E1B002CC607C5A0FE");
    info.last_modified = info.date = WallTime::from_seconds(1'700'000'000);
    info.crc64 = UINT64_MAX;
    strings += 10 + 32;
    EXPECT_LE(pack(info).size(), strings + 60);
}

TEST(PackedInfo, random_objects_come_back_whole) {
    const auto seed = std::random_device()();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const auto text = [&] {
        std::string t(random() % 300, '\0');
        for (char& c : t) c = static_cast<char>(random());
        return t;
    };
    for (int i = 0; i < 1000; ++i) {
        ObjectInfo info;
        for (const HttpField field : kHttpFields)
            if (random() % 2 == 0) info.attributes[field] = text();
        for (uint64_t n = random() % 8; n != 0; --n) info.attributes.user[text()] = text();
        if (random() % 2 == 0) info.attributes.sse.key_id = text();
        if (random() % 2 == 0) info.attributes.lock.legal_hold = text();
        info.attributes.sse.bucket_key = random() % 2 == 0;
        info.attributes.sse.customer_key = random() % 2 == 0;
        info.etag = ETag(text());
        info.size = random() >> (random() % 64);
        info.last_modified = WallTime::from_seconds(static_cast<int64_t>(random() >> 34U));
        info.type = static_cast<ObjectType>(random() % 5);
        if (random() % 2 == 0) info.crc64 = random();
        if (random() % 2 == 0) info.tag_count = static_cast<unsigned>(random());
        expect_same(unpack_info(pack(info)), info);
    }
}

}  // namespace
}  // namespace xbucket
