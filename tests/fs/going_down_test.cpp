// SPDX-FileCopyrightText: the xbucket authors
// The end of a mount with files that are not in the bucket, and a service that does not answer:
// nothing waits that need not, and nothing is lost.
#include "fs_fixture.h"

#include <thread>

namespace xbucket {
namespace {

using testing::Gate;
using testing::StoreCall;

constexpr size_t kFiles = 20;
constexpr size_t kAtOnce = 16;  // uploads at the end of a mount

class GoingDownTest : public FsTest {
  protected:
    void open_dirty_files() {
        for (size_t i = 0; i < kFiles; ++i) {
            const OpenedFile file = open_new("f" + std::to_string(i));
            ASSERT_TRUE(write(file, 0, "data"));
        }
    }
    // All HEADs stand until the gate is released.
    std::shared_ptr<Gate> hold_heads(std::optional<Error> error = std::nullopt) {
        const auto gate = std::make_shared<Gate>();
        testing::Fault fault;
        fault.call = StoreCall::head;
        fault.times = 0;
        fault.apply = !error;
        fault.error = std::move(error);
        fault.before = [gate] { gate->pass(); };
        faulty_.add(std::move(fault));
        return gate;
    }
    // And find nobody then.
    std::shared_ptr<Gate> take_network_away() {
        return hold_heads(Error(ErrorKind::timed_out, "injected"));
    }
};

TEST_F(GoingDownTest, many_files_go_up_at_once) {
    ASSERT_NO_FATAL_FAILURE(open_dirty_files());
    const auto gate = hold_heads();
    std::thread end([&] { EXPECT_TRUE(fs_->shutdown()); });
    gate->wait_until_reached(kAtOnce);
    gate->release();
    end.join();
    for (size_t i = 0; i < kFiles; ++i) EXPECT_EQ(body_of("f" + std::to_string(i)), "data");
    EXPECT_EQ(recovered_files().size(), 0u);
}

TEST_F(GoingDownTest, service_that_does_not_answer_is_asked_once_for_all_that_waits) {
    ASSERT_NO_FATAL_FAILURE(open_dirty_files());
    const size_t asked = faulty_.count(StoreCall::head);
    const auto gate = take_network_away();
    std::thread end([&] { EXPECT_EQ(fs_->shutdown().error().kind, ErrorKind::timed_out); });
    gate->wait_until_reached(kAtOnce);
    gate->release();
    end.join();
    EXPECT_EQ(faulty_.count(StoreCall::head) - asked, kAtOnce) << "the others are kept unasked";
    EXPECT_EQ(recovered_files().size(), 2 * kFiles) << "each with its note";
}

TEST_F(GoingDownTest, content_whose_upload_hangs_can_be_kept_meanwhile_and_is_kept_once) {
    ASSERT_NO_FATAL_FAILURE(open_dirty_files());
    const auto gate = take_network_away();
    std::thread end([&] { EXPECT_FALSE(fs_->shutdown()); });
    gate->wait_until_reached(kAtOnce);
    EXPECT_EQ(fs_->keep_unsent(), kFiles);
    EXPECT_EQ(recovered_files().size(), 2 * kFiles);
    gate->release();
    end.join();
    EXPECT_EQ(recovered_files().size(), 2 * kFiles);
}

TEST_F(GoingDownTest, file_that_one_error_of_its_own_keeps_away_is_alone) {
    ASSERT_NO_FATAL_FAILURE(open_dirty_files());
    faulty_.fail(StoreCall::put, Error(ErrorKind::access_denied, "injected")).on("f0").always();
    EXPECT_EQ(fs_->shutdown().error().kind, ErrorKind::access_denied);
    EXPECT_EQ(recovered_files().size(), 2u);
    EXPECT_EQ(body_of("f19"), "data");
}

TEST_F(GoingDownTest, what_was_given_up_while_it_was_mounted_is_an_error_of_the_end) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    faulty_.fail(StoreCall::put, Error(ErrorKind::access_denied, "injected"));
    EXPECT_FALSE(close_file(file));
    EXPECT_EQ(fs_->shutdown().error().kind, ErrorKind::io);
    EXPECT_EQ(recovered_files().size(), 2u);
}

}  // namespace
}  // namespace xbucket
