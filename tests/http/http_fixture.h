// SPDX-FileCopyrightText: the xbucket authors
// What the transport's tests share: a server that says what it is told, a transport, requests.
#pragma once

#include "support/raw_server.h"

#include "xbucket/http/curl_transport.h"

#include <gtest/gtest.h>

#include <future>

namespace xbucket::testing {

inline std::unique_ptr<Transport> transport_or_die(const CurlTransportConfig& config = {}) {
    auto made = make_curl_transport(config);
    CHECK(made.has_value());
    return std::move(*made);
}

// start() whose result can be waited for.
struct Started {
    std::shared_ptr<Transfer> transfer;
    std::future<Result<HttpResponse>> result;
};

inline Started start(Transport& transport, HttpRequest request) {
    auto promise = std::make_shared<std::promise<Result<HttpResponse>>>();
    auto result = promise->get_future();
    auto transfer = transport.start(std::move(request), [promise](Result<HttpResponse> r) {
        promise->set_value(std::move(r));  // throws, and so ends the test, when called twice
    });
    return {std::move(transfer), std::move(result)};
}

class HttpTest : public ::testing::Test {
  protected:
    HttpRequest request(HttpMethod method, std::string target = "/b/key") const {
        HttpRequest made;
        made.method = method;
        made.origin = server.origin();
        made.target = std::move(target);
        return made;
    }
    Result<HttpResponse> send(HttpRequest made) { return transport->send(std::move(made)); }

    RawServer server;
    std::unique_ptr<Transport> transport = transport_or_die();
};

inline Duration ms(int64_t n) { return std::chrono::milliseconds(n); }

}  // namespace xbucket::testing
