// SPDX-FileCopyrightText: the xbucket authors
// Uploads in parts: what is sent while a file grows, what the service copies, and what is left of
// uploads that were cut short.
#include "xbucket/data/uploads.h"

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/memory_store.h"
#include "support/temp_dir.h"
#include "upload_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

namespace xbucket {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::StoreCall;
using testing::TempDir;

constexpr uint64_t kPart = 128U << 10;

std::string content_of(size_t bytes, uint64_t salt = 0) {
    std::string content(bytes, '\0');
    std::mt19937_64 random(salt);
    for (char& c : content) c = static_cast<char>(random());
    return content;
}

class UploadsTest : public ::testing::Test {
  protected:
    UploadsTest() { start(); }
    void start() {
        uploads_.reset();
        uploads_ = make_uploads({.part_bytes = kPart, .source = "test"}, faulty_, *space_, clock_);
    }
    std::shared_ptr<FileContent> content(const std::string& bytes) {
        std::shared_ptr<FileContent> made = std::move(*FileContent::create(*space_, {}));
        EXPECT_TRUE(made->write(0, bytes));
        return made;
    }
    std::shared_ptr<FileContent> over_object(const std::string& key, const std::string& bytes) {
        const auto put = testing::put_object(store_, key, bytes);
        store_.clear_log();
        return std::move(*FileContent::create(*space_, {put->etag, bytes.size()}));
    }
    std::shared_ptr<PartUpload> begin(const std::string& key,
                                      const std::shared_ptr<FileContent>& of,
                                      bool growing = false) {
        auto begun = uploads_->begin(ObjectKey(key), {}, of, growing);
        EXPECT_TRUE(begun.has_value()) << begun.error().describe();
        return *begun;
    }
    void wait_for(StoreCall call, size_t times) {
        while (store_.count(call) < times) std::this_thread::yield();
    }
    std::string body_of(const std::string& key) const {
        const auto version = store_.bucket()->peek(ObjectKey(key));
        return version ? *version->body : "(no object)";
    }

    TempDir dir_;
    testing::FakeClock clock_;
    testing::MemoryStore store_{testing::MemoryService::oss(), clock_};
    testing::FaultyStore faulty_{store_};
    std::unique_ptr<SpoolSpace> space_ = std::move(*SpoolSpace::create(dir_ / "spool", 0));
    std::unique_ptr<Uploads> uploads_;
};

TEST_F(UploadsTest, content_goes_up_in_parts) {
    const std::string bytes = content_of(5 * kPart + 17);
    const auto file = content(bytes);
    const auto upload = begin("k", file);
    ASSERT_TRUE(upload->send_rest());
    ASSERT_TRUE(upload->complete({}));
    EXPECT_EQ(body_of("k"), bytes);
    EXPECT_EQ(store_.count(StoreCall::upload_part), 6u);
}

TEST_F(UploadsTest, parts_are_sent_while_the_file_grows_and_not_again) {
    const std::string bytes = content_of(4 * kPart + 1);
    const auto file = content(bytes.substr(0, 2 * kPart + 5));
    const auto upload = begin("k", file, true);
    upload->send_ahead({0, 2 * kPart + 5});
    wait_for(StoreCall::upload_part, 2);
    ASSERT_TRUE(file->append(bytes.substr(2 * kPart + 5)));
    upload->changed({2 * kPart + 5, bytes.size()});
    ASSERT_TRUE(upload->send_rest());
    ASSERT_TRUE(upload->complete({}));
    EXPECT_EQ(body_of("k"), bytes);
    EXPECT_EQ(store_.count(StoreCall::upload_part), 5u);
}

TEST_F(UploadsTest, part_that_was_written_to_after_it_went_up_goes_up_again) {
    std::string bytes = content_of(3 * kPart);
    const auto file = content(bytes);
    const auto upload = begin("k", file, true);
    upload->send_ahead({0, 3 * kPart});
    wait_for(StoreCall::upload_part, 3);
    ASSERT_TRUE(file->write(kPart + 3, "changed"));
    bytes.replace(kPart + 3, 7, "changed");
    upload->changed({kPart + 3, kPart + 10});
    ASSERT_TRUE(upload->send_rest());
    ASSERT_TRUE(upload->complete({}));
    EXPECT_EQ(body_of("k"), bytes);
    EXPECT_EQ(store_.count(StoreCall::upload_part), 4u);
}

TEST_F(UploadsTest, part_that_failed_ahead_is_sent_at_the_end) {
    const std::string bytes = content_of(3 * kPart);
    const auto file = content(bytes);
    const auto upload = begin("k", file, true);
    faulty_.fail(StoreCall::upload_part, Error(ErrorKind::server_error, "injected"));
    upload->send_ahead({0, 3 * kPart});
    ASSERT_TRUE(upload->send_rest());
    ASSERT_TRUE(upload->complete({}));
    EXPECT_EQ(body_of("k"), bytes);
    EXPECT_EQ(faulty_.faults_left(), 0u);
}

TEST_F(UploadsTest, unchanged_parts_are_copied_by_the_service) {
    std::string bytes = content_of(8 * kPart + 100);
    const auto file = over_object("k", bytes);
    ASSERT_TRUE(file->write(3 * kPart + 1, "new"));
    bytes.replace(3 * kPart + 1, 3, "new");
    const auto upload = begin("k", file);
    ASSERT_TRUE(upload->send_rest());
    ASSERT_TRUE(upload->complete({}));
    EXPECT_EQ(body_of("k"), bytes);
    // Cells in a row are one copy; of the changed one the rest is fetched.
    EXPECT_EQ(store_.count(StoreCall::upload_part_copy), 2u);
    EXPECT_EQ(store_.count(StoreCall::upload_part), 1u);
    EXPECT_EQ(store_.count(StoreCall::get), 2u);
    EXPECT_LE(space_->bytes_used(), kPart);
}

TEST_F(UploadsTest, service_that_copies_no_parts_gets_them_sent) {
    const std::string bytes = content_of(3 * kPart);
    const auto file = over_object("k", bytes);
    ASSERT_TRUE(file->append("tail"));
    faulty_.fail(StoreCall::upload_part_copy, Error(ErrorKind::unsupported, "injected")).always();
    const auto upload = begin("k", file);
    ASSERT_TRUE(upload->send_rest());
    ASSERT_TRUE(upload->complete({}));
    EXPECT_EQ(body_of("k"), bytes + "tail");
}

TEST_F(UploadsTest, base_that_was_replaced_is_stale_and_never_mixed_in) {
    const auto file = over_object("k", content_of(4 * kPart));
    ASSERT_TRUE(file->write(0, "mine"));
    const std::string theirs = content_of(4 * kPart, 7);
    ASSERT_TRUE(testing::put_object(store_, "k", theirs).has_value());
    const auto upload = begin("k", file);
    EXPECT_EQ(upload->send_rest().error().kind, ErrorKind::stale);
    upload->abort();
    EXPECT_EQ(body_of("k"), theirs);
    EXPECT_THAT(*store_.list_uploads(""), IsEmpty());
}

TEST_F(UploadsTest, fetch_brings_what_is_missing_and_nothing_else) {
    const std::string bytes = content_of(3 * kPart);
    const auto file = over_object("k", bytes);
    ASSERT_TRUE(file->write(kPart, std::string(kPart, 'x')));
    ASSERT_TRUE(uploads_->fetch(ObjectKey("k"), *file, {0, 3 * kPart}));
    EXPECT_EQ(store_.count(StoreCall::get), 2u);
    EXPECT_EQ(file->read(0, 3 * kPart).value(),
              bytes.substr(0, kPart) + std::string(kPart, 'x') + bytes.substr(2 * kPart));
}

TEST_F(UploadsTest, what_was_damaged_on_its_way_here_is_fetched_once_more) {
    const std::string bytes = content_of(3 * kPart);
    const auto of = over_object("f", bytes);
    // What HttpStore says when an object that came whole has another checksum.
    faulty_.fail(StoreCall::get, Error(ErrorKind::checksum_mismatch, "injected"));
    ASSERT_TRUE(uploads_->fetch(ObjectKey("f"), *of, {0, bytes.size()}));
    EXPECT_TRUE(of->read(0, bytes.size()) == bytes);
}

TEST_F(UploadsTest, upload_that_is_let_go_is_aborted) {
    const auto file = content(content_of(3 * kPart));
    auto upload = begin("k", file, true);
    upload->send_ahead({0, 3 * kPart});
    EXPECT_THAT(*store_.list_uploads(""), SizeIs(1));
    upload.reset();
    uploads_.reset();  // waits
    EXPECT_THAT(*store_.list_uploads(""), IsEmpty());
}

TEST_F(UploadsTest, other_crc_than_was_sent_is_an_error) {
    const auto file = content(content_of(2 * kPart));
    const auto upload = begin("k", file);
    ASSERT_TRUE(upload->send_rest());
    // The memory store says no CRC of parts; the contract tests of the stores do.
    ASSERT_TRUE(upload->complete({}));
}

// What a mount that was killed has left: its log is not locked any more.
class LeftoversTest : public UploadsTest {
  protected:
    UploadId create(const std::string& key) { return *store_.create_upload(ObjectKey(key), {}); }
    // A log as a killed mount leaves it.
    void leave(const std::function<void(UploadLog&)>& write) {
        UploadLog log(space_->directory(), "test");
        write(log);
    }
    void clean_up() {
        start();
        uploads_->abort_leftovers();
        uploads_.reset();  // waits
    }
};

TEST_F(LeftoversTest, uploads_of_a_killed_mount_are_aborted_and_others_are_not) {
    const UploadId ours = create("k");
    const UploadId done = create("done");
    create("k");
    leave([&](UploadLog& log) {
        const auto ticket = log.intend(ObjectKey("k"), clock_.wall_now());
        log.made(ticket, ours);
        const auto other = log.intend(ObjectKey("done"), clock_.wall_now());
        log.made(other, done);
        log.over(other);
    });
    clean_up();
    const auto left = *store_.list_uploads("");
    ASSERT_THAT(left, SizeIs(2));
    for (const PendingUpload& upload : left) EXPECT_NE(upload.id, ours);
    EXPECT_THAT(UploadLog(space_->directory(), "test").dead(), IsEmpty());
}

TEST_F(LeftoversTest, upload_whose_id_never_came_is_found_by_its_time) {
    leave([&](UploadLog& log) { log.intend(ObjectKey("k"), clock_.wall_now()); });
    create("k");
    create("kk");
    clean_up();
    const auto left = *store_.list_uploads("");
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].key, ObjectKey("kk"));
}

TEST_F(LeftoversTest, where_nobody_can_tell_whose_it_is_nothing_is_aborted) {
    leave([&](UploadLog& log) { log.intend(ObjectKey("k"), clock_.wall_now()); });
    create("k");
    create("k");
    clean_up();
    EXPECT_THAT(*store_.list_uploads(""), SizeIs(2));
}

TEST_F(LeftoversTest, mount_that_lives_keeps_its_uploads) {
    const auto upload = begin("k", content(content_of(3 * kPart)), true);
    auto other = make_uploads({.source = "test"}, faulty_, *space_, clock_);
    other->abort_leftovers();
    other.reset();
    EXPECT_THAT(*store_.list_uploads(""), SizeIs(1));
    upload->abort();
}

TEST_F(LeftoversTest, what_cannot_be_aborted_waits_for_the_next_mount) {
    const UploadId ours = create("k");
    leave([&](UploadLog& log) { log.made(log.intend(ObjectKey("k"), clock_.wall_now()), ours); });
    faulty_.fail(StoreCall::abort_upload, Error(ErrorKind::network, "injected"));
    clean_up();
    EXPECT_THAT(*store_.list_uploads(""), SizeIs(1));
    clean_up();
    EXPECT_THAT(*store_.list_uploads(""), IsEmpty());
}

TEST_F(LeftoversTest, leftovers_of_another_source_are_not_touched) {
    const UploadId ours = create("k");
    leave([&](UploadLog& log) { log.made(log.intend(ObjectKey("k"), clock_.wall_now()), ours); });
    auto other = make_uploads({.source = "other"}, faulty_, *space_, clock_);
    other->abort_leftovers();
    other.reset();
    EXPECT_THAT(*store_.list_uploads(""), SizeIs(1));
}

// An upload of which nobody can tell whether it was begun stays in the log as long as the mount.
TEST_F(LeftoversTest, log_keeps_what_is_not_over_and_does_not_grow_with_what_is) {
    const UploadId ours = create("k");
    const std::string folder = dir_ / "spool/uploads";
    leave([&](UploadLog& log) {
        log.intend(ObjectKey("lost"), clock_.wall_now());
        log.made(log.intend(ObjectKey("k"), clock_.wall_now()), ours);
        for (int i = 0; i < 10'000; ++i)
            log.over(log.intend(ObjectKey("some/quite/long/key"), clock_.wall_now()));
        for (const auto& file : std::filesystem::directory_iterator(folder))
            EXPECT_LT(file.file_size(), 100U << 10) << file.path();
        // It is that of a mount that lives.
        EXPECT_THAT(UploadLog(space_->directory(), "test").dead(), IsEmpty());
    });
    const auto dead = UploadLog(space_->directory(), "test").dead();
    ASSERT_THAT(dead, SizeIs(1));
    ASSERT_THAT(dead[0].leftovers(), SizeIs(2));
    EXPECT_EQ(dead[0].leftovers()[0].key, ObjectKey("lost"));
    EXPECT_EQ(dead[0].leftovers()[1].id, ours);
}

}  // namespace
}  // namespace xbucket
