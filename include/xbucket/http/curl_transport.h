// SPDX-FileCopyrightText: the xbucket authors
// Transport over one libcurl multi handle and one thread (curl_multi_poll / curl_multi_wakeup).
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/http/transport.h"

#include <string>

namespace xbucket {

struct CurlTransportConfig {
    std::string proxy;      // "" = none; the environment's http_proxy is never read here
    std::string no_proxy;   // comma-separated hosts
    std::string ca_bundle;  // "" = the system's
    std::string client_certificate;
    std::string client_key;
    bool insecure_tls = false;
    std::string unix_socket;  // all origins through this socket (tests, local server); "" = TCP
    std::string user_agent = "xbucket";
    // Requests in flight at once, per class.
    size_t interactive_max = 64;
    size_t prefetch_max = 64;
    size_t update_max = 64;
    size_t data_max = 32;
    // Test seam and NAT survival: idle connections older than this are not reused (whole seconds,
    // at least one; zero: no connection is used twice).
    Duration idle_connection_max = std::chrono::seconds(60);
};

// Errors: invalid_argument when libcurl refuses a setting (a CA bundle that cannot be read).
// Starts its thread at once: create it after fork/daemonize only.
Result<std::unique_ptr<Transport>> make_curl_transport(const CurlTransportConfig& config);

}  // namespace xbucket
