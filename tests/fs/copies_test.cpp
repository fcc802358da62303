// SPDX-FileCopyrightText: the xbucket authors
// copy_file_range(2): files that are copies of others, which the service makes when they are
// closed, and what may become of what they are copies of before that.
#include "content.h"
#include "fs_fixture.h"
#include "pending_copies.h"

#include <thread>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MemoryService;
using testing::StoreCall;

constexpr uint64_t kPart = 128U << 10;

class CopyTest : public FsTest {
  protected:
    CopyTest() : CopyTest(MemoryService::oss()) {}
    explicit CopyTest(const MemoryService& service) : FsTest(service) {
        FsConfig config = config_;
        config.part_bytes = kPart;
        mount(config);
    }
    // As cp does; the bytes that the service is to copy.
    size_t copy(const std::string& from, const OpenedFile& to, size_t piece = SIZE_MAX) {
        const OpenedFile source = open_old(from, {});
        size_t done = 0;
        for (;;) {
            const auto copied = fs_->copy_range(source.handle, done, to.handle, done, piece);
            if (!copied) {
                EXPECT_EQ(copied.error().kind, ErrorKind::unsupported);
            }
            if (!copied || *copied == 0) break;
            done += *copied;
        }
        fs_->release(source.ino, source.handle);
        return done;
    }
};

TEST_F(CopyTest, whole_file_is_one_copy_by_the_service_with_attributes_of_its_own) {
    const std::string bytes = content_of(3 * kPart);
    ObjectAttributes theirs;
    theirs.user["year"] = "2021";
    theirs[HttpField::content_type] = "text/x-own";
    put("a", bytes, theirs);
    const OpenedFile file = open_new("b.png");
    EXPECT_EQ(copy("a", file), bytes.size());
    EXPECT_EQ(stat("b.png")->size, bytes.size());
    EXPECT_EQ(read(file, 100, 50).value(), bytes.substr(100, 50));
    ASSERT_TRUE(setxattr("b.png", "user.mine", "1"));
    store_.clear_log();
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("b.png"), bytes);
    EXPECT_EQ(count(StoreCall::copy), 1u);
    EXPECT_EQ(count(StoreCall::get) + count(StoreCall::put) + count(StoreCall::upload_part), 0u);
    const auto object = store_.bucket()->peek(ObjectKey("b.png"));
    EXPECT_EQ(object->attributes.user.count("year"), 0u);
    EXPECT_EQ(object->attributes.user.at("mine"), "1");
    EXPECT_EQ(object->attributes[HttpField::content_type], "image/png");
}

TEST_F(CopyTest, copy_over_a_file_keeps_the_attributes_that_it_had) {
    const std::string bytes = content_of(3 * kPart);
    put("a", bytes);
    ObjectAttributes theirs;
    theirs.user["year"] = "2021";
    put("b", "old", theirs);
    const OpenedFile file = open_old("b", {.write = true, .truncate = true});
    EXPECT_EQ(copy("a", file), bytes.size());
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("b"), bytes);
    EXPECT_EQ(metadata_of("b").at("year"), "2021");
}

TEST_F(CopyTest, copy_in_pieces_is_one_copy) {
    const std::string bytes = content_of(5 * kPart);
    put("a", bytes);
    const OpenedFile file = open_new("b");
    EXPECT_EQ(copy("a", file, 2 * kPart), bytes.size());
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("b"), bytes);
    EXPECT_EQ(count(StoreCall::copy), 1u);
}

TEST_F(CopyTest, beginning_of_a_big_file_is_copied_in_parts_and_written_to) {
    std::string bytes = content_of(16 * kPart);
    put("a", bytes);
    store_.clear_log();
    const OpenedFile file = open_new("b");
    const OpenedFile source = open_old("a", {});
    EXPECT_EQ(fs_->copy_range(source.handle, 0, file.handle, 0, 8 * kPart).value(), 8 * kPart);
    ASSERT_TRUE(write(file, 8 * kPart, "tail"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("b"), bytes.substr(0, 8 * kPart) + "tail");
    EXPECT_EQ(count(StoreCall::upload_part_copy), 1u);
    EXPECT_EQ(count(StoreCall::get), 0u);
    ASSERT_TRUE(close_file(source));
}

TEST_F(CopyTest, source_that_goes_away_before_the_close_is_copied_in_time) {
    const std::string bytes = content_of(3 * kPart);
    for (const std::string what : {"unlink", "rename", "rewrite"}) {
        put(what, bytes);
        const OpenedFile file = open_new("copy-" + what);
        EXPECT_EQ(copy(what, file), bytes.size());
        Result<void> gone;
        if (what == "unlink") gone = unlink(what);
        if (what == "rename") gone = rename(what, "elsewhere");
        if (what == "rewrite") gone = write_file(what, "other");
        ASSERT_TRUE(gone) << what;
        ASSERT_TRUE(close_file(file)) << what;
        EXPECT_EQ(body_of("copy-" + what), bytes) << what;
    }
}

TEST_F(CopyTest, source_replaced_by_others_before_the_close_is_stale_and_nothing_is_made) {
    put("a", content_of(3 * kPart));
    const OpenedFile file = open_new("b");
    EXPECT_GT(copy("a", file), 0u);
    put("a", content_of(3 * kPart, 2));
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_FALSE(in_bucket("b"));
}

TEST_F(CopyTest, what_is_not_in_the_bucket_or_not_the_whole_is_copied_by_its_bytes) {
    const OpenedFile dirty = open_new("dirty");
    ASSERT_TRUE(write(dirty, 0, "data"));
    const OpenedFile file = open_new("b");
    EXPECT_EQ(copy("dirty", file), 0u);
    put("a", content_of(3 * kPart));
    const OpenedFile source = open_old("a", {});
    EXPECT_EQ(fs_->copy_range(source.handle, 10, file.handle, 0, 100).error().kind,
              ErrorKind::unsupported);
    EXPECT_EQ(fs_->copy_range(source.handle, 0, source.handle, 0, 100).error().kind,
              ErrorKind::unsupported);
    ASSERT_TRUE(close_file(source));
    ASSERT_TRUE(close_file(file));
    ASSERT_TRUE(close_file(dirty));
}

// Replies that are lost. Nothing of the content is here to compare with.
TEST_F(CopyTest, copy_whose_reply_is_lost_is_found_by_what_its_source_is) {
    const std::string bytes = content_of(3 * kPart);
    put("a", bytes);
    const OpenedFile file = open_new("b");
    copy("a", file);
    faulty_.lose_reply(StoreCall::copy);
    const Result<void> closed = close_file(file);
    EXPECT_TRUE(closed) << closed.error().describe();
    EXPECT_EQ(body_of("b"), bytes);
    EXPECT_EQ(faulty_.count(StoreCall::copy), 1u);
    EXPECT_THAT(recovered_files(), IsEmpty());
}

TEST_F(CopyTest, copy_that_arrives_late_is_not_taken_for_somebody_elses) {
    const std::string bytes = content_of(3 * kPart);
    put("a", bytes);
    const OpenedFile file = open_new("b");
    copy("a", file);
    const auto late = faulty_.apply_late(StoreCall::copy);
    faulty_.after(StoreCall::head, [&] { late->deliver(); }).on("b").nth(2);
    const Result<void> closed = close_file(file);
    EXPECT_TRUE(closed) << closed.error().describe();
    EXPECT_EQ(faulty_.faults_left(), 0u);
    EXPECT_EQ(body_of("b"), bytes);
    EXPECT_THAT(recovered_files(), IsEmpty());
}

TEST_F(CopyTest, content_of_others_behind_a_lost_copy_is_stale_and_stays) {
    put("a", content_of(3 * kPart));
    const std::string theirs = content_of(3 * kPart, 2);
    const OpenedFile file = open_new("b");
    copy("a", file);
    faulty_.lose_request(StoreCall::copy);
    faulty_.before(StoreCall::copy, [&] { put("b", theirs); });
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(body_of("b"), theirs);
}

// Where a copy in place gives an object of several parts another ETag.
class MultipartCopyTest : public CopyTest {
  protected:
    MultipartCopyTest() : CopyTest(service()) {
        const auto id = other_.create_upload(ObjectKey("a"), {});
        const auto part = other_.upload_part(ObjectKey("a"), *id, 1, testing::body_of(bytes_));
        EXPECT_TRUE(other_.complete_upload(ObjectKey("a"), *id, {*part}));
        clock_.advance(std::chrono::seconds(5));
    }
    static MemoryService service() {
        MemoryService service = MemoryService::s3();
        service.traits.part_bytes_min = kPart;
        return service;
    }
    const std::string bytes_ = content_of(3 * kPart);
};

TEST_F(MultipartCopyTest, copy_whose_reply_is_lost_is_found) {
    const OpenedFile file = open_new("b");
    copy("a", file);
    faulty_.lose_reply(StoreCall::copy);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("b"), bytes_);
    EXPECT_EQ(faulty_.count(StoreCall::copy), 1u);
}

TEST_F(MultipartCopyTest, source_whose_attributes_are_edited_before_the_close_is_copied) {
    const OpenedFile file = open_new("b");
    copy("a", file);
    ASSERT_TRUE(setxattr("a", "user.year", "2021"));
    EXPECT_EQ(read(file, kPart, 100).value(), bytes_.substr(kPart, 100));
    ASSERT_TRUE(chmod("a", 0600));
    ASSERT_TRUE(meta_->flush(ObjectKey("a")));
    EXPECT_EQ(read(file, 2 * kPart, 100).value(), bytes_.substr(2 * kPart, 100));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("b"), bytes_);
    EXPECT_EQ(metadata_of("b").count("year"), 0u);
}

TEST_F(MultipartCopyTest, source_that_was_edited_by_others_is_stale) {
    const OpenedFile file = open_new("b");
    copy("a", file);
    ASSERT_TRUE(setxattr("a", "user.year", "2021"));
    put("a", content_of(3 * kPart, 2));
    ASSERT_TRUE(setxattr("a", "user.year", "2022"));
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_FALSE(in_bucket("b"));
}

// The service has made the edit, and this mount does not know it yet.
TEST_F(MultipartCopyTest, copy_of_a_source_whose_edit_is_under_way_waits_for_it) {
    const OpenedFile file = open_new("b");
    copy("a", file);
    std::thread closer;
    Result<void> closed;
    faulty_
        .after(StoreCall::copy,
               [&] {
                   closer = std::thread([&] { closed = close_file(file); });
                   while (faulty_.count(StoreCall::copy) < 2) std::this_thread::yield();
               })
        .on("a");
    ASSERT_TRUE(setxattr("a", "user.year", "2021"));
    closer.join();
    EXPECT_TRUE(closed) << closed.error().describe();
    EXPECT_EQ(body_of("b"), bytes_);
}

TEST(PendingCopiesTest, who_takes_a_copy_up_has_it_alone_until_he_puts_it_down) {
    const auto copy = std::make_shared<Inode>(InodeNumber{7}, NodeType::file, ObjectKey("b"));
    PendingCopies copies;
    copies.add(copy, ObjectKey("a"));
    EXPECT_THAT(copies.take_up(ObjectKey("other")), IsEmpty());
    EXPECT_THAT(copies.take_up(ObjectKey("a")), ElementsAre(copy));
    EXPECT_THAT(copies.take_up(ObjectKey("a")), IsEmpty());
    EXPECT_THAT(copies.of(ObjectKey("a")), ElementsAre(copy));
    copies.put_down(copy);
    EXPECT_THAT(copies.take_up(ObjectKey("a")), ElementsAre(copy));
    copies.forget(copy);
    copies.put_down(copy);
    EXPECT_THAT(copies.of(ObjectKey("a")), IsEmpty());
}

TEST_F(CopyTest, file_that_is_a_copy_no_more_is_not_kept_as_one) {
    put("a", "content");
    put("c", "longer content");
    Core core(config_, *meta_, faulty_, clock_,
              std::move(*SpoolSpace::create(config_.spool_directory, 0)));
    Content content(core);
    const ObjectKey source("a");
    const InodePtr inode = *content.create(ObjectKey("b"), {0644, 0, 0});
    const auto become_copy_of = [&](const std::string& key) {
        const InodePtr from =
            core.look_up_file(ObjectKey(key), *meta_->stat(ObjectKey(key), Freshness::current));
        const FileContent::Base base = *content.copy_base(from);
        ASSERT_TRUE(content.become_copy(inode, base, {0, base.size}));
    };
    become_copy_of("a");
    EXPECT_THAT(core.copies.of(source), ElementsAre(inode));
    ASSERT_TRUE(content.truncate(inode, 0));
    EXPECT_THAT(core.copies.of(source), IsEmpty());
    become_copy_of("a");
    become_copy_of("c");
    EXPECT_THAT(core.copies.of(source), IsEmpty());
    EXPECT_THAT(core.copies.of(ObjectKey("c")), ElementsAre(inode));
    content.discard(inode);
    EXPECT_THAT(core.copies.of(ObjectKey("c")), IsEmpty());
}

}  // namespace
}  // namespace xbucket
