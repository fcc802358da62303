// SPDX-FileCopyrightText: the xbucket authors
// Scripted misbehaviour, latency, the request log, stopping.
#include "faults.h"

#include "fixture.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace xbucket::testing {
namespace {

class FaultsTest : public LocalServerTest {
  protected:
    void set(const std::string& rules) {
        auto done = server_->set_faults(rules);
        ASSERT_TRUE(done) << done.error().describe();
    }
};

bool can_connect(uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
}

TEST_F(FaultsTest, second_copy_is_applied_and_then_the_connection_drops) {
    set("copy:2:apply-drop");
    oss().put("k", "x");
    EXPECT_EQ(oss().copy("k", "one").status, 200);
    EXPECT_EQ(oss().copy("k", "two").status, 0);
    EXPECT_EQ(oss().get("two").body, "x") << "it was applied";
    EXPECT_EQ(oss().copy("k", "three").status, 200);
}

TEST_F(FaultsTest, drop_and_reset_apply_nothing) {
    set("put:1:drop\nput:2:reset,delete:1:apply-reset");
    EXPECT_EQ(oss().put("k", "x").status, 0);
    const Answer reset = oss().put("k", "x");
    EXPECT_EQ(reset.status, 0);
    EXPECT_TRUE(reset.reset);
    EXPECT_EQ(oss().head("k").status, 404);
    EXPECT_EQ(oss().put("k", "x").status, 200);
    EXPECT_TRUE(oss().del("k").reset);
    EXPECT_EQ(oss().head("k").status, 404);
}

TEST_F(FaultsTest, status_rules_answer_with_code_and_retry_after_for_a_key) {
    set("any@dir/*:1-2:503:SlowDown:7");
    EXPECT_EQ(oss().put("other", "x").status, 200);
    const Answer slow = oss().put("dir/k", "x");
    EXPECT_EQ(slow.status, 503);
    EXPECT_EQ(slow.code(), "SlowDown");
    EXPECT_EQ(slow.header("Retry-After"), "7");
    EXPECT_EQ(oss().head("dir/k").code(), "SlowDown");
    EXPECT_EQ(oss().put("dir/k", "x").status, 200);
}

TEST_F(FaultsTest, ok_with_error_body_applies_nothing) {
    set("copy:1:200-with-error,complete:1:200-with-error");
    oss().put("k", "x");
    const Answer odd = oss().copy("k", "to");
    EXPECT_EQ(odd.status, 200);
    EXPECT_EQ(odd.code(), "InternalError");
    EXPECT_EQ(oss().head("to").status, 404);
}

TEST_F(FaultsTest, bodies_can_be_cut_and_corrupted) {
    oss().put("k", "0123456789");
    set("get:1:truncate-body,get:2:corrupt-body,head:1:wrong-etag");
    const Answer cut = oss().get("k");
    EXPECT_EQ(cut.header("Content-Length"), "10");
    EXPECT_EQ(cut.body, "01234");
    EXPECT_FALSE(cut.complete);
    const Answer wrong = oss().get("k");
    EXPECT_EQ(wrong.body.size(), 10U);
    EXPECT_NE(wrong.body, "0123456789");
    EXPECT_EQ(oss().get("k").body, "0123456789");
    EXPECT_NE(oss().head("k").header("ETag"), oss().head("k").header("ETag"));
}

TEST_F(FaultsTest, services_that_ignore_conditions_or_lose_tags_can_be_played) {
    set("copy:1:ignore-conditions,copy:2:lose-tags");
    oss().put("k", "x", {{"x-oss-tagging", "a=1"}});
    const Headers never{{"x-oss-copy-source-if-match", "\"00\""}};
    EXPECT_EQ(oss().copy("k", "one", never).status, 200);
    EXPECT_EQ(oss().copy("k", "two").status, 200);
    EXPECT_FALSE(oss().head("two").headers.has("x-oss-tagging-count"));
    EXPECT_EQ(oss().copy("k", "three", never).status, 412);
}

TEST_F(FaultsTest, a_service_that_makes_browsers_download_can_be_played) {
    set("any:2-3:force-download");
    oss().put("k", "x");
    EXPECT_EQ(oss().head("k").header("Content-Disposition"), "attachment");
    EXPECT_EQ(oss().get("k").header("x-oss-force-download"), "true");
    EXPECT_FALSE(oss().head("k").headers.has("Content-Disposition"));
}

TEST_F(FaultsTest, stalled_request_is_let_go_when_the_server_stops) {
    set("get:1:stall");
    oss().put("k", "x");
    Client other = client(Scheme::oss_v4);
    Answer stalled;
    std::thread thread([&] { stalled = other.get("k"); });
    // HEADs are not what stalls; while they are answered the GET is on its way or held.
    for (int i = 0; i < 50; ++i) EXPECT_EQ(oss().head("k").status, 200);
    server_->stop(std::chrono::milliseconds(0));
    thread.join();
    EXPECT_EQ(stalled.status, 0);
}

TEST_F(FaultsTest, a_server_that_stops_answers_what_is_under_way_and_refuses_connections) {
    set("put:1:delay:3600000");
    Answer slow;
    Client other = client(Scheme::oss_v4);
    std::thread asking([&] { slow = other.put("k", "x"); });
    while (oss().head("k").status != 200) std::this_thread::yield();
    std::thread stopping([&] { server_->stop(std::chrono::minutes(10)); });
    while (can_connect(server_->port())) std::this_thread::yield();
    clock_.advance(std::chrono::hours(1));
    asking.join();
    stopping.join();
    EXPECT_EQ(slow.status, 200);
    EXPECT_EQ(slow.header("Connection"), "close");
    EXPECT_EQ(oss().head("k").status, 0);
}

TEST_F(FaultsTest, rules_can_be_set_over_http_by_whoever_has_the_key) {
    const Ask ask{.method = "PUT",
                  .bucket = "",
                  .query = {{"x-faults", ""}},
                  .body = "head:*:500:InternalError"};
    EXPECT_EQ(client(Scheme::anonymous).send(ask).status, 403);
    EXPECT_EQ(oss().head("k").status, 404);
    Ask read = ask;
    read.method = "GET";
    read.body.clear();
    EXPECT_EQ(oss().send(read).status, 405);
    EXPECT_EQ(oss().send(ask).status, 200);
    EXPECT_EQ(oss().head("k").status, 500);
    Ask bad = ask;
    bad.body = "head:soon:explode";
    const Answer refused = oss().send(bad);
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.body.find("soon"), std::string::npos);
    Ask clear = ask;
    clear.body = "";
    EXPECT_EQ(oss().send(clear).status, 200);
    EXPECT_EQ(oss().head("k").status, 404);
}

TEST(FaultRules, malformed_rules_are_refused_with_the_reason) {
    local::Faults faults(0, 1);
    for (const char* rule :
         {"copy", "copy:1", "copy:0:drop", "fly:1:drop", "copy:2-1:drop", "copy:1:explode",
          "copy:1:delay:x", "copy:1:99", "copy@%z:1:drop", "copy:%0:drop", "copy::drop"}) {
        auto set = faults.set(rule);
        ASSERT_FALSE(set) << rule;
        EXPECT_EQ(set.error().kind, ErrorKind::invalid_argument);
        EXPECT_NE(set.error().message.find(rule), std::string::npos);
    }
    EXPECT_TRUE(faults.set(" copy@a%3Ab:%3:drop , list:2+:429:TooMany:1\nany:*:delay:5,"));
}

TEST(FaultRules, counters_follow_kind_key_and_which) {
    local::Faults faults(0, 1);
    ASSERT_TRUE(faults.set("get@a:%2:drop,any:3+:404"));
    using local::FaultAction;
    using local::RequestKind;
    EXPECT_EQ(faults.next(RequestKind::get, "a").action, FaultAction::none);
    EXPECT_EQ(faults.next(RequestKind::get, "a").action, FaultAction::drop);
    EXPECT_EQ(faults.next(RequestKind::get, "ab").status, 404);
    EXPECT_EQ(faults.next(RequestKind::put, "a").status, 404);
    EXPECT_EQ(faults.next(RequestKind::get, "a").status, 404);
    EXPECT_EQ(faults.next(RequestKind::get, "a").action, FaultAction::drop);
}

TEST(FaultRules, error_rate_is_reproducible_from_its_seed) {
    const auto draw = [](uint64_t seed) {
        local::Faults faults(0.25, seed);
        std::string pattern;
        for (int i = 0; i < 400; ++i) {
            pattern += faults.next(local::RequestKind::get, "k").status == 503 ? 'x' : '.';
        }
        return pattern;
    };
    EXPECT_EQ(draw(5), draw(5));
    EXPECT_NE(draw(5), draw(6));
    const std::string pattern = draw(5);
    const auto errors = std::count(pattern.begin(), pattern.end(), 'x');
    EXPECT_GT(errors, 60);
    EXPECT_LT(errors, 140);
}

TEST_F(LocalServerTest, latency_is_added_to_every_request_by_the_servers_clock) {
    server_->set_latency(std::chrono::milliseconds(50));
    Client other = client(Scheme::oss_v4);
    Answer put;
    std::atomic<bool> done = false;
    std::thread thread([&] {
        put = other.put("k", "x");
        done = true;
    });
    // The clock stands still until moved, and with it the reply. Not so fast that the server finds
    // the signature old.
    int moved = 0;
    while (!done) {
        clock_.advance(std::chrono::milliseconds(10));
        ++moved;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    thread.join();
    EXPECT_EQ(put.status, 200);
    EXPECT_GE(moved, 5);
}

TEST_F(LocalServerTest, log_has_one_json_line_a_request_without_secrets) {
    auto logging = config();
    logging.log_file = folder_ / "log.jsonl";
    start(logging);
    oss().put("dir/a \"b\"\n", "12345");
    oss().get("dir/a \"b\"\n", {{"Range", "bytes=1-2"}});
    s3().send({.key = "none", .presigned = true});
    server_->stop();
    const std::string log = read_file(folder_ / "log.jsonl");
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 3);
    EXPECT_NE(log.find("\"method\":\"PUT\",\"bucket\":\"bkt\",\"key\":\"dir/a \\\"b\\\"\\u000a\","
                       "\"query\":\"\",\"kind\":\"put\",\"status\":200,\"bytes_in\":5"),
              std::string::npos)
        << log;
    EXPECT_NE(log.find("\"status\":206,\"bytes_in\":0,\"bytes_out\":2"), std::string::npos) << log;
    EXPECT_NE(log.find("X-Amz-Date="), std::string::npos);
    EXPECT_EQ(log.find("ak/2023"), std::string::npos) << "credentials are taken out";
    EXPECT_NE(log.find("x-amz-signature=***"), std::string::npos) << log;
}

TEST(LocalServer, addresses_that_are_not_loopback_are_refused_unless_allowed) {
    TempDir folder;
    FakeClock clock;
    local::ServerConfig config;
    config.directory = folder.path();
    config.listen = "0.0.0.0:0";
    auto refused = local::Server::start(config, clock);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
    for (const char* bad : {"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "host.example:1"}) {
        config.listen = bad;
        EXPECT_FALSE(local::Server::start(config, clock)) << bad;
    }
    config.listen = "localhost:0";
    EXPECT_TRUE(local::Server::start(config, clock));
    config.directory = folder / "no/such/parent";
    EXPECT_FALSE(local::Server::start(config, clock));
}

TEST(LocalServer, a_key_pair_is_made_where_none_is_given) {
    TempDir folder;
    FakeClock clock;
    local::ServerConfig config;
    config.directory = folder.path();
    auto server = local::Server::start(config, clock);
    ASSERT_TRUE(server);
    ASSERT_TRUE((*server)->make_bucket("bkt"));
    Client c((*server)->port(), clock, Scheme::oss_v4, (*server)->access_key_id(),
             std::string((*server)->access_key_secret().reveal()));
    EXPECT_EQ(c.put("k", "x").status, 200);
}

}  // namespace
}  // namespace xbucket::testing
