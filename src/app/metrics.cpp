// SPDX-FileCopyrightText: the xbucket authors
#include "metrics.h"

#include <fmt/format.h>
#include <microhttpd.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>

namespace xbucket::app {
namespace {

using Stats = std::function<std::string()>;

std::string text_of(const Stats& stats) { return metrics_text(stats()).value_or(""); }

// GET /metrics on one thread; scrapes are rare and small.
class MetricsPort final : public Metrics {
  public:
    explicit MetricsPort(Stats stats) : stats_(std::move(stats)) {}
    ~MetricsPort() override {
        if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
    }

    Result<void> listen(const MetricsPlace& place) {
        sockaddr_in v4{};
        sockaddr_in6 v6{};
        const bool six = place.address == "::1";
        v4.sin_family = AF_INET;
        v4.sin_port = htons(place.port);
        inet_pton(AF_INET, place.address.c_str(), &v4.sin_addr);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(place.port);
        v6.sin6_addr = in6addr_loopback;
        const auto* const address =
            six ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
        unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD;
        if (six) flags |= MHD_USE_IPv6;
        daemon_ = MHD_start_daemon(flags, place.port, nullptr, nullptr, &MetricsPort::answer, this,
                                   MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_CONNECTION_LIMIT, 16U,
                                   MHD_OPTION_CONNECTION_TIMEOUT, 10U, MHD_OPTION_END);
        if (daemon_ != nullptr) return {};
        return fail(ErrorKind::io, fmt::format("metrics cannot be offered on {}:{}: {}; choose "
                                               "another port with --metrics",
                                               place.address, place.port, std::strerror(errno)));
    }

  private:
    static MHD_Result answer(void* self, MHD_Connection* connection, const char* url,
                             const char* method, const char*, const char*, size_t*, void** seen) {
        // The first call of a request has its head only.
        if (*seen == nullptr) {
            *seen = self;
            return MHD_YES;
        }
        const bool known = std::strcmp(url, "/metrics") == 0 && std::strcmp(method, "GET") == 0;
        const std::string body =
            known ? text_of(static_cast<MetricsPort*>(self)->stats_) : "GET /metrics\n";
        MHD_Response* const response = MHD_create_response_from_buffer(
            body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_MUST_COPY);
        if (response == nullptr) return MHD_NO;
        MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4");
        const MHD_Result queued =
            MHD_queue_response(connection, known ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, response);
        MHD_destroy_response(response);
        return queued;
    }

    const Stats stats_;
    MHD_Daemon* daemon_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Metrics>> start_metrics(const MetricsPlace& place, Stats stats,
                                               Clock& clock) {
    if (place.file.empty()) {
        auto port = std::make_unique<MetricsPort>(std::move(stats));
        TRY(port->listen(place));
        return std::unique_ptr<Metrics>(std::move(port));
    }
    return start_metrics_file(place.file, std::move(stats), clock);
}

}  // namespace xbucket::app
