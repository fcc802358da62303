// SPDX-FileCopyrightText: the xbucket authors
// Broken, slow and hostile servers (reliability.md 2): each is an error of the right kind, and it
// is said when a mutation may have been carried out all the same.
#include "http_fixture.h"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <cstring>
#include <filesystem>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace xbucket::testing {
namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// This process's own sockets whose peer is a port of 127.0.0.1.
std::vector<int> sockets_to(uint16_t port) {
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename().string());
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
        if (peer.ss_family != AF_INET) continue;
        sockaddr_in address{};
        std::memcpy(&address, &peer, sizeof address);
        if (ntohs(address.sin_port) == port) found.push_back(fd);
    }
    return found;
}
int option_of(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

class FaultsTest : public HttpTest {
  protected:
    // Sends one request against `script` and expects it to fail.
    void expect_failure(HttpMethod method, const RawScript& script, ErrorKind kind,
                        bool outcome_unknown) {
        server.next(script);
        const auto response = send(request(method));
        ASSERT_FALSE(response) << to_string(method);
        EXPECT_EQ(response.error().kind, kind) << response.error().describe();
        EXPECT_EQ(response.error().outcome_unknown, outcome_unknown) << to_string(method);
    }
    void expect_lost(const RawScript& script, ErrorKind kind = ErrorKind::network) {
        for (const HttpMethod method : {HttpMethod::get, HttpMethod::head}) {
            expect_failure(method, script, kind, false);
        }
        for (const HttpMethod method : {HttpMethod::put, HttpMethod::post, HttpMethod::del}) {
            expect_failure(method, script, kind, true);
        }
    }
};

TEST_F(FaultsTest, close_or_reset_before_the_reply_is_a_network_error) {
    expect_lost(raw::bytes_then_close(""));
    expect_lost(raw::bytes_then_reset(""));
}

TEST_F(FaultsTest, half_a_head_is_a_network_error) {
    expect_lost(raw::bytes_then_close("HTTP/1.1 200 OK\r\nContent-Le"));
    expect_lost(raw::bytes_then_close("HTTP/1.1 200 OK\r\nETag: \"x\"\r\n"));
    expect_lost(raw::bytes_then_close("HTTP/1.1 200 OK\r\n"));
    expect_lost(raw::bytes_then_reset("HTTP/1.1 200 OK\r\nContent-Le"));
}

TEST_F(FaultsTest, short_body_is_a_network_error) {
    const std::string short_body = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
    const std::string short_chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n";
    for (const HttpMethod method : {HttpMethod::get, HttpMethod::put}) {
        const bool unknown = method == HttpMethod::put;
        for (const std::string& text : {short_body, short_chunks}) {
            expect_failure(method, raw::bytes_then_close(text), ErrorKind::network, unknown);
            expect_failure(method, raw::bytes_then_reset(text), ErrorKind::network, unknown);
        }
    }
}

TEST_F(FaultsTest, refused_connection_is_a_network_error_with_a_known_outcome) {
    HttpRequest made = request(HttpMethod::put);
    made.origin = "http://127.0.0.1:" + std::to_string(refused_port());
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::network);
    EXPECT_FALSE(response.error().outcome_unknown);
    EXPECT_THAT(response.error().message, ::testing::HasSubstr("PUT http://127.0.0.1:"));
}

TEST_F(FaultsTest, reset_in_the_middle_of_an_upload_leaves_the_outcome_unknown) {
    server.next([](RawConnection& connection) {
        connection.read_body(1000);
        connection.reset();
    });
    HttpRequest made = request(HttpMethod::put);
    made.body.assign(8U << 20, 'x');
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::network);
    EXPECT_TRUE(response.error().outcome_unknown);
}

TEST_F(FaultsTest, early_refusal_of_an_upload_is_a_reply) {
    server.next([](RawConnection& connection) {
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied");
        connection.stall();
    });
    HttpRequest made = request(HttpMethod::put);
    made.body.assign(8U << 20, 'x');
    const auto response = send(std::move(made));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 403);
    EXPECT_EQ(response->body, "denied");
}

TEST_F(FaultsTest, name_that_cannot_be_resolved_is_a_network_error_with_a_known_outcome) {
    HttpRequest made = request(HttpMethod::put);
    made.origin = "http://" + std::string(64, 'a') + ".test";  // no label may be that long
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::network) << response.error().describe();
    EXPECT_FALSE(response.error().outcome_unknown);
}

// Half-open connections (a peer that is gone without a word) are found out by the kernel: idle ones
// by keep-alive, those with something under way by what nobody acknowledges for 30 s.
TEST_F(FaultsTest, kernel_is_asked_to_find_out_peers_that_are_gone) {
    ASSERT_TRUE(send(request(HttpMethod::get)));
    const std::vector<int> sockets = sockets_to(server.port());
    ASSERT_FALSE(sockets.empty());
    for (const int fd : sockets) {
        EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        EXPECT_LE(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
        EXPECT_LE(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
        EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30'000);
    }
}

// A reused connection that dies is repeated by libcurl for reads, and never for mutations of which
// a byte went out (DESIGN 3.6).
TEST_F(FaultsTest, read_on_a_dead_reused_connection_is_repeated_unnoticed) {
    ASSERT_TRUE(send(request(HttpMethod::get)));
    server.next(raw::bytes_then_reset(""));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_FALSE(response->reused_connection);
    EXPECT_EQ(server.requests().size(), 3U);
}

TEST_F(FaultsTest, mutation_on_a_dead_reused_connection_is_sent_once_and_reported) {
    for (const HttpMethod method : {HttpMethod::put, HttpMethod::post, HttpMethod::del}) {
        for (const bool reset : {true, false}) {
            ASSERT_TRUE(send(request(HttpMethod::get)));
            const size_t before = server.requests().size();
            expect_failure(method, reset ? raw::bytes_then_reset("") : raw::bytes_then_close(""),
                           ErrorKind::network, true);
            EXPECT_EQ(server.requests().size(), before + 1) << to_string(method);
        }
    }
}

TEST_F(FaultsTest, mutation_meets_a_connection_that_idled_to_death_without_harm) {
    // The server closes its end after the reply: libcurl sees that before it sends.
    server.next(raw::bytes_then_close(std::string(kOk)));
    ASSERT_TRUE(send(request(HttpMethod::get)));
    for (int i = 0; i < 20; ++i) {
        server.next(raw::bytes_then_close(std::string(kOk)));
        const auto response = send(request(HttpMethod::put));
        if (!response) {  // its FIN was on the way still; then it must be owned up to
            EXPECT_TRUE(response.error().outcome_unknown) << response.error().describe();
        }
    }
    EXPECT_LE(server.requests().size(), 21U);
}

TEST_F(FaultsTest, silent_server_is_given_up_after_the_stall_limit) {
    server.always(raw::stall());
    for (const HttpMethod method : {HttpMethod::get, HttpMethod::put}) {
        HttpRequest made = request(method);
        made.timeouts.stall = ms(30);
        const auto response = send(std::move(made));
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, ErrorKind::timed_out);
        EXPECT_EQ(response.error().outcome_unknown, method == HttpMethod::put);
        EXPECT_THAT(response.error().message, ::testing::HasSubstr("1 KiB/s"));
    }
}

TEST_F(FaultsTest, server_that_drips_is_given_up_too) {
    server.next([](RawConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (connection.stall_for(std::chrono::milliseconds(10)) && connection.send("x")) {
        }
    });
    HttpRequest made = request(HttpMethod::get);
    made.timeouts.stall = ms(60);
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::timed_out);
}

TEST_F(FaultsTest, slow_but_steady_reply_outlives_the_stall_limit) {
    // 100 bytes every 25 ms are 4 KB/s, four times the limit, for more than three stall limits.
    server.next([](RawConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6400\r\n\r\n");
        for (int i = 0; i < 64; ++i) {
            connection.stall_for(std::chrono::milliseconds(25));
            connection.send(std::string(100, 'x'));
        }
    });
    HttpRequest made = request(HttpMethod::get);
    made.timeouts.stall = ms(500);
    const auto response = send(std::move(made));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->body.size(), 6400U);
}

TEST_F(FaultsTest, upload_that_drains_slowly_from_the_kernel_outlives_the_stall_limit) {
    constexpr size_t kBody = 6U << 20;
    RawServer slow({.receive_buffer = 128 * 1024});
    slow.next([](RawConnection& connection) {
        connection.read_body_slowly(32 * 1024, std::chrono::milliseconds(10));
        raw::reply("200 OK")(connection);
    });
    HttpRequest made = request(HttpMethod::put);
    made.origin = slow.origin();
    made.body.assign(kBody, 'x');  // takes the peer 2 s
    made.timeouts.stall = ms(700);
    const auto response = send(std::move(made));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(slow.request(0).body.size(), kBody);
}

TEST_F(FaultsTest, upload_that_the_peer_stops_taking_is_given_up) {
    constexpr size_t kBody = 2U << 20;
    RawServer stuck({.receive_buffer = 128 * 1024});
    stuck.next([](RawConnection& connection) { connection.stall(); });
    HttpRequest made = request(HttpMethod::put);
    made.origin = stuck.origin();
    made.body.assign(kBody, 'x');
    made.timeouts.stall = ms(30);
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::timed_out);
    EXPECT_TRUE(response.error().outcome_unknown);
}

TEST_F(FaultsTest, total_limit_ends_what_moves_all_the_time) {
    server.next([](RawConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\n\r\n");
        while (connection.send(std::string(1000, 'x')) &&
               connection.stall_for(std::chrono::milliseconds(1))) {
        }
    });
    HttpRequest made = request(HttpMethod::post);
    made.timeouts.total = ms(2000);  // long enough for a busy machine to have sent the request
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::timed_out);
    EXPECT_TRUE(response.error().outcome_unknown);
}

TEST_F(FaultsTest, limits_of_zero_do_not_run) {
    server.next([](RawConnection& connection) {
        connection.stall_for(std::chrono::milliseconds(50));
        connection.send(kOk);
    });
    HttpRequest made = request(HttpMethod::get);
    made.timeouts.stall = Duration::zero();
    made.timeouts.total = Duration::zero();
    EXPECT_TRUE(send(std::move(made)));
}

TEST_F(FaultsTest, connect_limit_ends_a_handshake_that_hangs) {
    HttpRequest made = request(HttpMethod::put);  // TLS to a server that waits for an empty line
    made.origin = "https" + server.origin().substr(4);
    made.timeouts.connect = ms(30);
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::timed_out) << response.error().describe();
    EXPECT_FALSE(response.error().outcome_unknown);
}

TEST_F(FaultsTest, collected_body_is_capped_with_and_without_a_length) {
    const std::string body(1001, 'x');
    for (const bool length : {true, false}) {
        server.next(length ? raw::reply("200 OK", "", body)
                           : raw::bytes_then_close("HTTP/1.1 200 OK\r\n\r\n" + body));
        HttpRequest made = request(HttpMethod::put);
        made.body_bytes_max = 1000;
        const auto response = send(std::move(made));
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, ErrorKind::bad_reply);
        EXPECT_TRUE(response.error().outcome_unknown);
    }
    server.next(raw::reply("200 OK", "", body));
    HttpRequest made = request(HttpMethod::get);
    made.body_bytes_max = 1001;
    EXPECT_TRUE(send(std::move(made)));
    // The length of what HEAD describes is no body.
    server.next(raw::reply("200 OK", "", body));
    HttpRequest head = request(HttpMethod::head);
    head.body_bytes_max = 0;
    EXPECT_TRUE(send(std::move(head)));
}

TEST_F(FaultsTest, headers_are_capped_in_bytes_and_in_number) {
    std::string many;
    for (int i = 0; i < 301; ++i) many += "A: b\r\n";
    expect_lost(raw::bytes_then_close("HTTP/1.1 200 OK\r\n" + many + "\r\n"), ErrorKind::bad_reply);
    const std::string huge = "X: " + std::string(70'000, 'x') + "\r\n";
    expect_lost(raw::bytes_then_close("HTTP/1.1 200 OK\r\n" + huge + "\r\n"), ErrorKind::bad_reply);
}

TEST_F(FaultsTest, endless_headers_end_at_the_cap_without_any_time_limit) {
    for (const std::string line : {"A: b\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}) {
        server.next([line](RawConnection& connection) {
            if (line.starts_with("A")) connection.send("HTTP/1.1 200 OK\r\n");
            while (connection.send(line)) {
            }
        });
        HttpRequest made = request(HttpMethod::get);
        made.timeouts = {.stall = Duration::zero(), .total = Duration::zero()};
        const auto response = send(std::move(made));
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, ErrorKind::bad_reply) << response.error().describe();
    }
}

TEST_F(FaultsTest, interim_replies_are_passed_over) {
    server.next(raw::bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" +
                           std::string(kOk)));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 200);
    EXPECT_FALSE(response->headers.has("X"));
}

TEST_F(FaultsTest, chunked_reply_is_decoded_and_its_trailers_dropped) {
    server.next(
        raw::bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nETag: \"no\"\r\n\r\n"));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->body, "hello world");
    EXPECT_FALSE(response->headers.has("ETag"));
}

TEST_F(FaultsTest, replies_that_are_not_http_are_bad_replies) {
    for (const std::string text :
         {"<html>captive</html>\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"}) {
        server.next(raw::bytes_then_close(text));
        const auto response = send(request(HttpMethod::get));
        ASSERT_FALSE(response) << text;
        EXPECT_THAT(response.error().kind,
                    ::testing::AnyOf(ErrorKind::bad_reply, ErrorKind::network))
            << response.error().describe();
    }
}

TEST_F(FaultsTest, bytes_beyond_the_length_are_not_taken_for_the_next_reply) {
    server.next(
        raw::bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Evil\r\n"
                   "Content-Length: 0\r\n\r\n"));
    ASSERT_TRUE(send(request(HttpMethod::get)));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 200);
}

}  // namespace
}  // namespace xbucket::testing
