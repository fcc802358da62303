// SPDX-FileCopyrightText: the xbucket authors
// Files that go away while the kernel still has their names: given up after a failed upload, or
// deleted by others. Nobody may write into such an inode believing that it is the file.
#include "fs_fixture.h"

#include <functional>
#include <vector>

namespace xbucket {
namespace {

using testing::StoreCall;

// Looks at an inode the moment the kernel is told of it, as a program that is quick does.
class LookingNotifier final : public KernelNotifier {
  public:
    explicit LookingNotifier(std::unique_ptr<FileSystem>& fs) : fs_(fs) {}
    void invalidate_entry(InodeNumber, const std::string&) override {}
    bool invalidate_inode(InodeNumber ino, bool) override {
        seen_.push_back(fs_->getattr(ino, std::nullopt));
        return true;
    }
    bool wait_until_told(Duration) override { return true; }
    const std::vector<Result<Attr>>& seen() const { return seen_; }

  private:
    std::unique_ptr<FileSystem>& fs_;
    std::vector<Result<Attr>> seen_;
};

class GoneFilesTest : public FsTest {
  protected:
    // A new file whose upload is refused; its inode, which the kernel still has.
    InodeNumber given_up() {
        const auto file = create("f");
        EXPECT_TRUE(file.has_value());
        const InodeNumber number = file->entry.attr.ino;
        EXPECT_TRUE(fs_->write(number, file->opened.handle, 0, "lost").has_value());
        faulty_.fail(StoreCall::put, Error(ErrorKind::access_denied, "injected")).always();
        EXPECT_EQ(close(number, file->opened.handle).error().kind, ErrorKind::access_denied);
        faulty_.clear_faults();
        return number;
    }
    // A file that somebody else deleted, and that is written here the moment the service says so.
    InodeNumber deleted_and_written() {
        put("f", "old");
        const InodeNumber number = ino("f");
        clock_.advance(std::chrono::seconds(61));
        EXPECT_TRUE(other_.remove(ObjectKey("f")));
        faulty_.after(StoreCall::head, [this, number] {
            written_ = fs_->open(number, kOverwrite);
            ASSERT_TRUE(written_.has_value());
            ASSERT_TRUE(fs_->write(number, written_->handle, 0, "new").has_value());
        });
        return number;
    }
    Result<Opened> written_ = fail(ErrorKind::internal, "not opened");
    static constexpr FileSystem::OpenFlags kOverwrite{.write = true, .truncate = true};
};

TEST_F(GoneFilesTest, file_that_was_given_up_cannot_be_opened_by_its_old_name) {
    const InodeNumber number = given_up();
    EXPECT_EQ(fs_->open(number, kOverwrite).error().kind, ErrorKind::stale);
    EXPECT_EQ(fs_->open(number, {}).error().kind, ErrorKind::stale);
    EXPECT_EQ(fs_->setattr(number, {.size = 0}, std::nullopt).error().kind, ErrorKind::stale);
    EXPECT_EQ(fs_->setattr(number, {.mode = 0600}, std::nullopt).error().kind, ErrorKind::stale);
    // What the kernel does then: it looks again, finds nothing, and makes the file.
    ASSERT_TRUE(write_file("f", "kept"));
    EXPECT_EQ(body_of("f"), "kept");
}

TEST_F(GoneFilesTest, file_that_is_being_given_up_is_never_asked_for_at_the_service) {
    LookingNotifier looking(fs_);
    fs_->set_notifier(&looking);
    const size_t before = count(StoreCall::head);
    given_up();
    fs_->set_notifier(&notifier_);
    ASSERT_FALSE(looking.seen().empty());
    for (const Result<Attr>& attr : looking.seen()) {
        ASSERT_TRUE(attr.has_value()) << attr.error().describe();
        EXPECT_EQ(attr->nlink, 0u);
    }
    // The upload's own look at the key, and no other.
    EXPECT_EQ(count(StoreCall::head), before + 1);
}

TEST_F(GoneFilesTest, file_that_was_unlinked_while_open_can_be_opened_again_by_who_has_it) {
    const auto file = create("f");
    ASSERT_TRUE(file.has_value());
    const InodeNumber number = file->entry.attr.ino;
    ASSERT_TRUE(fs_->write(number, file->opened.handle, 0, "data"));
    ASSERT_TRUE(unlink("f"));
    const Result<Opened> again = fs_->open(number, {});  // through /proc/self/fd
    ASSERT_TRUE(again.has_value()) << again.error().describe();
    EXPECT_EQ(fs_->read(number, again->handle, 0, 10).value(), "data");
    fs_->release(number, again->handle);
    EXPECT_TRUE(close(number, file->opened.handle));
    EXPECT_EQ(fs_->open(number, {}).error().kind, ErrorKind::stale);
}

TEST_F(GoneFilesTest, object_whose_attributes_are_found_deleted_is_no_file_for_who_looks_next) {
    const std::vector<std::function<ErrorKind(InodeNumber)>> ways = {
        [this](InodeNumber f) { return fs_->getxattr(f, "user.a", kUser).error().kind; },
        [this](InodeNumber f) { return fs_->listxattr(f).error().kind; },
        [this](InodeNumber f) { return fs_->setxattr(f, "user.a", "1", {}).error().kind; },
        [this](InodeNumber f) { return fs_->setxattr(f, "user.tag.a", "1", {}).error().kind; },
    };
    for (const auto& way : ways) {
        put("f", "old");
        ASSERT_TRUE(names_in(""));
        const InodeNumber number = ino("f");
        meta_->forget(ObjectKey("f"));
        ASSERT_TRUE(other_.remove(ObjectKey("f")));
        EXPECT_EQ(way(number), ErrorKind::not_found);
        EXPECT_EQ(fs_->getattr(number, std::nullopt)->nlink, 0u);
        EXPECT_EQ(notifier_.entries().back(), "f");
        EXPECT_EQ(look_up("f").error().kind, ErrorKind::not_found);
        clock_.advance(std::chrono::seconds(6));
    }
}

TEST_F(GoneFilesTest, what_is_written_while_a_stat_finds_the_object_deleted_is_uploaded) {
    const InodeNumber number = deleted_and_written();
    const Result<Attr> attr = fs_->getattr(number, std::nullopt);
    ASSERT_TRUE(attr.has_value()) << attr.error().describe();
    EXPECT_EQ(attr->size, 3u);
    ASSERT_TRUE(close(number, written_->handle));
    EXPECT_EQ(body_of("f"), "new");
}

TEST_F(GoneFilesTest, what_is_written_while_a_lookup_finds_the_object_deleted_is_uploaded) {
    const InodeNumber number = deleted_and_written();
    EXPECT_EQ(ino("f"), number);
    ASSERT_TRUE(close(number, written_->handle));
    EXPECT_EQ(body_of("f"), "new");
}

TEST_F(GoneFilesTest, change_of_a_file_that_others_made_a_link_meanwhile_is_stale_and_kept) {
    put("t", "target");
    put("f", "old");
    const InodeNumber number = ino("f");
    const auto file = fs_->open(number, {.write = true});
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE(fs_->write(number, file->handle, 0, "new").has_value());
    ASSERT_TRUE(other_.put_symlink(ObjectKey("f"), ObjectKey("t"), {}));
    clock_.advance(std::chrono::seconds(61));
    const Opened listing = *fs_->opendir(kRootInode);
    InodeNumber listed{};
    ASSERT_TRUE(fs_->readdir(kRootInode, listing.handle, 0, true, [&](const DirEntry& entry) {
        if (entry.name == "f") listed = entry.entry.attr.ino;
        return true;
    }));
    fs_->releasedir(listing.handle);
    EXPECT_EQ(listed, number);
    EXPECT_EQ(ino("f"), number);
    EXPECT_EQ(close(number, file->handle).error().kind, ErrorKind::stale);
    EXPECT_EQ(recovered_files().size(), 2u);
    EXPECT_EQ(other_.get_symlink(ObjectKey("f"))->str(), "t");
    EXPECT_EQ(fs_->readlink(ino("f")).value(), "t");
}

// Programs that try again, and those that were started after it, see no stale handle.
TEST_F(GoneFilesTest, object_that_a_read_finds_deleted_is_no_file_for_who_opens_it_next) {
    put("f", "data");
    ASSERT_TRUE(names_in("").has_value());
    const OpenedFile file = open_old("f");
    ASSERT_TRUE(other_.remove(ObjectKey("f")));
    EXPECT_EQ(read(file, 0, 10).error().kind, ErrorKind::stale);
    EXPECT_THAT(notifier_.entries(), ::testing::ElementsAre("f"));
    EXPECT_EQ(read_file("f").error().kind, ErrorKind::not_found);
    EXPECT_EQ(look_up("f").error().kind, ErrorKind::not_found);
    // Who has it open still has a file, of no name.
    EXPECT_EQ(fs_->getattr(file.ino, file.handle)->nlink, 0u);
    EXPECT_EQ(read(file, 0, 10).error().kind, ErrorKind::stale);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(fs_->open(file.ino, {}).error().kind, ErrorKind::stale);
    put("f", "new");
    clock_.advance(std::chrono::seconds(6));
    EXPECT_EQ(read_file("f").value(), "new");
}

TEST_F(GoneFilesTest, object_that_a_write_finds_deleted_is_stale_and_then_no_file) {
    for (const size_t bytes : {4U, 4U << 20}) {
        put("f", std::string(bytes, 'a'));
        clock_.advance(std::chrono::seconds(61));
        const OpenedFile file = open_old("f", {.write = true});
        ASSERT_TRUE(other_.remove(ObjectKey("f")));
        EXPECT_EQ(write(file, 0, "new").error().kind, ErrorKind::stale) << bytes;
        EXPECT_THAT(notifier_.entries(), ::testing::Contains("f")) << bytes;
        EXPECT_EQ(look_up("f").error().kind, ErrorKind::not_found) << bytes;
        EXPECT_EQ(write(file, 0, "new").error().kind, ErrorKind::stale) << bytes;
        EXPECT_TRUE(close_file(file));
        EXPECT_FALSE(in_bucket("f"));
    }
}

TEST_F(GoneFilesTest, object_that_a_truncation_finds_deleted_is_stale) {
    put("f", "data");
    const InodeNumber number = ino("f");
    ASSERT_TRUE(other_.remove(ObjectKey("f")));
    EXPECT_EQ(fs_->setattr(number, {.size = 2}, std::nullopt).error().kind, ErrorKind::stale);
    EXPECT_EQ(look_up("f").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace xbucket
