// SPDX-FileCopyrightText: the xbucket authors
// Uploads whose requests are repeated on their way, lost or refused: what close() may say then.
#include "fs_fixture.h"

#include <random>

namespace xbucket {
namespace {

using testing::Fault;
using testing::MemoryService;
using testing::StoreCall;

constexpr uint64_t kPart = 100 << 10;

class UploadDoubtTest : public FsTest {
  protected:
    UploadDoubtTest() : UploadDoubtTest(MemoryService::oss()) {}
    explicit UploadDoubtTest(const MemoryService& service) : FsTest(service) {
        FsConfig config = config_;
        config.part_bytes = kPart;
        mount(config);
        std::mt19937 random(7);
        for (char& c : big_) c = static_cast<char>(random());
    }
    // The request is applied, and what comes back is the answer to its repetition.
    void meet_own_success(StoreCall call, ErrorKind kind) {
        Fault fault;
        fault.call = call;
        fault.error = Error(kind, "answer to the repetition");
        faulty_.add(std::move(fault));
    }
    std::string big_ = std::string(4 * kPart, '\0');
};

TEST_F(UploadDoubtTest, repeated_complete_that_finds_no_upload_has_made_the_object) {
    meet_own_success(StoreCall::complete_upload, ErrorKind::not_found);
    ASSERT_TRUE(write_file("f", big_));
    EXPECT_EQ(body_of("f"), big_);
    EXPECT_EQ(count(StoreCall::complete_upload), 1u);
}

TEST_F(UploadDoubtTest, upload_that_is_gone_and_made_nothing_is_sent_anew) {
    Fault& fault = faulty_.lose_request(StoreCall::complete_upload);
    fault.error = Error(ErrorKind::not_found, "no such upload");
    ASSERT_TRUE(write_file("f", big_));
    EXPECT_EQ(body_of("f"), big_);
}

TEST_F(UploadDoubtTest, repeated_put_that_is_refused_for_its_own_success_is_done) {
    put("f", "theirs");
    meet_own_success(StoreCall::put, ErrorKind::precondition_failed);
    ASSERT_TRUE(write_file("f", "mine"));
    EXPECT_EQ(body_of("f"), "mine");
    EXPECT_EQ(count(StoreCall::put), 1u);
}

TEST_F(UploadDoubtTest, doubt_of_one_attempt_stays_with_the_error_of_the_next) {
    faulty_.lose_request(StoreCall::complete_upload);
    faulty_.before(StoreCall::complete_upload, [&] {
        faulty_.fail(StoreCall::create_upload, Error(ErrorKind::access_denied, "injected"));
    });
    const Result<void> written = write_file("f", big_);
    EXPECT_EQ(faulty_.faults_left(), 0u);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::access_denied);
    EXPECT_TRUE(written.error().outcome_unknown);
}

TEST_F(UploadDoubtTest, upload_that_cannot_be_looked_for_is_not_sent_again) {
    faulty_.lose_reply(StoreCall::complete_upload);
    faulty_.before(StoreCall::complete_upload, [&] {
        faulty_.fail(StoreCall::head, Error(ErrorKind::server_error, "injected"));
    });
    const Result<void> written = write_file("f", big_);
    ASSERT_FALSE(written);
    EXPECT_TRUE(written.error().outcome_unknown);
    EXPECT_EQ(faulty_.count(StoreCall::complete_upload), 1u);
}

// It arrives when the first look has found the old object.
TEST_F(UploadDoubtTest, put_that_arrives_late_is_not_taken_for_somebody_elses) {
    put("f", "theirs");
    const InodeNumber number = ino("f");
    const Opened opened = *open("f", {.write = true});
    ASSERT_TRUE(fs_->write(number, opened.handle, 0, "mine"));
    const auto late = faulty_.apply_late(StoreCall::put);
    faulty_.after(StoreCall::head, [&] { late->deliver(); }).nth(2);
    const Result<void> closed = close(number, opened.handle);
    EXPECT_TRUE(closed) << closed.error().describe();
    EXPECT_EQ(faulty_.faults_left(), 0u);
    EXPECT_EQ(body_of("f"), "miners");
    EXPECT_THAT(recovered_files(), ::testing::IsEmpty());
}

TEST_F(UploadDoubtTest, content_of_others_behind_a_lost_put_is_stale_and_stays) {
    put("f", "theirs");
    const InodeNumber number = ino("f");
    const Opened opened = *open("f", {.write = true});
    ASSERT_TRUE(fs_->write(number, opened.handle, 0, "mine"));
    faulty_.lose_request(StoreCall::put);
    faulty_.after(StoreCall::head, [&] { put("f", "others"); }).nth(2);
    EXPECT_EQ(close(number, opened.handle).error().kind, ErrorKind::stale);
    EXPECT_EQ(faulty_.faults_left(), 0u);
    EXPECT_EQ(body_of("f"), "others");
    EXPECT_EQ(recovered_files().size(), 2u);
}

class UploadDoubtWithoutHashTest : public UploadDoubtTest {
  protected:
    UploadDoubtWithoutHashTest() : UploadDoubtTest(MemoryService::s3()) {}
};

TEST_F(UploadDoubtWithoutHashTest, content_of_others_of_the_same_size_is_not_taken_for_ours) {
    ObjectAttributes encrypted;
    encrypted.sse.algorithm = "aws:kms";  // its ETag is no hash of the content
    put("f", "first", encrypted);
    faulty_.before(StoreCall::put, [&] { put("f", "their", encrypted); });
    ASSERT_TRUE(write_file("f", "mine!"));
    EXPECT_EQ(faulty_.faults_left(), 0u);
    EXPECT_EQ(faulty_.count(StoreCall::put), 2u);
    EXPECT_EQ(body_of("f"), "mine!");
}

}  // namespace
}  // namespace xbucket
