// SPDX-FileCopyrightText: the xbucket authors
// Measures, does not test: CPU time of the transport's thread for each HEAD, and HEADs a second.
//     ninja -C build tests/http/http_head_rate && build/tests/http/http_head_rate [REQUESTS]
#include "http_fixture.h"

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

using namespace xbucket;
using namespace xbucket::testing;

namespace {

double thread_cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

HttpRequest head(const RawServer& server) {
    HttpRequest request;
    request.method = HttpMethod::head;
    request.origin = server.origin();
    request.target = "/bucket/some/key.txt";
    request.headers = {{"Date", "Wed, 28 Dec 2022 10:27:41 GMT"},
                       {"Authorization", std::string(180, 'a')},
                       {"x-oss-date", "20221228T102741Z"},
                       {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}};
    return request;
}

// Keeps `width` requests under way until `count` are done; runs on the transport's thread.
struct Run {
    Transport& transport;
    const RawServer& server;
    size_t left;
    size_t done = 0;
    size_t count = 0;
    double cpu_start = 0;
    double cpu_end = 0;
    std::promise<void> finished;

    void next() {
        transport.start(head(server), [this](const Result<HttpResponse>& response) {
            CHECK(response.has_value());
            if (done++ == 0) cpu_start = thread_cpu_seconds();
            if (left > 0) {
                --left;
                next();
            }
            if (done == count) {
                cpu_end = thread_cpu_seconds();
                finished.set_value();
            }
        });
    }
};

void measure(RawServer& server, size_t width, size_t count) {
    const auto transport = transport_or_die({.interactive_max = width});
    Run run{*transport, server, count - width};
    run.count = count;
    const SystemClock clock;
    const TimePoint start = clock.now();
    for (size_t i = 0; i < width; ++i) run.next();
    run.finished.get_future().get();
    const double seconds = std::chrono::duration<double>(clock.now() - start).count();
    fmt::print("{:3} in flight: {:7.0f} HEAD/s, {:5.1f} us CPU of the transport's thread each\n",
               width, static_cast<double>(count) / seconds,
               (run.cpu_end - run.cpu_start) / static_cast<double>(count) * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
    const size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20'000;
    RawServer server;
    server.stop_recording();
    server.always(
        raw::bytes("HTTP/1.1 200 OK\r\nServer: AliyunOSS\r\nETag: \"5B3C1A2E053D763E\"\r\n"
                   "Last-Modified: Wed, 28 Dec 2022 10:27:41 GMT\r\n"
                   "Content-Type: text/plain\r\nContent-Length: 344606\r\n"
                   "x-oss-request-id: 559CC9BDC755F95A64485981\r\n"
                   "x-oss-object-type: Normal\r\nx-oss-storage-class: Standard\r\n"
                   "x-oss-meta-year: 2021\r\n\r\n"));
    for (const size_t width : {1U, 16U, 64U}) measure(server, width, count);
    return 0;
}
