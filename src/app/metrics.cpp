// SPDX-FileCopyrightText: the xbucket authors
#include "metrics.h"

#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/log.h"
#include "xbucket/base/sync.h"

#include <fmt/format.h>
#include <microhttpd.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace xbucket::app {
namespace {

using Stats = std::function<std::string()>;

constexpr auto kFileInterval = std::chrono::seconds(15);

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

class MetricsFile final : public Metrics {
  public:
    MetricsFile(std::string path, Stats stats, Clock& clock)
        : path_(std::move(path)), stats_(std::move(stats)), clock_(clock) {}
    ~MetricsFile() override {
        if (thread_.joinable()) {
            {
                LockGuard lock(mutex_);
                ending_ = true;
                ended_.notify_all();
            }
            thread_.join();
        }
        unlink(path_.c_str());
    }

    Result<void> start() {
        TRY(write());
        thread_ = std::thread([this] { run(); });
        return {};
    }

  private:
    void run() EXCLUDES(mutex_) {
        for (;;) {
            {
                LockGuard lock(mutex_);
                const TimePoint next = clock_.now() + kFileInterval;
                while (!ending_ && clock_.now() < next) ended_.wait_until(mutex_, clock_, next);
                if (ending_) return;
            }
            if (const auto written = write(); !written) {
                log_warning("app", "event=metrics_not_written reason=\"{}\"",
                            written.error().message);
            }
        }
    }

    // A reader sees the old text or the new, never a part. The collector is another user.
    Result<void> write() {
        const std::string text = text_of(stats_);
        const std::string draft = path_ + ".tmp";
        const FileDescriptor fd(
            open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        const auto size = static_cast<ssize_t>(text.size());
        const bool good = fd.is_open() && fchmod(fd.get(), 0644) == 0 &&
                          ::write(fd.get(), text.data(), text.size()) == size &&
                          rename(draft.c_str(), path_.c_str()) == 0;
        if (good) return {};
        return fail(ErrorKind::io, fmt::format("metrics file {} cannot be written: {}", path_,
                                               std::strerror(errno)));
    }

    const std::string path_;
    const Stats stats_;
    Clock& clock_;
    Mutex mutex_;
    CondVar ended_;
    bool ending_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Metrics>> start_metrics(const MetricsPlace& place, Stats stats,
                                               Clock& clock) {
    if (place.file.empty()) {
        auto port = std::make_unique<MetricsPort>(std::move(stats));
        TRY(port->listen(place));
        return std::unique_ptr<Metrics>(std::move(port));
    }
    auto file = std::make_unique<MetricsFile>(place.file, std::move(stats), clock);
    TRY(file->start());
    return std::unique_ptr<Metrics>(std::move(file));
}

}  // namespace xbucket::app
