// SPDX-FileCopyrightText: the xbucket authors
// The keys that other mounts write (peers.md 1a) are read, and ours are what they read.
#include "xbucket/meta/posix_record.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

PosixRecord read(const UserMetadata& user) {
    ObjectAttributes attributes;
    attributes.user = user;
    return read_posix_record(attributes);
}

WallTime at(int64_t seconds, int64_t nanoseconds = 0) {
    return WallTime::from_seconds(seconds) + std::chrono::nanoseconds(nanoseconds);
}

TEST(PosixRecord, reads_what_s3fs_writes) {
    const auto record = read({{"mode", "33188"},
                              {"uid", "1000"},
                              {"gid", "100"},
                              {"mtime", "1700000000.500000000"},
                              {"ctime", "1700000001"}});
    EXPECT_EQ(record.mode, 0100644U);
    EXPECT_EQ(record.uid, 1000U);
    EXPECT_EQ(record.gid, 100U);
    EXPECT_EQ(record.mtime, at(1'700'000'000, 500'000'000));
    EXPECT_EQ(record.ctime, at(1'700'000'001));
    EXPECT_FALSE(record.atime);
}

TEST(PosixRecord, reads_rclone_fractions_and_octal_modes) {
    EXPECT_EQ(read({{"mtime", "1500000000.25"}}).mtime, at(1'500'000'000, 250'000'000));
    EXPECT_EQ(read({{"mtime", "1500000000.123456789123"}}).mtime, at(1'500'000'000, 123'456'789));
    EXPECT_EQ(read({{"mode", "100644"}}).mode, 0100644U);
    EXPECT_EQ(read({{"mode", "0100600"}}).mode, 0100600U);
    EXPECT_EQ(read({{"mode", "40755"}}).mode, 040755U);
    EXPECT_EQ(read({{"mode", "16877"}}).mode, 040755U);
}

TEST(PosixRecord, reads_s3sync_gsutil_and_gcsfuse) {
    EXPECT_EQ(read({{"permissions", "33261"}}).mode, 0100755U);
    EXPECT_EQ(read({{"owner", "5"}}).uid, 5U);
    EXPECT_EQ(read({{"goog-reserved-posix-mode", "640"}}).mode, 0640U);
    EXPECT_EQ(read({{"goog-reserved-file-mtime", "1600000000"}}).mtime, at(1'600'000'000));
    EXPECT_EQ(read({{"gcsfuse_mtime", "2020-09-13T12:26:40.5Z"}}).mtime,
              at(1'600'000'000, 500'000'000));
    EXPECT_EQ(read({{"gcsfuse_mtime", "2020-09-13T20:26:40+08:00"}}).mtime, at(1'600'000'000));
}

TEST(PosixRecord, nonsense_is_as_if_it_were_not_there) {
    for (const char* text : {"", "x", "1e9", "--1", "1.2.3", "99999999999999999999", "+1", "1.x"})
        EXPECT_FALSE(read({{"mtime", text}}).mtime) << text;
    for (const char* text : {"", "rw", "-1", "999999", "8888888"})
        EXPECT_FALSE(read({{"mode", text}}).mode) << text;
    EXPECT_FALSE(read({{"uid", "4294967295"}}).uid) << "means no change to chown";
}

TEST(PosixRecord, writes_and_reads_back_times_before_1970_too) {
    for (const WallTime time : {at(0), at(-1), at(-2, 500'000'000), at(1'700'000'000, 1)}) {
        ObjectAttributes attributes;
        PosixRecord record;
        record.mtime = time;
        record.mode = 0120777;
        write_posix_record(record, attributes);
        EXPECT_EQ(read_posix_record(attributes), record) << attributes.user.at("mtime");
    }
}

TEST(PosixRecord, writing_what_is_there_keeps_the_spelling) {
    ObjectAttributes attributes;
    attributes.user = {{"mtime", "1500000000.25"}, {"year", "2021"}};
    PosixRecord record;
    record.mtime = at(1'500'000'000, 250'000'000);
    const ObjectAttributes before = attributes;
    write_posix_record(record, attributes);
    EXPECT_EQ(attributes, before);
}

TEST(PosixRecord, merge_keeps_what_the_change_does_not_set) {
    PosixRecord record;
    record.uid = 1;
    record.mode = 0644;
    PosixRecord change;
    change.mode = 0600;
    record.merge(change);
    EXPECT_EQ(record.uid, 1U);
    EXPECT_EQ(record.mode, 0600U);
}

}  // namespace
}  // namespace xbucket
