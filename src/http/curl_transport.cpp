// SPDX-FileCopyrightText: the xbucket authors
// CurlTransport: owns libcurl's handles and the thread that drives them.
#include "xbucket/http/curl_transport.h"

#include "curl_loop.h"
#include "exchange.h"
#include "request_check.h"

#include "xbucket/base/signals.h"

#include <fmt/format.h>

#include <cstring>
#include <thread>
#include <unistd.h>

namespace xbucket {

namespace {

class CurlTransport final : public Transport {
  public:
    explicit CurlTransport(const CurlTransportConfig& config)
        : config_(config),
          share_(curl_share_init()),
          multi_(curl_multi_init()),
          inbox_(std::make_shared<Inbox>(multi_.get())) {
        CHECK(share_ != nullptr && multi_ != nullptr);
        // Handles share TLS sessions, so that a new connection resumes one. No locks: one thread.
        curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
        thread_ = std::thread([this]() noexcept {
            // SIGPIPE is for nobody: with CURLOPT_NOSIGNAL libcurl leaves it to us. Threads that
            // libcurl makes (name lookups) inherit the mask.
            block_signals();
            // In the thread, so that its handles are gone before share and multi are.
            CurlLoop(config_, multi_.get(), share_.get(), *inbox_, counters_, clock_).run();
        });
    }

    ~CurlTransport() override {
        CHECK(std::this_thread::get_id() != thread_.get_id());
        inbox_->stop();
        thread_.join();
    }

    std::shared_ptr<Transfer> start(HttpRequest request, Done done) override;
    TransportStats stats() const override;

  private:
    const CurlTransportConfig config_;
    const SystemClock clock_;
    const CurlGlobal global_;
    const CurlShare share_;
    const CurlMulti multi_;
    const std::shared_ptr<Inbox> inbox_;  // shared with Transfers that callers keep
    LoopCounters counters_;
    std::thread thread_;
};

std::shared_ptr<Transfer> CurlTransport::start(HttpRequest request, Done done) {
    auto exchange = std::make_shared<Exchange>(std::move(request), std::move(done), inbox_, clock_);
    if (auto checked = check_request(exchange->request(), exchange->upload_bytes()); !checked) {
        exchange->refuse(std::move(checked).error().with_context("request refused"));
    }
    ++counters_.queued;
    if (!inbox_->post({Inbox::What::start, exchange})) {
        // Only a callback of the very last moment gets here, on the transport's own thread.
        --counters_.queued;
        exchange->finish(fail(ErrorKind::cancelled, exchange->label() + "shutting down"), 0);
    }
    return exchange;
}

TransportStats CurlTransport::stats() const {
    return {.requests = counters_.requests,
            .bytes_out = counters_.bytes_out,
            .bytes_in = counters_.bytes_in,
            .connections_opened = counters_.connections_opened,
            .in_flight = counters_.in_flight,
            .queued = counters_.queued};
}

Result<void> check_readable(const std::string& path, std::string_view what) {
    if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
    return fail(ErrorKind::invalid_argument,
                fmt::format("cannot read the {} {}: {}; give another file or make it readable",
                            what, path, std::strerror(errno)));
}

Result<void> check_proxy(const std::string& proxy) {
    if (proxy.empty()) return {};
    const CurlUrl url(curl_url());
    constexpr unsigned kFlags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME;
    if (curl_url_set(url.get(), CURLUPART_URL, proxy.c_str(), kFlags) == CURLUE_OK) return {};
    // Not quoted: it may hold a password.
    return fail(ErrorKind::invalid_argument,
                "the proxy is not a URL; give it as http://HOST:PORT or socks5h://HOST:PORT");
}

}  // namespace

Result<std::unique_ptr<Transport>> make_curl_transport(const CurlTransportConfig& config) {
    TRY(check_readable(config.ca_bundle, "CA bundle"));
    TRY(check_readable(config.client_certificate, "client certificate"));
    TRY(check_readable(config.client_key, "client key"));
    TRY(check_proxy(config.proxy));
    return std::unique_ptr<Transport>(std::make_unique<CurlTransport>(config));
}

}  // namespace xbucket
