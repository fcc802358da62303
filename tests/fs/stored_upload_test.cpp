// SPDX-FileCopyrightText: the xbucket authors
// Content that the service has, with metadata that it did not take: told once, made up for, and
// nothing of it makes the file somebody else's.
#include "fs_fixture.h"
#include "support/temp_dir.h"

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using testing::MemoryService;
using testing::StoreCall;

constexpr uint64_t kPart = 100 << 10;

class StoredUploadTest : public FsTest {
  protected:
    StoredUploadTest() : StoredUploadTest(MemoryService::oss()) {}
    explicit StoredUploadTest(const MemoryService& service, size_t bytes = 4 * kPart)
        : FsTest(service), big_(content_of(bytes)) {
        FsConfig config = config_;
        config.part_bytes = kPart;
        mount(config);
    }
    // What is written to it goes up in parts, and another client's edit comes in between.
    OpenedFile open_to_replace(const ObjectAttributes& attributes = {}) {
        put("f", "old", attributes);
        edit_while_parts_go_up();
        const OpenedFile file = open_old("f", {.write = true, .truncate = true});
        EXPECT_TRUE(write(file, 0, big_));
        return file;
    }
    void edit_while_parts_go_up() {
        faulty_.after(StoreCall::create_upload, [this] {
            store_.bucket()->alter(ObjectKey("f"), [](testing::MemoryVersion& version) {
                version.attributes.user["x"] = "theirs";
            });
        });
    }
    Result<void> fsync(const OpenedFile& file) { return fs_->fsync(file.ino, file.handle); }

    const std::string big_;  // goes up in parts
};

TEST_F(StoredUploadTest, edit_that_cannot_be_applied_again_at_once_is_told_and_made_up_for) {
    const OpenedFile file = open_to_replace();
    faulty_.fail(StoreCall::copy, Error(ErrorKind::server_error, "injected"));
    EXPECT_EQ(fsync(file).error().kind, ErrorKind::server_error);
    EXPECT_EQ(body_of("f"), big_);
    EXPECT_EQ(metadata_of("f").count("x"), 0u);
    const Result<void> again = fsync(file);
    EXPECT_TRUE(again) << again.error().describe();
    EXPECT_EQ(metadata_of("f").at("x"), "theirs");
    EXPECT_TRUE(close_file(file));
    EXPECT_EQ(faulty_.count(StoreCall::complete_upload), 1u);
    EXPECT_EQ(recovered_files().size(), 0u);
}

TEST_F(StoredUploadTest, edit_that_waits_goes_along_with_the_next_upload) {
    const OpenedFile file = open_to_replace();
    faulty_.fail(StoreCall::copy, Error(ErrorKind::server_error, "injected")).always();
    EXPECT_EQ(fsync(file).error().kind, ErrorKind::server_error);
    ASSERT_TRUE(write(file, 0, "new"));
    EXPECT_TRUE(flush(file)) << "it is no object of somebody else's";
    EXPECT_EQ(body_of("f").substr(0, 3), "new");
    EXPECT_EQ(metadata_of("f").at("x"), "theirs");
    fs_->release(file.ino, file.handle);
}

TEST_F(StoredUploadTest, edit_that_waits_is_applied_at_the_end_of_the_mount) {
    const OpenedFile file = open_to_replace();
    faulty_.fail(StoreCall::copy, Error(ErrorKind::server_error, "injected"));
    EXPECT_FALSE(close_file(file));
    ASSERT_NO_FATAL_FAILURE(go_down());
    EXPECT_EQ(metadata_of("f").at("x"), "theirs");
    EXPECT_EQ(recovered_files().size(), 0u);
}

TEST_F(StoredUploadTest, edit_that_waits_is_not_applied_to_what_somebody_puts_there) {
    const OpenedFile file = open_to_replace();
    faulty_.fail(StoreCall::copy, Error(ErrorKind::server_error, "injected"));
    EXPECT_FALSE(fsync(file));
    put("f", "their new one");
    EXPECT_TRUE(fsync(file));
    EXPECT_EQ(metadata_of("f").count("x"), 0u);
    EXPECT_TRUE(close_file(file));
}

TEST_F(StoredUploadTest, edit_that_waits_does_not_undo_what_was_set_since) {
    const OpenedFile file = open_to_replace();
    faulty_.fail(StoreCall::copy, Error(ErrorKind::server_error, "injected"));
    EXPECT_FALSE(fsync(file));
    ASSERT_TRUE(setxattr("f", "user.x", "ours"));
    EXPECT_TRUE(fsync(file));
    EXPECT_EQ(metadata_of("f").at("x"), "ours");
    EXPECT_TRUE(close_file(file));
}

class StoredOnCephTest : public StoredUploadTest {
  protected:
    // Parts have 5 MiB there.
    StoredOnCephTest() : StoredUploadTest(MemoryService::ceph(), 11U << 20) {}
};

TEST_F(StoredOnCephTest, tags_that_could_not_be_put_back_keep_no_edit_away_and_are_put_back_later) {
    const OpenedFile file = open_to_replace({.tags = Tags{{"k", "v"}}});
    faulty_.fail(StoreCall::put_tags, Error(ErrorKind::throttled, "injected"));
    EXPECT_EQ(fsync(file).error().kind, ErrorKind::throttled);
    EXPECT_EQ(metadata_of("f").at("x"), "theirs");
    EXPECT_TRUE(fsync(file));
    EXPECT_EQ(other_.get_tags(ObjectKey("f")).value(), (Tags{{"k", "v"}}));
    EXPECT_TRUE(close_file(file));
}

class JournaledOnCephTest : public FsTest {
  protected:
    JournaledOnCephTest() : FsTest(MemoryService::ceph()) {
        MetaConfig config;
        config.durability = Durability::timed;
        config.journal_directory = journals_.path();
        config.journal_survives_power_loss = false;
        config.commit_delay = std::chrono::hours(1);
        mount(config_, config);
        EXPECT_TRUE(meta_->start());
    }
    const testing::TempDir journals_;
};

// Names of over 100 bytes are an error 500 there, and the journal does not know.
TEST_F(JournaledOnCephTest, attribute_that_the_service_does_not_take_keeps_no_content_away) {
    const std::string name = "user." + std::string(120, 'n');
    put("f", "old");
    ASSERT_TRUE(setxattr("f", name, "v"));
    ASSERT_TRUE(setxattr("f", "user.good", "v"));
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(write(file, 0, "new"));
    const Result<void> closed = flush(file);
    EXPECT_TRUE(closed) << closed.error().describe();
    EXPECT_EQ(body_of("f"), "new");
    for (int i = 0; i < 4; ++i) {
        static_cast<void>(meta_->send_below("").has_value());
        clock_.advance(std::chrono::seconds(31));
    }
    EXPECT_EQ(metadata_of("f").at("good"), "v");
    EXPECT_THAT(meta_->failures_json(ObjectKey("f")), HasSubstr(name));
    fs_->release(file.ino, file.handle);
    EXPECT_EQ(recovered_files().size(), 0u);
}

}  // namespace
}  // namespace xbucket
