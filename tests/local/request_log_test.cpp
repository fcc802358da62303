// SPDX-FileCopyrightText: the xbucket authors
// The request log as clients see it, who have their reply before its line is written.
#include "request_log.h"

#include "fixture.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>

namespace xbucket::testing {
namespace {

using local::RequestLog;

class RequestLogTest : public LocalServerTest {
  protected:
    void SetUp() override {
        auto logging = config();
        logging.log_file = folder_ / "log.jsonl";
        start(logging);
    }
    Answer settle(Client& by) {
        return by.send({.method = "PUT", .bucket = "", .query = {{"x-log", ""}}});
    }
    int64_t lines() {
        const std::string log = read_file(folder_ / "log.jsonl");
        return std::count(log.begin(), log.end(), '\n');
    }
};

TEST_F(RequestLogTest, whoever_asks_for_the_log_finds_what_was_answered_before_and_not_the_asking) {
    for (int i = 1; i <= 200; ++i) {
        ASSERT_EQ(oss().put("k", "x").status, 200);
        ASSERT_EQ(settle(s3()).status, 200);
        ASSERT_EQ(lines(), i);
    }
}

TEST_F(RequestLogTest, lost_connections_are_in_the_log_that_was_asked_for) {
    ASSERT_TRUE(server_->set_faults("put:%2:drop,put:*:reset"));
    for (int i = 1; i <= 100; ++i) {
        ASSERT_EQ(oss().put("k", "x").status, 0);
        ASSERT_EQ(settle(s3()).status, 200);
        ASSERT_EQ(lines(), i);
    }
}

TEST_F(RequestLogTest, requests_that_stall_are_not_waited_for) {
    ASSERT_TRUE(server_->set_faults("put:*:stall"));
    Client other = client(Scheme::oss_v4);
    std::thread stalled([&] { other.put("k", "x"); });
    ASSERT_EQ(oss().head("k").status, 404);
    EXPECT_EQ(settle(oss()).status, 200);
    EXPECT_EQ(lines(), 1);
    server_->stop(std::chrono::milliseconds(0));
    stalled.join();
}

TEST_F(RequestLogTest, only_the_lasting_key_may_ask) {
    Client nobody = client(Scheme::anonymous);
    EXPECT_EQ(settle(nobody).status, 403);
}

class OwedLines : public ::testing::Test {
  protected:
    void SetUp() override {
        auto opened = RequestLog::open(folder_ / "log.jsonl");
        ASSERT_TRUE(opened);
        log_ = std::move(*opened);
    }

    TempDir folder_;
    std::unique_ptr<RequestLog> log_;
    std::atomic<bool> stop_ = false;
    std::atomic<bool> settled_ = false;
};

TEST_F(OwedLines, are_waited_for) {
    const uint64_t first = log_->owe(false);
    const uint64_t second = log_->owe(true);
    std::thread waiting([&] {
        log_->settle(stop_, 1 << 30);
        settled_ = true;
    });
    EXPECT_FALSE(settled_);
    log_->write({}, first);
    EXPECT_FALSE(settled_);
    log_->write({}, second);
    waiting.join();
}

TEST_F(OwedLines, of_later_replies_are_not_waited_for) {
    std::thread waiting([&] {
        log_->settle(stop_);
        settled_ = true;
    });
    uint64_t last = log_->owe(false);
    while (!settled_) {
        const uint64_t next = log_->owe(false);
        log_->write({}, last);
        last = next;
    }
    waiting.join();
}

TEST_F(OwedLines, of_replies_that_nobody_reads_are_not_waited_for_forever) {
    log_->owe(true);
    log_->settle(stop_, 2);
}

TEST_F(OwedLines, are_not_waited_for_by_a_server_that_stops) {
    stop_ = true;
    log_->owe(false);
    log_->settle(stop_);
}

}  // namespace
}  // namespace xbucket::testing
