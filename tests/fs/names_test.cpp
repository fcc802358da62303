// SPDX-FileCopyrightText: the xbucket authors
// Lookups, and making and removing names.
#include "fs_fixture.h"

#include <sys/stat.h>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StoreCall;

class NamesTest : public FsTest {};

TEST_F(NamesTest, lookup_of_an_unknown_name_is_one_head_and_one_list) {
    put("f", "body");
    EXPECT_EQ(look_up("f")->attr.size, 4u);
    EXPECT_EQ(count(StoreCall::head), 1u);
    EXPECT_EQ(count(StoreCall::list), 1u);
    EXPECT_EQ(store_.count(), 2u);
    ASSERT_TRUE(look_up("f"));
    EXPECT_EQ(store_.count(), 2u);
}

TEST_F(NamesTest, directory_without_marker_is_a_directory) {
    put("d/e/f", "1");
    EXPECT_TRUE(S_ISDIR(look_up("d")->attr.mode));
    EXPECT_TRUE(S_ISDIR(look_up("d/e")->attr.mode));
    EXPECT_TRUE(S_ISREG(look_up("d/e/f")->attr.mode));
}

TEST_F(NamesTest, looking_a_directory_up_again_is_one_list_and_no_head) {
    put("d/f", "1");
    const InodeNumber number = ino("d");
    clock_.advance(std::chrono::seconds(61));
    store_.clear_log();
    EXPECT_EQ(ino("d"), number);
    EXPECT_EQ(count(StoreCall::list), 1u);
    EXPECT_EQ(store_.count(), 1u);
}

TEST_F(NamesTest, directory_that_somebody_else_replaced_by_a_file_is_that_file) {
    put("d/f", "1");
    ASSERT_TRUE(S_ISDIR(look_up("d")->attr.mode));
    ASSERT_TRUE(other_.remove(ObjectKey("d/f")));
    put("d", "body");
    clock_.advance(std::chrono::seconds(61));
    EXPECT_TRUE(S_ISREG(look_up("d")->attr.mode));
}

TEST_F(NamesTest, missing_name_is_not_found) {
    EXPECT_EQ(look_up("nope").error().kind, ErrorKind::not_found);
}

TEST_F(NamesTest, file_is_found_where_listing_is_not_allowed) {
    put("f", "body");
    faulty_.fail(StoreCall::list, Error(ErrorKind::access_denied, "injected")).always();
    EXPECT_EQ(look_up("f")->attr.size, 4u);
    // What may be there is not said to be absent.
    EXPECT_EQ(look_up("g").error().kind, ErrorKind::access_denied);
}

TEST_F(NamesTest, absence_is_kept_by_the_kernel_no_longer_than_what_it_comes_from) {
    using std::chrono::seconds;
    put("d/f", "1");
    const InodeNumber directory = ino("d");
    ASSERT_TRUE(names_in("d"));
    clock_.advance(seconds(4));
    EXPECT_EQ(look_up("d/unlisted").error().kind, ErrorKind::not_found);
    EXPECT_EQ(fs_->absent_for(directory, "unlisted"), seconds(1)) << "the listing is 4 s old";
    clock_.advance(seconds(1));
    EXPECT_EQ(look_up("d/asked").error().kind, ErrorKind::not_found);
    EXPECT_EQ(fs_->absent_for(directory, "asked"), seconds(5));
    clock_.advance(seconds(3));
    EXPECT_EQ(look_up("d/asked").error().kind, ErrorKind::not_found);
    EXPECT_EQ(fs_->absent_for(directory, "asked"), seconds(2)) << "the service was asked 3 s ago";
}

TEST_F(NamesTest, refused_head_is_access_denied_and_not_remembered_as_absent) {
    put("f", "body");
    faulty_.fail(StoreCall::head, Error(ErrorKind::access_denied, "injected"));
    EXPECT_EQ(look_up("f").error().kind, ErrorKind::access_denied);
    EXPECT_EQ(look_up("f")->attr.size, 4u);
}

TEST_F(NamesTest, mkdir_makes_a_marker_and_the_empty_directory_stays) {
    ASSERT_TRUE(mkdir("d"));
    EXPECT_TRUE(in_bucket("d/"));
    mount();
    EXPECT_TRUE(S_ISDIR(stat("d")->mode));
    EXPECT_THAT(*names_in("d"), IsEmpty());
}

TEST_F(NamesTest, mkdir_records_only_what_differs_from_the_defaults_in_the_same_put) {
    ASSERT_TRUE(mkdir("plain"));
    EXPECT_THAT(metadata_of("plain/"), IsEmpty());
    ASSERT_TRUE(mkdir("tight", 0700));
    EXPECT_EQ(metadata_of("tight/").at("mode"), std::to_string(S_IFDIR | 0700));
    EXPECT_EQ(stat("tight")->mode, static_cast<uint32_t>(S_IFDIR | 0700));
    EXPECT_EQ(count(StoreCall::put), 2u);
    EXPECT_EQ(count(StoreCall::copy), 0u);
}

TEST_F(NamesTest, directory_with_set_group_id_hands_on_its_group) {
    ASSERT_TRUE(mkdir("d"));
    SetAttr change;
    change.mode = S_IFDIR | 02775;
    change.gid = 77;
    ASSERT_TRUE(fs_->setattr(ino("d"), change, std::nullopt));
    ASSERT_TRUE(write_file("d/written", "x"));
    ASSERT_TRUE(fs_->mknod(ino("d"), "made", S_IFREG | 0640, kUser));
    ASSERT_TRUE(mkdir("d/sub", 0755));
    ASSERT_TRUE(mkdir("d/sub/below", 0700));
    ASSERT_TRUE(symlink("d/link", "somewhere"));
    ASSERT_TRUE(write_file("beside", "x"));
    const auto check = [&] {
        for (const char* name : {"d/written", "d/made", "d/sub", "d/sub/below", "d/link"})
            EXPECT_EQ(stat(name)->gid, 77u) << name;
        EXPECT_EQ(stat("d/sub")->mode, static_cast<uint32_t>(S_IFDIR | 02755));
        EXPECT_EQ(stat("d/sub/below")->mode, static_cast<uint32_t>(S_IFDIR | 02700));
        EXPECT_EQ(stat("d/written")->mode, static_cast<uint32_t>(S_IFREG | 0644));
        EXPECT_EQ(stat("beside")->gid, 1000u);
    };
    check();
    FsConfig config = config_;
    config.stat_mode = StatMode::meta;
    mount(config);
    check();
}

TEST_F(NamesTest, mkdir_over_somebody_elses_directory_exists_and_leaves_it_alone) {
    ObjectAttributes attributes;
    attributes.user["theirs"] = "1";
    put("d/", "", attributes);
    EXPECT_EQ(mkdir("d").error().kind, ErrorKind::already_exists);
    EXPECT_EQ(metadata_of("d/").at("theirs"), "1");
}

class VersionedNamesTest : public FsTest {
  protected:
    static testing::MemoryService versioned() {
        testing::MemoryService service = testing::MemoryService::oss();
        service.versioning = "Suspended";
        return service;
    }
    VersionedNamesTest() : FsTest(versioned()) {}
};

TEST_F(VersionedNamesTest, mkdir_replaces_no_marker_that_others_made_since) {
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
    const ObjectAttributes attributes{.user = {{"year", "2021"}}};
    put("d/", "", attributes);
    EXPECT_EQ(mkdir("d").error().kind, ErrorKind::already_exists);
    EXPECT_EQ(metadata_of("d/"), attributes.user);
}

TEST_F(NamesTest, mkdir_hides_no_object_that_others_made_since_the_name_was_looked_up) {
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
    put("d", "theirs");
    EXPECT_EQ(mkdir("d").error().kind, ErrorKind::already_exists);
    EXPECT_FALSE(in_bucket("d/"));
    ASSERT_TRUE(other_.put_symlink(ObjectKey("link"), ObjectKey("nowhere"), {}));
    EXPECT_EQ(mkdir("link").error().kind, ErrorKind::already_exists);
    EXPECT_FALSE(in_bucket("link/"));
}

// To ask would cost each creation a listing; nothing is lost by it.
TEST_F(NamesTest, file_made_under_the_name_of_somebody_elses_new_directory_is_hidden_by_it) {
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
    put("d/theirs", "x");
    const OpenedFile file = open_new("d");
    ASSERT_TRUE(write(file, 0, "mine"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("d"), "mine");
    mount();
    EXPECT_TRUE(S_ISDIR(stat("d")->mode));
    EXPECT_EQ(read_file("d/theirs").value(), "x");
}

TEST_F(NamesTest, mkdir_looks_once_for_an_object_that_it_would_hide) {
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
    store_.clear_log();
    ASSERT_TRUE(mkdir("d"));
    EXPECT_EQ(count(StoreCall::head), 2u);  // the other one looks at what was made
    EXPECT_EQ(count(StoreCall::put), 1u);
    EXPECT_EQ(store_.count(), 3u);
}

TEST_F(NamesTest, lost_reply_of_mkdir_is_not_an_error) {
    faulty_.lose_reply(StoreCall::put);
    EXPECT_TRUE(mkdir("d").has_value());
    EXPECT_TRUE(in_bucket("d/"));
}

TEST_F(NamesTest, rmdir_of_an_empty_directory_removes_the_marker) {
    ASSERT_TRUE(mkdir("d"));
    ASSERT_TRUE(rmdir("d"));
    EXPECT_FALSE(in_bucket("d/"));
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
}

TEST_F(NamesTest, rmdir_of_a_directory_with_anything_in_it_is_not_empty) {
    ASSERT_TRUE(mkdir("d"));
    put("d/theirs", "1");
    EXPECT_EQ(rmdir("d").error().kind, ErrorKind::directory_not_empty);
    EXPECT_TRUE(in_bucket("d/"));
}

TEST_F(NamesTest, rmdir_sees_files_that_are_not_in_the_bucket_yet) {
    ASSERT_TRUE(mkdir("d"));
    const auto created = create("d/new");
    EXPECT_EQ(rmdir("d").error().kind, ErrorKind::directory_not_empty);
    ASSERT_TRUE(close(created->entry.attr.ino, created->opened.handle));
}

TEST_F(NamesTest, implicit_directory_can_be_removed_with_its_content) {
    put("d/f", "1");
    const InodeNumber directory = ino("d");
    (void)directory;
    ASSERT_TRUE(unlink("d/f"));
    EXPECT_TRUE(fs_->rmdir(kRootInode, "d"));
}

TEST_F(NamesTest, change_of_mode_pending_for_a_removed_directory_makes_no_marker) {
    ASSERT_TRUE(mkdir("d"));
    ASSERT_TRUE(chmod("d", 0700));
    ASSERT_TRUE(rmdir("d"));
    ASSERT_NO_FATAL_FAILURE(go_down());
    EXPECT_FALSE(in_bucket("d/"));
}

TEST_F(NamesTest, unlink_removes_the_object_and_a_new_file_of_the_name_starts_afresh) {
    ObjectAttributes attributes;
    attributes.user["old"] = "1";
    put("f", "old", attributes);
    ASSERT_TRUE(unlink("f"));
    EXPECT_FALSE(in_bucket("f"));
    EXPECT_EQ(look_up("f").error().kind, ErrorKind::not_found);
    ASSERT_TRUE(write_file("f", "new"));
    EXPECT_EQ(body_of("f"), "new");
    EXPECT_EQ(metadata_of("f").count("old"), 0u);
}

TEST_F(NamesTest, unlink_of_a_file_leaves_the_directory_that_shares_its_prefix) {
    put("a", "1");
    put("ab", "1");
    ASSERT_TRUE(unlink("a"));
    EXPECT_THAT(*names_in(""), ElementsAre("ab"));
}

TEST_F(NamesTest, failed_delete_leaves_the_file) {
    put("f", "1");
    faulty_.fail(StoreCall::remove, Error(ErrorKind::access_denied, "injected"));
    EXPECT_EQ(unlink("f").error().kind, ErrorKind::access_denied);
    EXPECT_EQ(read_file("f").value(), "1");
}

TEST_F(NamesTest, file_that_somebody_else_deleted_is_gone_when_its_life_is_over) {
    put("f", "1");
    const InodeNumber number = ino("f");
    ASSERT_TRUE(other_.remove(ObjectKey("f")));
    EXPECT_TRUE(fs_->getattr(number, std::nullopt).has_value());
    clock_.advance(std::chrono::seconds(61));
    EXPECT_EQ(fs_->getattr(number, std::nullopt).error().kind, ErrorKind::not_found);
    EXPECT_THAT(notifier_.entries(), ElementsAre("f"));
    EXPECT_EQ(look_up("f").error().kind, ErrorKind::not_found);
}

TEST_F(NamesTest, inode_numbers_are_the_same_in_the_next_mount) {
    put("d/f", "1");
    const InodeNumber directory = ino("d");
    const InodeNumber file = ino("d/f");
    mount();
    EXPECT_EQ(ino("d"), directory);
    EXPECT_EQ(ino("d/f"), file);
}

TEST_F(NamesTest, forgotten_inode_is_stale) {
    put("f", "1");
    const InodeNumber number = ino("f");
    fs_->forget(number, 1);
    EXPECT_EQ(fs_->getattr(number, std::nullopt).error().kind, ErrorKind::stale);
    EXPECT_EQ(ino("f"), number);
}

TEST_F(NamesTest, file_where_a_directory_is_expected_is_not_a_directory) {
    put("f", "1");
    const InodeNumber number = ino("f");
    EXPECT_EQ(fs_->lookup(number, "x").error().kind, ErrorKind::not_directory);
    EXPECT_EQ(fs_->mkdir(number, "x", 0755, kUser).error().kind, ErrorKind::not_directory);
    EXPECT_EQ(fs_->create(number, "x", 0644, true, {.write = true}, kUser).error().kind,
              ErrorKind::not_directory);
}

TEST_F(NamesTest, odd_bytes_in_names_come_and_go_unchanged) {
    const std::string name = "caf\xc3\xa9 \xff\x01 %2F?&+";
    ASSERT_TRUE(write_file(name, "x"));
    EXPECT_TRUE(in_bucket(name));
    EXPECT_THAT(*names_in(""), ElementsAre(name));
    EXPECT_EQ(read_file(name).value(), "x");
}

}  // namespace
}  // namespace xbucket
