// SPDX-FileCopyrightText: the xbucket authors
// What stat shows, for how long, and what chmod, chown and utimens record.
#include "fs_fixture.h"

#include <sys/stat.h>

namespace xbucket {
namespace {

using ::testing::IsEmpty;
using testing::StoreCall;

constexpr int64_t kThen = 1'600'000'000;

class AttributesTest : public FsTest {};

TEST_F(AttributesTest, object_that_nobody_recorded_anything_of_shows_the_options) {
    put("f", "body");
    const Attr attr = *stat("f");
    EXPECT_EQ(attr.mode, static_cast<uint32_t>(S_IFREG | 0644));
    EXPECT_EQ(attr.uid, 1000u);
    EXPECT_EQ(attr.gid, 1000u);
    EXPECT_EQ(attr.size, 4u);
    EXPECT_EQ(attr.mtime.seconds(), clock_.wall_now().seconds());
    EXPECT_EQ(attr.timeout, std::chrono::seconds(60));
}

TEST_F(AttributesTest, root_shows_the_options) {
    const Attr attr = *fs_->getattr(kRootInode, std::nullopt);
    EXPECT_EQ(attr.ino, kRootInode);
    EXPECT_EQ(attr.mode, static_cast<uint32_t>(S_IFDIR | 0755));
    EXPECT_EQ(attr.uid, 1000u);
    EXPECT_EQ(attr.mtime, config_.mount_time);
    EXPECT_EQ(store_.count(), 0u);
}

TEST_F(AttributesTest, recorded_state_of_other_tools_is_shown) {
    ObjectAttributes attributes;
    attributes.user = {{"mode", "33188"}, {"uid", "7"}, {"gid", "8"}, {"mtime", "1600000000.5"}};
    put("f", "body", attributes);
    const Attr attr = *stat("f");
    EXPECT_EQ(attr.mode, static_cast<uint32_t>(S_IFREG | 0644));
    EXPECT_EQ(attr.uid, 7u);
    EXPECT_EQ(attr.gid, 8u);
    EXPECT_EQ(attr.mtime.since_epoch, std::chrono::milliseconds(kThen * 1000 + 500));
}

TEST_F(AttributesTest, umask_is_taken_from_every_mode_that_the_bucket_records) {
    ObjectAttributes attributes;
    attributes.user = {{"mode", "33206"}};  // 0100666
    put("f", "body", attributes);
    attributes.user = {{"mode", "17407"}};  // 0041777
    put("d/", "", attributes);
    FsConfig config = config_;
    config.umask = 027;
    for (const StatMode mode : {StatMode::list, StatMode::meta}) {
        config.stat_mode = mode;
        mount(config);
        EXPECT_EQ(stat("f")->mode & 07777, 0640u);
        if (mode == StatMode::meta) EXPECT_EQ(stat("d")->mode & 07777, 01750u);
    }
    // Not from what somebody asks for here.
    ASSERT_TRUE(chmod("f", 0644));
    ASSERT_TRUE(meta_->flush_below(""));
    EXPECT_EQ(stat("f")->mode & 07777, 0644u);
    EXPECT_EQ(metadata_of("f").at("mode"), std::to_string(S_IFREG | 0644));
}

TEST_F(AttributesTest, owner_and_group_that_stand_are_shown_whatever_the_bucket_records) {
    ObjectAttributes attributes;
    attributes.user = {{"uid", "7"}, {"gid", "8"}};
    put("f", "body", attributes);
    FsConfig config = config_;
    config.uid_stands = true;
    mount(config);
    EXPECT_EQ(stat("f")->uid, 1000u);
    EXPECT_EQ(stat("f")->gid, 8u);
    config.gid_stands = true;
    mount(config);
    EXPECT_EQ(stat("f")->gid, 1000u);
    // What chown sets is shown here, and recorded.
    SetAttr change;
    change.uid = 5;
    ASSERT_TRUE(fs_->setattr(ino("f"), change, std::nullopt));
    ASSERT_TRUE(meta_->flush_below(""));
    EXPECT_EQ(stat("f")->uid, 5u);
    EXPECT_EQ(metadata_of("f").at("uid"), "5");
}

TEST_F(AttributesTest, chmod_chown_and_utimens_are_shown_at_once_and_recorded_by_fsync) {
    put("f", "body");
    SetAttr change;
    change.mode = 0100600;
    change.uid = 5;
    change.gid = 6;
    change.mtime = WallTime::from_seconds(kThen);
    const InodeNumber number = ino("f");
    const Attr attr = *fs_->setattr(number, change, std::nullopt);
    EXPECT_EQ(attr.mode, static_cast<uint32_t>(S_IFREG | 0600));
    EXPECT_EQ(attr.uid, 5u);
    EXPECT_EQ(attr.mtime.seconds(), kThen);
    const Opened opened = *fs_->open(number, {});
    ASSERT_TRUE(fs_->fsync(number, opened.handle));
    fs_->release(number, opened.handle);
    const UserMetadata metadata = metadata_of("f");
    EXPECT_EQ(metadata.at("mode"), std::to_string(S_IFREG | 0600));
    EXPECT_EQ(metadata.at("uid"), "5");
    EXPECT_EQ(metadata.at("gid"), "6");
    EXPECT_EQ(metadata.at("mtime"), std::to_string(kThen));
    mount();
    EXPECT_EQ(stat("f")->mode, static_cast<uint32_t>(S_IFREG | 0600));
}

TEST_F(AttributesTest, chmod_does_not_move_the_modification_time) {
    put("f", "body");
    const WallTime before = stat("f")->mtime;
    clock_.advance(std::chrono::seconds(100));
    ASSERT_TRUE(chmod("f", 0600));
    EXPECT_EQ(stat("f")->mtime, before);
    ASSERT_NO_FATAL_FAILURE(go_down());
    EXPECT_EQ(stat("f")->mtime, before);
    mount();
    EXPECT_EQ(stat("f")->mtime.seconds(), before.seconds());
}

// tar says of a file or directory whose ctime moves meanwhile that it changed as it was read.
TEST_F(AttributesTest, recording_what_chmod_and_utimens_set_does_not_move_the_change_time_again) {
    for (const char* const name : {"f", "d"}) {
        put(name == std::string_view("d") ? "d/" : name, "");
        ASSERT_TRUE(chmod(name, 0700));
        const Attr set = *stat(name);
        clock_.advance(std::chrono::seconds(100));
        ASSERT_TRUE(fs_->sync_below(kRootInode));
        ASSERT_EQ(metadata_of(name == std::string_view("d") ? "d/" : name).count("mode"), 1u);
        EXPECT_EQ(stat(name)->ctime, set.ctime);
        clock_.advance(std::chrono::seconds(1000));  // past what is cached
        EXPECT_EQ(stat(name)->ctime, set.ctime);
        ASSERT_TRUE(setxattr(name, "user.a", "1"));
        EXPECT_GT(stat(name)->ctime, set.ctime);
    }
}

TEST_F(AttributesTest, setting_an_attribute_keeps_size_mode_and_modification_time) {
    put("f", "body");
    const Attr before = *stat("f");
    clock_.advance(std::chrono::seconds(100));
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    const Attr after = *stat("f");
    EXPECT_EQ(after.size, before.size);
    EXPECT_EQ(after.mode, before.mode);
    EXPECT_EQ(after.mtime, before.mtime);
}

TEST_F(AttributesTest, what_was_shown_stays_shown_while_the_object_stands) {
    ObjectAttributes attributes;
    attributes.user = {{"mode", "33152"}, {"mtime", "1600000000"}};  // 0100600
    put("f", "body", attributes);
    // stat=list: shown from the listing, without its recorded state.
    ASSERT_TRUE(names_in(""));
    const Attr listed = *stat("f");
    EXPECT_EQ(listed.mode & 07777, 0644u);
    // A HEAD learns what is recorded; programs that looked once see no change.
    ASSERT_TRUE(listxattr("f"));
    EXPECT_EQ(stat("f")->mode, listed.mode);
    EXPECT_EQ(stat("f")->mtime, listed.mtime);
    clock_.advance(std::chrono::seconds(61));
    EXPECT_EQ(stat("f")->mtime, listed.mtime);
    // Content that changed is shown as it is.
    put("f", "other body", attributes);
    clock_.advance(std::chrono::seconds(61));
    EXPECT_EQ(stat("f")->size, 10u);
    EXPECT_EQ(stat("f")->mtime.seconds(), kThen);
}

TEST_F(AttributesTest, time_set_before_close_travels_with_the_upload) {
    // rsync, cp -a: write, futimens, fchmod, close
    const auto created = create("f");
    const InodeNumber number = created->entry.attr.ino;
    ASSERT_TRUE(fs_->write(number, created->opened.handle, 0, "data"));
    SetAttr change;
    change.mtime = WallTime::from_seconds(kThen);
    change.mode = 0100640;
    ASSERT_TRUE(fs_->setattr(number, change, created->opened.handle));
    ASSERT_TRUE(close(number, created->opened.handle));
    EXPECT_EQ(metadata_of("f").at("mtime"), std::to_string(kThen));
    EXPECT_EQ(metadata_of("f").at("mode"), std::to_string(S_IFREG | 0640));
    EXPECT_EQ(count(StoreCall::put), 1u);
    EXPECT_EQ(count(StoreCall::copy), 0u);
    EXPECT_EQ(stat("f")->mtime.seconds(), kThen);
    // And nothing more is sent for it later.
    ASSERT_NO_FATAL_FAILURE(go_down());
    EXPECT_EQ(count(StoreCall::copy), 0u);
}

TEST_F(AttributesTest, new_file_with_default_mode_and_owner_records_its_time_only) {
    ASSERT_TRUE(write_file("f", "data"));
    const UserMetadata metadata = metadata_of("f");
    EXPECT_EQ(metadata.size(), 1u);
    EXPECT_EQ(metadata.count("mtime"), 1u);
}

TEST_F(AttributesTest, owner_of_a_new_file_is_its_creator) {
    const auto created =
        fs_->create(kRootInode, "f", 0644, false, {.write = true}, Caller{0, 0, 022});
    EXPECT_EQ(created->entry.attr.uid, 0u);
    ASSERT_TRUE(close(created->entry.attr.ino, created->opened.handle));
    EXPECT_EQ(metadata_of("f").at("uid"), "0");
    mount();
    EXPECT_EQ(stat("f")->uid, 0u);
}

TEST_F(AttributesTest, modification_time_after_a_write_is_the_writes) {
    put("f", "body");
    ASSERT_TRUE(touch("f", WallTime::from_seconds(kThen)));
    clock_.advance(std::chrono::seconds(10));
    const Opened opened = *open("f", {.write = true});
    const InodeNumber number = ino("f");
    ASSERT_TRUE(fs_->write(number, opened.handle, 0, "B"));
    const WallTime written = clock_.wall_now();
    clock_.advance(std::chrono::seconds(10));
    ASSERT_TRUE(close(number, opened.handle));
    EXPECT_EQ(stat("f")->mtime, written);
    EXPECT_EQ(metadata_of("f").at("mtime"), std::to_string(written.seconds()));
    ASSERT_NO_FATAL_FAILURE(go_down());
    EXPECT_EQ(metadata_of("f").at("mtime"), std::to_string(written.seconds()));
}

TEST_F(AttributesTest, fresh_file_can_be_looked_at_without_a_request) {
    ASSERT_TRUE(write_file("f", "data"));
    store_.clear_log();
    EXPECT_EQ(stat("f")->size, 4u);
    EXPECT_EQ(store_.count(), 0u);
}

TEST_F(AttributesTest, set_id_bits_that_others_recorded_are_not_shown_and_the_others_are) {
    ObjectAttributes attributes;
    attributes.user = {{"mode", "36863"}};  // 0107777
    put("f", "body", attributes);
    EXPECT_EQ(stat("f")->mode, static_cast<uint32_t>(S_IFREG | 01777));
}

TEST_F(AttributesTest, size_of_directories_and_links_cannot_be_set) {
    ASSERT_TRUE(mkdir("d"));
    SetAttr change;
    change.size = 0;
    EXPECT_EQ(fs_->setattr(ino("d"), change, std::nullopt).error().kind, ErrorKind::is_directory);
}

TEST_F(AttributesTest, directory_times_and_modes_are_recorded_on_its_marker) {
    put("d/f", "1");
    ASSERT_TRUE(chmod("d", 0700));
    ASSERT_TRUE(touch("d", WallTime::from_seconds(kThen)));
    EXPECT_EQ(stat("d")->mtime.seconds(), kThen);
    ASSERT_TRUE(fs_->fsyncdir(ino("d")));
    EXPECT_EQ(metadata_of("d/").at("mode"), std::to_string(S_IFDIR | 0700));
    EXPECT_EQ(metadata_of("d/").at("mtime"), std::to_string(kThen));
}

TEST_F(AttributesTest, statfs_does_not_look_full) {
    const StatFs stat = fs_->statfs();
    EXPECT_GT(stat.blocks_free, 0u);
    EXPECT_GT(stat.files_free, 0u);
    EXPECT_EQ(stat.name_bytes_max, 255u);
}

}  // namespace
}  // namespace xbucket
