// SPDX-FileCopyrightText: the xbucket authors
// Files that are read while this mount edits their attributes, on a service where that gives an
// object of several parts another ETag: its content is the same, and so it is for who reads.
#include "fs_fixture.h"

#include <future>
#include <string>
#include <thread>

namespace xbucket {
namespace {

using testing::MemoryService;
using testing::StoreCall;

constexpr uint64_t kPart = 128U << 10;
constexpr uint64_t kFar = 3U << 20;  // not read ahead when the beginning is

class OwnEditTest : public FsTest {
  protected:
    OwnEditTest() : FsTest(service()) {
        FsConfig config = config_;
        config.part_bytes = kPart;
        mount(config);
        put_in_parts(bytes_);
        clock_.advance(std::chrono::seconds(5));
        file_ = open_old("f");
        EXPECT_EQ(read(file_, 0, 4096).value(), std::string(4096, 'a'));
    }
    ~OwnEditTest() override { EXPECT_TRUE(close_file(file_)); }
    static MemoryService service() {
        MemoryService service = MemoryService::s3();
        service.traits.part_bytes_min = kPart;
        return service;
    }
    void put_in_parts(const std::string& bytes) {
        const auto id = other_.create_upload(ObjectKey("f"), {});
        const auto part = other_.upload_part(ObjectKey("f"), *id, 1, testing::body_of(bytes));
        EXPECT_TRUE(other_.complete_upload(ObjectKey("f"), *id, {*part}));
    }
    // chmod, sent as late as it may be.
    Result<void> edit_late() {
        TRY(chmod("f", 0600));
        return meta_->flush(ObjectKey("f"));
    }
    // What comes of a read that the service has refused when this returns.
    std::future<Result<std::string>> refused_read(const OpenedFile& file, uint64_t offset) {
        const auto promise = std::make_shared<std::promise<Result<std::string>>>();
        const size_t gets = store_.count(StoreCall::get);
        fs_->read(file.ino, file.handle, offset, 4096, [promise](Result<ReadBytes> got) {
            if (got) {
                promise->set_value(got->to_string());
            } else {
                promise->set_value(std::move(got).error());
            }
        });
        while (store_.count(StoreCall::get) == gets) std::this_thread::yield();
        return promise->get_future();
    }

    const std::string bytes_ = std::string(1U << 20, 'a') + std::string(3U << 20, 'b');
    OpenedFile file_;
};

TEST_F(OwnEditTest, reader_goes_on_after_it) {
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    EXPECT_EQ(read(file_, kFar, 4096).value(), std::string(4096, 'b'));
    ASSERT_TRUE(edit_late());
    EXPECT_EQ(read(file_, kFar - kPart, 4096).value(), std::string(4096, 'b'));
}

TEST_F(OwnEditTest, read_that_is_refused_while_it_is_under_way_waits_for_it) {
    std::future<Result<std::string>> got;
    faulty_.after(StoreCall::copy, [&] { got = refused_read(file_, kFar); });
    ASSERT_TRUE(edit_late());
    const Result<std::string> bytes = got.get();
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(*bytes, std::string(4096, 'b'));
}

TEST_F(OwnEditTest, who_looks_while_it_is_under_way_makes_no_reader_stale) {
    faulty_.after(StoreCall::copy,
                  [&] { ASSERT_TRUE(meta_->stat(ObjectKey("f"), Freshness::current)); });
    ASSERT_TRUE(edit_late());
    EXPECT_EQ(faulty_.faults_left(), 0u);
    const Result<std::string> bytes = read(file_, kFar, 4096);
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(*bytes, std::string(4096, 'b'));
    EXPECT_EQ(stat("f")->mode & 07777u, 0600u);
}

TEST_F(OwnEditTest, of_an_object_that_others_replaced_meanwhile_makes_readers_stale) {
    faulty_.before(StoreCall::copy, [&] {
        put_in_parts(std::string(4U << 20, 'c'));
        ASSERT_TRUE(meta_->stat(ObjectKey("f"), Freshness::current));
    });
    ASSERT_TRUE(edit_late());
    EXPECT_EQ(read(file_, kFar, 4096).error().kind, ErrorKind::stale);
    EXPECT_EQ(read_file("f").value(), std::string(4U << 20, 'c'));
}

// What is not changed of a file that is open for writing is read from the object, too.
TEST_F(OwnEditTest, read_of_a_changed_file_that_is_refused_waits_for_what_is_under_way) {
    const OpenedFile writer = open_old("f", {.write = true});
    ASSERT_TRUE(write(writer, 0, "changed"));
    std::future<Result<std::string>> got;
    faulty_.after(StoreCall::copy, [&] { got = refused_read(file_, kFar); });
    ASSERT_TRUE(edit_late());
    Result<std::string> bytes = got.get();
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(*bytes, std::string(4096, 'b'));

    faulty_.after(StoreCall::complete_upload, [&] { got = refused_read(file_, kFar - kPart); });
    ASSERT_TRUE(close_file(writer));
    bytes = got.get();
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(*bytes, std::string(4096, 'b'));
}

// One ETag is an MD5 and the other is not: of a copy in parts, as of a large object of OSS whose
// class is changed, or of one that the bucket encrypts by default.
class OtherEtagTest : public FsTest, public ::testing::WithParamInterface<bool> {
  protected:
    OtherEtagTest() : FsTest(service(GetParam())) {}
    static MemoryService service(bool encrypts) {
        MemoryService service = MemoryService::s3();
        if (encrypts) {
            service.default_encryption = "aws:kms";
        } else {
            service.traits.copy_bytes_max = 1U << 20;
        }
        return service;
    }
};

TEST_P(OtherEtagTest, readers_and_writers_go_on_after_an_own_edit_that_gives_another_one) {
    put("f", std::string(1U << 20, 'a') + std::string(3U << 20, 'b'));
    clock_.advance(std::chrono::seconds(5));
    const OpenedFile reader = open_old("f");
    const OpenedFile writer = open_old("f", {.write = true});
    EXPECT_EQ(read(reader, 0, 4096).value(), std::string(4096, 'a'));
    ASSERT_TRUE(write(writer, 0, "changed"));
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    const Result<std::string> bytes = read(reader, kFar, 4096);
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_EQ(*bytes, std::string(4096, 'b'));
    const Result<void> closed = close_file(writer);
    ASSERT_TRUE(closed) << closed.error().describe();
    EXPECT_EQ(body_of("f").substr(0, 8), "changeda");
    EXPECT_EQ(metadata_of("f").at("a"), "1");
    ASSERT_TRUE(close_file(reader));
}

INSTANTIATE_TEST_SUITE_P(PartsOrKms, OtherEtagTest, ::testing::Bool());

}  // namespace
}  // namespace xbucket
