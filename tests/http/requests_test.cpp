// SPDX-FileCopyrightText: the xbucket authors
// What goes over the wire: request lines, headers and bodies byte for byte (protocol.md 11).
#include "http_fixture.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

namespace xbucket::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RequestsTest : public HttpTest {};

TEST_F(RequestsTest, head_gives_status_and_headers_without_a_body) {
    server.next(raw::reply("200 OK", "ETag: \"abc\"\r\nx-oss-meta-year: 2021\r\n", "12345"));
    const auto response = send(request(HttpMethod::head));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.get("etag"), "\"abc\"");
    EXPECT_EQ(response->headers.get("X-OSS-Meta-Year"), "2021");
    EXPECT_EQ(response->headers.get("content-length"), "5");
    EXPECT_EQ(response->body, "");
    EXPECT_EQ(server.request(0).method(), "HEAD");
}

TEST_F(RequestsTest, get_collects_the_body) {
    server.next(raw::reply("404 Not Found", "", "<Error/>"));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 404);
    EXPECT_EQ(response->body, "<Error/>");
    EXPECT_EQ(response->body_bytes, 8U);
}

TEST_F(RequestsTest, target_is_sent_byte_for_byte) {
    for (const std::string target :
         {"/b/../a/./x", "/%2F%2f/..%2f", "/b//double///slash/", "/?list-type=2&prefix=%20&x",
          "/k%00%0a?a=b?c=d", "/b/[]{}|\\^`\"<>", "/b/\xc3\xa4", "//host/path", "/..", "/b/%zz%"}) {
        const auto response = send(request(HttpMethod::get, target));
        ASSERT_TRUE(response) << target << ": " << response.error().describe();
        EXPECT_EQ(server.requests().back().target(), target);
    }
}

TEST_F(RequestsTest, target_that_could_split_a_request_is_refused) {
    for (const std::string target : {"", "b", "/a b", "/a\r\nX: y", "/a\nb", "/a#b", "/a\x7f"}) {
        const auto response = send(request(HttpMethod::get, target));
        ASSERT_FALSE(response) << target;
        EXPECT_EQ(response.error().kind, ErrorKind::invalid_argument);
    }
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(RequestsTest, origin_that_is_more_than_an_origin_is_refused) {
    for (const std::string origin : {"", "ftp://h", "http://", "http://user@h", "http://h/path",
                                     "http://h?x", "HTTP://h", "http://h\r\n"}) {
        HttpRequest made = request(HttpMethod::get);
        made.origin = origin;
        const auto response = send(std::move(made));
        ASSERT_FALSE(response) << origin;
        EXPECT_EQ(response.error().kind, ErrorKind::invalid_argument);
    }
}

TEST_F(RequestsTest, header_bytes_are_sent_and_received_raw) {
    const std::string value = "caf\xc3\xa9 \xff\x80 \"q\"\tt;:,  two";
    server.next(raw::reply("200 OK", "x-oss-meta-v: " + value + "\r\nX-UPPER:  \t padded \t \r\n"));
    HttpRequest made = request(HttpMethod::put);
    made.headers = {{"x-oss-meta-v", value}, {"X-MiXeD", "y"}, {"x-colon:free", "z"}};
    made.headers.remove("x-colon:free");
    const auto response = send(std::move(made));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_THAT(server.request(0).head, HasSubstr("\r\nx-oss-meta-v: " + value + "\r\n"));
    EXPECT_THAT(server.request(0).head, HasSubstr("\r\nX-MiXeD: y\r\n"));
    EXPECT_EQ(response->headers.get("x-oss-meta-v"), value);
    EXPECT_EQ(response->headers.get("x-upper"), "padded");
}

TEST_F(RequestsTest, repeated_and_folded_and_empty_reply_headers_are_kept) {
    server.next(
        raw::bytes("HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nFolded: x\r\n  y\r\nEmpty:\r\n"
                   "Content-Length: 0\r\n\r\n"));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    std::vector<std::string> all;
    for (const HeaderView header : response->headers) {
        all.emplace_back(header.name);
        all.back().append("=").append(header.value);
    }
    EXPECT_THAT(all,
                ::testing::ElementsAre("A=1", "a=2", "Folded=x y", "Empty=", "Content-Length=0"));
}

TEST_F(RequestsTest, empty_header_value_is_sent_as_an_empty_header) {
    HttpRequest made = request(HttpMethod::put);
    made.headers = {{"x-oss-meta-empty", ""}, {"x-oss-meta-blank", "  "}, {"x-last", "1"}};
    ASSERT_TRUE(send(std::move(made)));
    EXPECT_EQ(server.request(0).header("x-oss-meta-empty"), "");
    EXPECT_EQ(server.request(0).header("x-oss-meta-blank"), "");
    EXPECT_EQ(server.request(0).header("x-last"), "1");
}

TEST_F(RequestsTest, header_that_could_split_a_request_is_refused) {
    const std::string nul("a\0b", 3);
    for (const Header& bad : std::vector<Header>{{"X", "a\r\nInjected: 1"},
                                                 {"X", "a\nb"},
                                                 {"X", "a\r"},
                                                 {"X", nul},
                                                 {"X", "\x7f"},
                                                 {"X", "\x01"},
                                                 {"X\r\nY", "v"},
                                                 {"X Y", "v"},
                                                 {"X:", "v"},
                                                 {"", "v"},
                                                 {"\xc3\xa4", "v"}}) {
        HttpRequest made = request(HttpMethod::put);
        made.headers = {bad};
        const auto response = send(std::move(made));
        ASSERT_FALSE(response) << bad.name;
        EXPECT_EQ(response.error().kind, ErrorKind::invalid_argument);
        EXPECT_FALSE(response.error().outcome_unknown);
    }
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(RequestsTest, framing_headers_belong_to_the_transport) {
    for (const Header& bad : std::vector<Header>{
             {"Transfer-Encoding", "chunked"}, {"expect", "x"}, {"content-length", "4"}}) {
        HttpRequest made = request(HttpMethod::put);
        made.body = "abc";
        made.headers = {bad};
        EXPECT_FALSE(send(std::move(made))) << bad.name;
    }
    HttpRequest made = request(HttpMethod::put);
    made.body = "abc";
    made.headers = {{"content-length", "3"}};
    ASSERT_TRUE(send(std::move(made)));
    EXPECT_EQ(server.request(0).body, "abc");
}

TEST_F(RequestsTest, bodies_are_for_put_and_post_only) {
    for (const HttpMethod method :
         {HttpMethod::get, HttpMethod::head, HttpMethod::del, HttpMethod::options}) {
        HttpRequest made = request(method);
        made.body = "x";
        const auto response = send(std::move(made));
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, ErrorKind::invalid_argument);
    }
}

TEST_F(RequestsTest, put_and_post_of_nothing_have_content_length_0) {
    for (const HttpMethod method : {HttpMethod::put, HttpMethod::post}) {
        ASSERT_TRUE(send(request(method, "/b/key?uploads")));
        const RawRequest sent = server.requests().back();
        EXPECT_EQ(sent.method(), to_string(method));
        EXPECT_EQ(sent.header("Content-Length"), "0");
        EXPECT_EQ(sent.header("Transfer-Encoding"), std::nullopt);
        EXPECT_EQ(sent.header("Content-Type"), std::nullopt);
        EXPECT_EQ(sent.header("Expect"), std::nullopt);
    }
}

TEST_F(RequestsTest, put_and_post_send_the_body_and_no_content_type_of_their_own) {
    for (const HttpMethod method : {HttpMethod::put, HttpMethod::post}) {
        HttpRequest made = request(method);
        made.body = std::string("bin\0ary\r\n", 9);
        ASSERT_TRUE(send(made));
        const RawRequest sent = server.requests().back();
        EXPECT_EQ(sent.method(), to_string(method));
        EXPECT_EQ(sent.body, made.body);
        EXPECT_EQ(sent.header("Content-Length"), "9");
        EXPECT_EQ(sent.header("Content-Type"), std::nullopt);
        EXPECT_EQ(sent.header("Expect"), std::nullopt);
    }
}

TEST_F(RequestsTest, each_method_leaves_nothing_behind_for_the_next_one) {
    // One handle is used for all of these, in every order of two.
    const std::vector<HttpMethod> all = {HttpMethod::get,  HttpMethod::head, HttpMethod::put,
                                         HttpMethod::post, HttpMethod::del,  HttpMethod::options};
    for (const HttpMethod first : all) {
        for (const HttpMethod second : all) {
            for (const HttpMethod method : {first, second}) {
                HttpRequest made = request(method);
                const bool body = method == HttpMethod::put || method == HttpMethod::post;
                if (body) made.body = "data";
                server.next(raw::reply("200 OK", "", "reply"));
                const auto response = send(std::move(made));
                ASSERT_TRUE(response) << response.error().describe();
                EXPECT_EQ(response->body, method == HttpMethod::head ? "" : "reply");
                const RawRequest sent = server.requests().back();
                EXPECT_EQ(sent.method(), to_string(method));
                EXPECT_EQ(sent.body, body ? "data" : "");
                EXPECT_EQ(sent.header("Content-Length").has_value(), body);
            }
        }
    }
    EXPECT_EQ(server.connections(), 1U);
}

TEST_F(RequestsTest, expect_continue_only_above_one_mebibyte) {
    HttpRequest made = request(HttpMethod::put);
    made.body.assign(1U << 20, 'x');
    ASSERT_TRUE(send(made));
    EXPECT_EQ(server.requests().back().header("Expect"), std::nullopt);
    EXPECT_EQ(server.requests().back().body, made.body);
    made.body += 'y';
    ASSERT_TRUE(send(made));
    EXPECT_EQ(server.requests().back().header("Expect"), "100-continue");
    EXPECT_EQ(server.requests().back().body, made.body);
}

// What a server says that does not know "Expect", before it has seen any of the body.
RawScript expectation_failed(std::string headers) {
    return [=](RawConnection& connection) {
        connection.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n" + headers +
                        "\r\nno");
        connection.skip_body();
    };
}

TEST_F(RequestsTest, upload_whose_expect_is_refused_is_sent_again_without_it) {
    server.next(expectation_failed(""));
    server.next(raw::reply("200 OK", "", "yes"));
    HttpRequest made = request(HttpMethod::put);
    made.body.assign((1U << 20) + 1, 'x');
    const auto response = send(made);
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "yes");
    EXPECT_EQ(server.requests().size(), 2U);
    EXPECT_EQ(server.request(1).header("Expect"), std::nullopt);
    EXPECT_EQ(server.request(1).body, made.body);
}

TEST_F(RequestsTest, refused_expect_on_a_closing_connection_is_the_reply) {
    server.next(expectation_failed("Connection: close\r\n"));
    HttpRequest made = request(HttpMethod::put);
    made.body.assign((1U << 20) + 1, 'x');
    const auto response = send(made);
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 417);
    EXPECT_EQ(response->body, "no");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(RequestsTest, nothing_is_asked_for_that_would_change_the_body) {
    ASSERT_TRUE(send(request(HttpMethod::get)));
    const RawRequest sent = server.request(0);
    for (const char* name : {"Accept-Encoding", "TE", "Cookie", "Authorization", "Range", "Upgrade",
                             "Referer", "Connection"}) {
        EXPECT_EQ(sent.header(name), std::nullopt) << name;
    }
    EXPECT_EQ(sent.header("User-Agent"), "xbucket");
}

TEST_F(RequestsTest, encoded_body_is_left_as_it_is) {
    server.next(raw::reply("200 OK", "Content-Encoding: gzip\r\n", "not gzip"));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->body, "not gzip");
}

TEST_F(RequestsTest, host_is_made_unless_given) {
    ASSERT_TRUE(send(request(HttpMethod::get)));
    EXPECT_EQ("http://" + server.requests().back().header("Host").value_or(""), server.origin());
    HttpRequest made = request(HttpMethod::get);
    made.headers = {{"Host", "bucket.example.com"}};
    ASSERT_TRUE(send(std::move(made)));
    const RawRequest sent = server.requests().back();
    EXPECT_EQ(sent.header("Host"), "bucket.example.com");
    EXPECT_EQ(sent.head.find("Host:"), sent.head.rfind("Host:"));
}

TEST_F(RequestsTest, redirects_are_not_followed) {
    server.next(raw::reply("307 Temporary Redirect", "Location: " + server.origin() + "/x\r\n"));
    const auto response = send(request(HttpMethod::get));
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 307);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(RequestsTest, connection_is_kept_and_used_again) {
    for (int i = 0; i < 20; ++i) {
        const auto response = send(request(HttpMethod::head));
        ASSERT_TRUE(response) << response.error().describe();
        EXPECT_EQ(response->reused_connection, i > 0);
    }
    EXPECT_EQ(server.connections(), 1U);
    const TransportStats stats = transport->stats();
    EXPECT_EQ(stats.requests, 20U);
    EXPECT_EQ(stats.connections_opened, 1U);
    EXPECT_EQ(stats.in_flight, 0U);
    EXPECT_EQ(stats.queued, 0U);
}

TEST_F(RequestsTest, no_connection_is_kept_where_none_may_idle) {
    transport = transport_or_die({.idle_connection_max = Duration::zero()});
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(send(request(HttpMethod::head)));
    EXPECT_EQ(server.connections(), 3U);
}

TEST_F(RequestsTest, origins_can_alternate) {
    RawServer other;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(send(request(HttpMethod::get, "/one")));
        HttpRequest made = request(HttpMethod::get, "/two");
        made.origin = other.origin();
        ASSERT_TRUE(send(std::move(made)));
    }
    EXPECT_EQ(server.requests().size(), 3U);
    EXPECT_EQ(other.requests().size(), 3U);
    EXPECT_EQ(other.requests().back().target(), "/two");
    EXPECT_EQ(other.connections(), 1U);
}

TEST_F(RequestsTest, every_origin_goes_through_the_unix_socket_where_one_is_set) {
    char folder[] = "/tmp/xbucket-http-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    const std::string path = std::string(folder) + "/socket";
    {
        RawServer local({.unix_socket = path});
        transport = transport_or_die({.unix_socket = path});
        for (const char* origin : {"http://bucket.example.com", "http://127.0.0.1:9"}) {
            HttpRequest made = request(HttpMethod::put);
            made.origin = origin;
            made.body = "data";
            const auto response = send(std::move(made));
            ASSERT_TRUE(response) << response.error().describe();
        }
        EXPECT_EQ(local.request(0).header("Host"), "bucket.example.com");
        EXPECT_EQ(local.request(1).body, "data");
        transport.reset();
    }
    std::filesystem::remove_all(folder);
}

// Sets a variable of the environment for a scope.
class WithEnvironment {
  public:
    WithEnvironment(const char* name, const std::string& value) : name_(name) {
        CHECK(::setenv(name, value.c_str(), 1) == 0);
    }
    ~WithEnvironment() { ::unsetenv(name_); }

  private:
    const char* name_;
};

TEST_F(RequestsTest, proxies_of_the_environment_are_ignored) {
    RawServer proxy;
    const WithEnvironment lower("http_proxy", proxy.origin());
    const WithEnvironment all("ALL_PROXY", proxy.origin());
    transport = transport_or_die();
    ASSERT_TRUE(send(request(HttpMethod::get)));
    EXPECT_EQ(proxy.connections(), 0U);
    EXPECT_EQ(server.connections(), 1U);
}

TEST_F(RequestsTest, configured_proxy_gets_the_whole_url_with_its_bytes_intact) {
    RawServer proxy;
    const WithEnvironment bypass("no_proxy", "*");
    transport = transport_or_die({.proxy = proxy.origin()});
    for (const std::string target : {"/b/../x%2f?q=1", "/b/./y", "/"}) {
        ASSERT_TRUE(send(request(HttpMethod::get, target)));
        EXPECT_EQ(proxy.requests().back().target(), server.origin() + target);
    }
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(RequestsTest, hosts_of_no_proxy_are_reached_directly) {
    RawServer proxy;
    transport = transport_or_die({.proxy = proxy.origin(), .no_proxy = "127.0.0.1"});
    ASSERT_TRUE(send(request(HttpMethod::get, "/b/../x")));
    EXPECT_EQ(proxy.connections(), 0U);
    EXPECT_EQ(server.requests().back().target(), "/b/../x");
}

TEST(TransportConfigTest, unreadable_files_and_bad_proxies_are_refused_at_once) {
    for (const CurlTransportConfig& config :
         std::vector<CurlTransportConfig>{{.ca_bundle = "/nonexistent/ca.pem"},
                                          {.client_certificate = "/nonexistent/cert.pem"},
                                          {.client_key = "/nonexistent/key.pem"},
                                          {.proxy = "http://bad host:99999"}}) {
        const auto made = make_curl_transport(config);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind, ErrorKind::invalid_argument);
    }
}

TEST_F(RequestsTest, https_to_a_server_without_tls_is_a_tls_error) {
    server.greet("HTTP/1.1 400 Bad Request\r\n\r\n");
    HttpRequest made = request(HttpMethod::put);
    made.origin = "https" + server.origin().substr(4);
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::tls) << response.error().describe();
    EXPECT_FALSE(response.error().outcome_unknown);
}

}  // namespace
}  // namespace xbucket::testing
