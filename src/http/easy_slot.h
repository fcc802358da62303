// SPDX-FileCopyrightText: the xbucket authors
// A libcurl easy handle with the settings that every request shares, kept and used again: making
// one costs more than the request it carries. What differs between requests is set by load().
//
// Deliberately absent: redirects (the store follows wrong-region answers itself, signed anew),
// ACCEPT_ENCODING (bodies are opaque), cookies, netrc, CURLOPT_VERBOSE (it would print
// signatures), CURLOPT_AWS_SIGV4 (the store signs).
#pragma once

#include "curl_handle.h"
#include "exchange.h"

#include "xbucket/http/curl_transport.h"

#include <array>

namespace xbucket {

// Confined to the transport's thread.
class EasySlot {
  public:
    // `bulk` handles have larger buffers, for object data. `config`, `share` and `pass_begun` must
    // outlive it.
    EasySlot(const CurlTransportConfig& config, CURLSH* share, const TimePoint& pass_begun,
             bool bulk);
    EasySlot(const EasySlot&) = delete;
    EasySlot& operator=(const EasySlot&) = delete;

    // Prepares the handle for the exchange and holds on to both until unload().
    void load(std::shared_ptr<Exchange> exchange);
    std::shared_ptr<Exchange> unload();

    CURL* easy() const { return easy_.get(); }
    bool bulk() const { return bulk_; }
    Exchange& exchange() const { return *exchange_; }
    // When the loop began the pass that it is in: near enough to now for deadlines of seconds, and
    // read for every line and every block that comes.
    TimePoint pass_begun() const { return pass_begun_; }

    // What libcurl knows of the exchange that is loaded.
    uint64_t request_bytes_out() const;
    uint64_t connections_opened() const;
    int os_error() const;
    // What the TLS library thought of the certificate: an X509_V_* of OpenSSL.
    long verify_result() const;
    std::string_view error_text() const { return error_text_.data(); }

    size_t index = 0;  // in the transport's list of active slots

  private:
    void set_safety();
    void set_connection();
    void set_tls_and_proxy();
    void set_callbacks();
    void set_destination(const HttpRequest& request);
    void set_method(const Exchange& exchange);
    void set_headers(const Exchange& exchange);

    template <class Value>
    void set(CURLoption option, Value value) {
        set_option(easy_.get(), option, value);
    }

    const CurlTransportConfig& config_;
    const TimePoint& pass_begun_;
    const bool bulk_;
    CurlEasy easy_;
    std::shared_ptr<Exchange> exchange_;
    HeaderLines lines_;
    std::string origin_;  // the one that the handle is set to
    int64_t connect_ms_ = 0;
    bool target_in_url_ = false;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace xbucket
