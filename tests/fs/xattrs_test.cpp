// SPDX-FileCopyrightText: the xbucket authors
#include "fs_fixture.h"

namespace xbucket {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StoreCall;
using ::testing::UnorderedElementsAre;

class XattrsTest : public FsTest {};

TEST_F(XattrsTest, attributes_of_an_object_are_its_metadata) {
    ObjectAttributes attributes;
    attributes.user["year"] = "2021";
    put("f", "body", attributes);
    EXPECT_EQ(getxattr("f", "user.year").value(), "2021");
    ASSERT_TRUE(setxattr("f", "user.month", "11"));
    EXPECT_EQ(metadata_of("f").at("month"), "11");
    EXPECT_EQ(metadata_of("f").at("year"), "2021");
    EXPECT_THAT(*listxattr("f"), UnorderedElementsAre("user.month", "user.year"));
    ASSERT_TRUE(fs_->removexattr(ino("f"), "user.year"));
    EXPECT_EQ(metadata_of("f").count("year"), 0u);
}

TEST_F(XattrsTest, acl_of_an_object_that_is_being_rewritten_sends_nothing_of_the_new_content) {
    put("f", "old");
    const OpenedFile writer = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(write(writer, 0, "half"));
    ASSERT_TRUE(setxattr("f", "user.object.acl", "public-read"));
    EXPECT_EQ(body_of("f"), "old");
    EXPECT_EQ(store_.get_acl(ObjectKey("f")).value(), "public-read");
    ASSERT_TRUE(close_file(writer));
    EXPECT_EQ(body_of("f"), "half");
    EXPECT_EQ(store_.get_acl(ObjectKey("f")).value(), "public-read");
}

TEST_F(XattrsTest, names_outside_user_are_answered_without_any_request) {
    put("f", "body");
    const InodeNumber number = ino("f");
    store_.clear_log();
    for (const char* name : {"security.capability", "security.selinux", "system.posix_acl_access",
                             "trusted.x", "oss.etag", "User.a"}) {
        EXPECT_EQ(fs_->getxattr(number, name, kUser).error().kind, ErrorKind::no_such_attribute);
        const auto cached = fs_->getxattr_cached(number, name, kUser);
        ASSERT_TRUE(cached.has_value());
        EXPECT_EQ(cached->error().kind, ErrorKind::no_such_attribute);
        EXPECT_EQ(fs_->setxattr(number, name, "1", SetFlag::any).error().kind,
                  ErrorKind::unsupported);
        EXPECT_EQ(fs_->removexattr(number, name).error().kind, ErrorKind::no_such_attribute);
    }
    EXPECT_EQ(store_.count(), 0u);
}

TEST_F(XattrsTest, bare_prefix_is_an_invalid_name) {
    put("f", "body");
    EXPECT_EQ(setxattr("f", "user.", "1").error().kind, ErrorKind::invalid_name);
}

TEST_F(XattrsTest, copy_of_a_file_with_five_attributes_is_one_put_and_no_copy) {
    const auto created = create("f", true);
    const InodeNumber number = created->entry.attr.ino;
    ASSERT_TRUE(fs_->write(number, created->opened.handle, 0, "data"));
    for (const char* name : {"user.a", "user.b", "user.c", "user.mime_type", "user.tag.t"}) {
        ASSERT_TRUE(fs_->setxattr(number, name, "text/x-v", SetFlag::any)) << name;
    }
    EXPECT_EQ(fs_->getxattr(number, "user.b", kUser).value(), "text/x-v");
    EXPECT_EQ(fs_->getxattr(number, "user.tag.t", kUser).value(), "text/x-v");
    EXPECT_EQ(fs_->listxattr(number)->size(), 5u);
    ASSERT_TRUE(close(number, created->opened.handle));
    EXPECT_EQ(count(StoreCall::put), 1u);
    EXPECT_EQ(count(StoreCall::copy), 0u);
    EXPECT_EQ(count(StoreCall::put_tags), 0u);
    const auto object = store_.bucket()->peek(ObjectKey("f"));
    EXPECT_EQ(object->attributes.user.at("a"), "text/x-v");
    EXPECT_EQ(object->attributes[HttpField::content_type], "text/x-v");
    EXPECT_EQ(object->attributes.tags->at("t"), "text/x-v");
    EXPECT_EQ(getxattr("f", "user.c").value(), "text/x-v");
}

TEST_F(XattrsTest, flags_are_judged_for_a_new_file_as_for_an_object) {
    const auto created = create("f");
    const InodeNumber number = created->entry.attr.ino;
    EXPECT_EQ(fs_->setxattr(number, "user.a", "1", SetFlag::replace_only).error().kind,
              ErrorKind::no_such_attribute);
    ASSERT_TRUE(fs_->setxattr(number, "user.a", "1", SetFlag::create_only));
    EXPECT_EQ(fs_->setxattr(number, "user.a", "2", SetFlag::create_only).error().kind,
              ErrorKind::already_exists);
    EXPECT_EQ(fs_->getxattr(number, "user.a", kUser).value(), "1");
    ASSERT_TRUE(fs_->removexattr(number, "user.a"));
    EXPECT_EQ(fs_->removexattr(number, "user.a").error().kind, ErrorKind::no_such_attribute);
    ASSERT_TRUE(close(number, created->opened.handle));
    EXPECT_EQ(metadata_of("f").count("a"), 0u);
}

TEST_F(XattrsTest, over_limit_on_a_new_file_is_refused_when_it_is_set_not_at_close) {
    const auto created = create("f");
    const InodeNumber number = created->entry.attr.ino;
    ASSERT_TRUE(fs_->setxattr(number, "user.a", std::string(5000, 'x'), SetFlag::any));
    EXPECT_EQ(fs_->setxattr(number, "user.b", std::string(5000, 'x'), SetFlag::any).error().kind,
              ErrorKind::no_attribute_space);
    EXPECT_EQ(fs_->setxattr(number, "user.b", std::string(60000, 'x'), SetFlag::any).error().kind,
              ErrorKind::value_too_large);
    ASSERT_TRUE(close(number, created->opened.handle));
    EXPECT_EQ(metadata_of("f").at("a").size(), 5000u);
}

TEST_F(XattrsTest, setting_on_an_existing_dirty_file_is_in_the_bucket_at_once) {
    put("f", "body");
    const Opened opened = *open("f", {.write = true});
    const InodeNumber number = ino("f");
    ASSERT_TRUE(fs_->write(number, opened.handle, 0, "B"));
    ASSERT_TRUE(fs_->setxattr(number, "user.a", "1", SetFlag::any));
    EXPECT_EQ(metadata_of("f").at("a"), "1");
    EXPECT_EQ(body_of("f"), "body");
    ASSERT_TRUE(close(number, opened.handle));
    EXPECT_EQ(body_of("f"), "Body");
    EXPECT_EQ(metadata_of("f").at("a"), "1");
}

TEST_F(XattrsTest, setting_through_a_read_only_handle_works) {
    put("f", "body");
    const Opened opened = *open("f", {});
    EXPECT_TRUE(fs_->setxattr(ino("f"), "user.a", "1", SetFlag::any));
    fs_->release(ino("f"), opened.handle);
}

TEST_F(XattrsTest, directory_attributes_live_on_its_marker) {
    put("d/f", "1");
    EXPECT_EQ(getxattr("d", "user.a").error().kind, ErrorKind::no_such_attribute);
    EXPECT_THAT(*listxattr("d"), IsEmpty());
    ASSERT_TRUE(setxattr("d", "user.a", "1"));
    EXPECT_EQ(metadata_of("d/").at("a"), "1");
    EXPECT_EQ(getxattr("d", "user.a").value(), "1");
}

TEST_F(XattrsTest, directory_that_was_listed_without_a_marker_has_none_and_asks_nobody) {
    put("d/f", "1");
    put("d/e/f", "1");
    const InodeNumber number = ino("d");
    store_.clear_log();
    EXPECT_THAT(*fs_->listxattr(number), IsEmpty());
    EXPECT_EQ(store_.count(), 0u);
    clock_.advance(std::chrono::seconds(6));
    ASSERT_TRUE(names_in("d").has_value());
    store_.clear_log();
    EXPECT_THAT(*fs_->listxattr(number), IsEmpty());
    EXPECT_EQ(store_.count(), 0u);
    // Somebody else made one meanwhile: seen within the life of a negative answer.
    put("d/", "", {.user = {{"a", "1"}}});
    clock_.advance(std::chrono::seconds(6));
    EXPECT_THAT(*fs_->listxattr(number), Contains("user.a"));
}

TEST_F(XattrsTest, root_has_no_attributes_and_takes_none) {
    EXPECT_EQ(fs_->getxattr(kRootInode, "user.a", kUser).error().kind,
              ErrorKind::no_such_attribute);
    EXPECT_THAT(*fs_->listxattr(kRootInode), IsEmpty());
    EXPECT_EQ(fs_->setxattr(kRootInode, "user.a", "1", SetFlag::any).error().kind,
              ErrorKind::unsupported);
    EXPECT_THAT(fs_->getxattr(kRootInode, "user.xbucket.stats", kUser).value(),
                ::testing::StartsWith("{"));
}

TEST_F(XattrsTest, statistics_tell_how_many_files_are_written_and_not_uploaded) {
    const FileSystem::Created file = *create("f");
    ASSERT_TRUE(fs_->write(file.entry.attr.ino, file.opened.handle, 0, "body").has_value());
    const auto stats = [&] { return *fs_->getxattr(kRootInode, "user.xbucket.stats", kUser); };
    EXPECT_THAT(stats(), ::testing::HasSubstr(R"("files_dirty":1,)"));
    ASSERT_TRUE(fs_->flush(file.entry.attr.ino, file.opened.handle).has_value());
    EXPECT_THAT(stats(), ::testing::HasSubstr(R"("files_dirty":0,)"));
    fs_->release(file.entry.attr.ino, file.opened.handle);
}

TEST_F(XattrsTest, presigned_url_is_for_the_owner_and_root_only) {
    put("f", "body");
    const InodeNumber number = ino("f");
    EXPECT_EQ(fs_->getxattr(number, "user.object.url", Caller{1001, 1001, 0}).error().kind,
              ErrorKind::access_denied);
    const Result<std::string> own = fs_->getxattr(number, "user.object.url", kUser);
    ASSERT_TRUE(own.has_value());
    EXPECT_EQ(store_.bucket()->fetch(*own).value(), "body");
    EXPECT_TRUE(fs_->getxattr(number, "user.object.url.60", Caller{0, 0, 0}).has_value());
}

TEST_F(XattrsTest, refresh_of_a_file_shows_what_is_there_now) {
    ObjectAttributes attributes;
    attributes.user["year"] = "2020";
    put("f", "body", attributes);
    EXPECT_EQ(getxattr("f", "user.year").value(), "2020");
    attributes.user["year"] = "2021";
    put("f", "longer body", attributes);
    EXPECT_EQ(stat("f")->size, 4u);
    ASSERT_TRUE(setxattr("f", "user.xbucket.refresh", "1"));
    EXPECT_EQ(stat("f")->size, 11u);
    EXPECT_EQ(getxattr("f", "user.year").value(), "2021");
    EXPECT_GE(notifier_.inodes_with_data(), 1u);
}

TEST_F(XattrsTest, refresh_of_a_directory_reaches_everything_below) {
    put("d/f", "body");
    put("d/e/g", "body");
    EXPECT_EQ(stat("d/e/g")->size, 4u);
    EXPECT_THAT(*names_in("d"), UnorderedElementsAre("e/", "f"));
    put("d/e/g", "longer body");
    put("d/new", "1");
    ASSERT_TRUE(setxattr("d", "user.xbucket.refresh", "1"));
    EXPECT_EQ(stat("d/e/g")->size, 11u);
    EXPECT_EQ(stat("d/new")->size, 1u);
    // The kernel never heard of f: it was only listed.
    EXPECT_THAT(notifier_.entries(), UnorderedElementsAre("e", "g"));
}

TEST_F(XattrsTest, refresh_of_a_directory_ends_what_the_kernel_keeps_as_not_there) {
    put("d/f", "1");
    put("e/f", "1");
    const auto miss = [&](const std::string& directory, const std::string& name) {
        EXPECT_FALSE(fs_->lookup(ino(directory), name));
        return fs_->absent_for(ino(directory), name);
    };
    EXPECT_GT(miss("d", "new"), Duration::zero());
    EXPECT_GT(miss("e", "other"), Duration::zero());
    ASSERT_TRUE(setxattr("d", "user.xbucket.refresh", "1"));
    EXPECT_THAT(notifier_.entries(), ElementsAre("new"));
    ASSERT_TRUE(setxattr("", "user.xbucket.refresh", "1"));
    EXPECT_THAT(notifier_.entries(), Contains("other"));
}

TEST_F(XattrsTest, after_a_refresh_nobody_finds_the_kernels_old_pages_or_size) {
    put("f", "body");
    fs_->release(ino("f"), open("f", {})->handle);
    const Opened again = *open("f", {});
    EXPECT_TRUE(again.keep_cache);
    fs_->release(ino("f"), again.handle);
    put("f", "longer body");
    ASSERT_TRUE(setxattr("f", "user.xbucket.refresh", "1"));
    EXPECT_EQ(notifier_.waited_for(), 1u) << "the kernel may not know yet";
    EXPECT_FALSE(open("f", {})->keep_cache);
}

// The kernel lets no setxattr through.
TEST_F(XattrsTest, refresh_works_on_a_read_only_mount_for_owner_and_root) {
    put("f", "body");
    FsConfig config = config_;
    config.read_only = true;
    mount(config);
    EXPECT_EQ(stat("f")->size, 4u);
    put("f", "longer body");
    EXPECT_EQ(stat("f")->size, 4u);
    EXPECT_EQ(fs_->refresh(ino("f"), {1001, 1001, 022}).error().kind, ErrorKind::access_denied);
    EXPECT_EQ(stat("f")->size, 4u);
    EXPECT_TRUE(fs_->refresh(ino("f"), kUser));
    EXPECT_EQ(stat("f")->size, 11u);
    EXPECT_TRUE(fs_->refresh(ino("f"), {0, 0, 022}));
}

TEST_F(XattrsTest, attributes_of_a_deleted_file_are_not_its_successors) {
    put("f", "old");
    const Opened opened = *open("f", {.write = true});
    const InodeNumber number = ino("f");
    ASSERT_TRUE(unlink("f"));
    ObjectAttributes attributes;
    attributes.user["theirs"] = "1";
    put("f", "new", attributes);
    EXPECT_EQ(fs_->getxattr(number, "user.theirs", kUser).error().kind, ErrorKind::stale);
    EXPECT_EQ(fs_->setxattr(number, "user.a", "1", SetFlag::any).error().kind, ErrorKind::stale);
    EXPECT_EQ(fs_->listxattr(number).error().kind, ErrorKind::stale);
    ASSERT_TRUE(close(number, opened.handle));
    EXPECT_EQ(metadata_of("f").count("a"), 0u);
    EXPECT_EQ(body_of("f"), "new");
}

}  // namespace
}  // namespace xbucket
