// SPDX-FileCopyrightText: the xbucket authors
// What an inode shows after one stat and the next (the rule on top of inode.h).
#include "inode.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace xbucket {
namespace {

constexpr int64_t kWritten = 1'700'000'000;
constexpr int64_t kRecorded = 1'600'000'000;

class InodeTest : public ::testing::Test {
  protected:
    InodeTest() {
        config_.uid = 1000;
        config_.gid = 1000;
    }
    static ObjectStat stat_of(const char* etag, int64_t modified) {
        ObjectStat stat;
        stat.size = 4;
        stat.etag = ETag(etag);
        stat.last_modified = WallTime::from_seconds(modified);
        return stat;
    }
    static ObjectStat recorded(ObjectStat stat, uint32_t mode, std::optional<int64_t> mtime) {
        stat.posix_known = stat.complete = true;
        stat.posix.mode = S_IFREG | mode;
        if (mtime) stat.posix.mtime = WallTime::from_seconds(*mtime);
        return stat;
    }
    Shift show(const ObjectStat& stat, Origin origin = Origin::service) {
        LockGuard lock(inode_.mutex);
        return inode_.show(stat, config_, origin);
    }
    Attr attr() {
        LockGuard lock(inode_.mutex);
        return inode_.attr(TimePoint{});
    }
    uint64_t version() {
        LockGuard lock(inode_.mutex);
        return inode_.content_version;
    }

    FsConfig config_;
    Inode inode_{InodeNumber{7}, NodeType::file, ObjectKey("f")};
};

TEST_F(InodeTest, same_object_shows_the_same_whatever_is_learnt_later) {
    show(stat_of("e", kWritten));
    show(recorded(stat_of("e", kWritten), 0600, kRecorded));
    EXPECT_EQ(attr().mode & 07777, 0644u);
    EXPECT_EQ(attr().mtime.seconds(), kWritten);
}

TEST_F(InodeTest, what_was_shown_from_attributes_outlives_their_being_forgotten) {
    show(recorded(stat_of("e", kWritten), 0600, kRecorded));
    show(stat_of("e", kWritten));
    EXPECT_EQ(attr().mode & 07777, 0600u);
    EXPECT_EQ(attr().mtime.seconds(), kRecorded);
}

TEST_F(InodeTest, edit_of_metadata_keeps_a_recorded_time_that_is_not_known_any_more) {
    show(recorded(stat_of("e", kWritten), 0600, kRecorded));
    EXPECT_EQ(show(stat_of("e", kWritten + 9)), Shift::attributes);
    EXPECT_EQ(attr().mode & 07777, 0600u);
    EXPECT_EQ(attr().mtime.seconds(), kRecorded);
    EXPECT_EQ(attr().ctime.seconds(), kWritten + 9);
}

TEST_F(InodeTest, own_edit_keeps_the_time_that_last_modified_stood_for) {
    show(stat_of("e", kWritten));
    show(stat_of("e", kWritten + 9), Origin::own_edit);
    EXPECT_EQ(attr().mtime.seconds(), kWritten);
    show(stat_of("e", kWritten + 20));
    EXPECT_EQ(attr().mtime.seconds(), kWritten + 20);
}

TEST_F(InodeTest, own_edit_that_changes_the_etag_changes_no_content) {
    show(stat_of("e-2", kWritten));
    const uint64_t before = version();
    EXPECT_EQ(show(stat_of("f-2", kWritten + 9), Origin::own_edit), Shift::nothing);
    EXPECT_EQ(version(), before);
}

TEST_F(InodeTest, own_edit_of_recorded_state_shows_though_it_is_the_second_of_a_second) {
    show(recorded(stat_of("e", kWritten), 0644, std::nullopt));
    ObjectStat edited = recorded(stat_of("e", kWritten), 0600, kRecorded);
    edited.posix.uid = 7;
    edited.edited = ETag("e");
    show(edited, Origin::own_edit);
    EXPECT_EQ(attr().mode & 07777, 0600u);
    EXPECT_EQ(attr().uid, 7u);
    EXPECT_EQ(attr().mtime.seconds(), kRecorded);
    // And stays so, when the same object comes back from the service.
    show(stat_of("e", kWritten));
    EXPECT_EQ(attr().mode & 07777, 0600u);
}

TEST_F(InodeTest, new_content_is_shown_as_it_is_and_reported) {
    show(recorded(stat_of("e", kWritten), 0600, kRecorded));
    const uint64_t before = version();
    EXPECT_EQ(show(stat_of("f", kWritten + 9)), Shift::content);
    EXPECT_GT(version(), before);
    EXPECT_EQ(attr().mode & 07777, 0644u);
    EXPECT_EQ(attr().mtime.seconds(), kWritten + 9);
}

TEST_F(InodeTest, own_upload_keeps_modes_and_times_that_it_carried) {
    {
        LockGuard lock(inode_.mutex);
        inode_.show_created({0640, 5, 6}, WallTime::from_seconds(kRecorded), TimePoint{});
    }
    EXPECT_EQ(show(stat_of("e", kWritten), Origin::own_upload), Shift::nothing);
    EXPECT_EQ(attr().mode & 07777, 0640u);
    EXPECT_EQ(attr().uid, 5u);
    EXPECT_EQ(attr().mtime.seconds(), kRecorded);
    EXPECT_EQ(attr().size, 4u);
}

TEST_F(InodeTest, told_to_forget_takes_the_next_stat_as_it_is) {
    show(stat_of("e", kWritten));
    {
        LockGuard lock(inode_.mutex);
        inode_.shown.outdated = true;
    }
    const uint64_t before = version();
    show(recorded(stat_of("e", kWritten), 0600, kRecorded));
    EXPECT_EQ(attr().mode & 07777, 0600u);
    EXPECT_EQ(attr().mtime.seconds(), kRecorded);
    EXPECT_EQ(version(), before);
}

TEST_F(InodeTest, timeout_is_what_is_left_of_the_stats_life) {
    ObjectStat stat = stat_of("e", kWritten);
    stat.expires = TimePoint{std::chrono::seconds(60)};
    show(stat);
    LockGuard lock(inode_.mutex);
    EXPECT_EQ(inode_.attr(TimePoint{std::chrono::seconds(45)}).timeout, std::chrono::seconds(15));
    EXPECT_EQ(inode_.attr(TimePoint{std::chrono::seconds(90)}).timeout, Duration::zero());
}

}  // namespace
}  // namespace xbucket
