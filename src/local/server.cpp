// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/local/server.h"

#include "exchange.h"
#include "importer.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace xbucket::local {

namespace {

struct ListenAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    bool ipv6 = false;
    bool loopback = false;
};

Result<ListenAddress> parse_listen(const std::string& text) {
    const auto bad = [&] {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("'{}' is not ADDRESS:PORT; say for example 127.0.0.1:8333", text));
    };
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos) return bad();
    const auto port = parse_u64(std::string_view(text).substr(colon + 1));
    if (!port || *port > 65535) return bad();
    std::string host = text.substr(0, colon);
    if (host == "localhost" || host.empty()) host = "127.0.0.1";
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    ListenAddress address;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(static_cast<uint16_t>(*port));
        address.length = sizeof(sockaddr_in);
        address.loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(static_cast<uint16_t>(*port));
        address.length = sizeof(sockaddr_in6);
        address.ipv6 = true;
        address.loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) != 0;
    } else {
        return bad();
    }
    return address;
}

Result<int> open_listener(const ListenAddress& address, const std::string& text) {
    const auto error = [&](int fd, std::string_view doing) {
        const int code = errno;
        if (fd >= 0) ::close(fd);
        return fail(ErrorKind::io,
                    fmt::format("cannot {} {}: {}{}", doing, text, std::strerror(code),
                                code == EADDRINUSE ? "; choose another port" : ""));
    };
    const int fd =
        ::socket(address.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return error(fd, "make a socket for");
    const int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
        return error(fd, "listen on");
    }
    if (::listen(fd, 1024) != 0) return error(fd, "listen on");
    return fd;
}

uint16_t port_of(int fd) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return 0;
    return ntohs(storage.ss_family == AF_INET6
                     ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                     : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
}

// Key letters that need no quoting anywhere.
std::string random_letters(size_t n) {
    constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string out;
    for (const char c : random_bytes(n)) {
        out += letters[static_cast<unsigned char>(c) % letters.size()];
    }
    return out;
}

void* on_request_line(void* cls, const char* uri, MHD_Connection*) {
    return new Exchange(*static_cast<Engine*>(cls), uri);
}

MHD_Result on_access(void*, MHD_Connection* connection, const char*, const char* method,
                     const char*, const char* data, size_t* size, void** state) {
    return static_cast<Exchange*>(*state)->on_access(connection, method, data, size);
}

void on_completed(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
    delete static_cast<Exchange*>(*state);
    *state = nullptr;
}

// The raw target is parsed by us, so libmicrohttpd's own unescaping has nothing to do.
size_t leave_escaped(void*, MHD_Connection*, char* text) { return std::strlen(text); }

// The format is the library's own.
__attribute__((format(printf, 2, 0))) void on_server_log(void*, const char* format,
                                                         va_list arguments) {
    char text[512];
    std::vsnprintf(text, sizeof text, format, arguments);
    log_debug("local", "http: {}", printable(text));
}

class ServerImpl final : public Server {
  public:
    ServerImpl(ServerConfig config, Clock& clock)
        : config_(std::move(config)),
          clock_(clock),
          faults_(config_.error_rate, config_.error_seed),
          delayer_(clock),
          workers_("local", config_.worker_threads) {}
    ~ServerImpl() override { stop(std::chrono::milliseconds(0)); }

    Result<void> open();
    Result<void> serve();

    uint16_t port() const override { return port_; }
    std::string base_url() const override { return base_url_; }
    const std::string& access_key_id() const override { return config_.access_key_id; }
    const Secret& access_key_secret() const override { return config_.access_key_secret; }
    Result<void> make_bucket(const std::string& name) override;
    Result<void> set_faults(const std::string& rules) override { return faults_.set(rules); }
    void set_latency(std::chrono::milliseconds latency) override {
        engine_->latency_ms.store(latency.count());
    }
    void stop(std::chrono::milliseconds grace) override EXCLUDES(stop_mutex_);

  private:
    void refuse_connections();

    ServerConfig config_;
    Clock& clock_;
    std::unique_ptr<BlobStore> blobs_;
    std::unique_ptr<ObjectDb> db_;
    std::unique_ptr<Importer> importer_;
    std::unique_ptr<RequestLog> log_;
    std::unique_ptr<Site> site_;
    std::unique_ptr<KeyRing> keys_;
    Faults faults_;
    Delayer delayer_;
    WorkerPool workers_;
    std::unique_ptr<Engine> engine_;
    int listener_ = -1;  // libmicrohttpd's, which closes it
    uint16_t port_ = 0;
    std::string base_url_;
    Mutex stop_mutex_;
    MHD_Daemon* daemon_ GUARDED_BY(stop_mutex_) = nullptr;
};

Result<void> ServerImpl::open() {
    if (config_.access_key_id.empty()) {
        config_.access_key_id = "LOCAL" + random_letters(15);
        config_.access_key_secret = Secret(random_letters(30));
    }
    TRY(faults_.set(config_.faults));
    blobs_ = TRY(BlobStore::open(config_.directory));
    db_ = TRY(ObjectDb::open(*blobs_, config_.versioning));
    TRY(db_->recover(*blobs_));
    importer_ = std::make_unique<Importer>(*blobs_, *db_);
    const uint64_t imported = TRY(importer_->scan());
    if (imported > 0) {
        log_info("local", "imported {} plain files of {}", imported, config_.directory);
    }
    if (!config_.log_file.empty()) log_ = TRY(RequestLog::open(config_.log_file));
    keys_ = std::make_unique<KeyRing>(AcceptedKey{config_.access_key_id, config_.access_key_secret,
                                                  config_.session_token, std::nullopt});
    site_ = std::make_unique<Site>(Site{config_, clock_, *blobs_, *db_, *importer_, *keys_});
    engine_ = std::make_unique<Engine>(*site_, faults_, log_.get(), workers_, delayer_);
    engine_->request_id_prefix = to_lower(hex_encode(random_bytes(7)));
    for (char& c : engine_->request_id_prefix) {
        if (c >= 'a') c = static_cast<char>(c - 32);
    }
    engine_->latency_ms.store(config_.latency.count());
    return {};
}

Result<void> ServerImpl::serve() {
    const ListenAddress address = TRY(parse_listen(config_.listen));
    if (!address.loopback && !config_.allow_remote) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{} is not a loopback address: requests and data would cross the "
                                "network unencrypted; allow it explicitly if that is meant",
                                config_.listen));
    }
    const int listener = TRY(open_listener(address, config_.listen));
    port_ = port_of(listener);
    const std::string host = config_.listen.substr(0, config_.listen.rfind(':'));
    base_url_ = fmt::format("http://{}:{}", host.empty() ? "127.0.0.1" : host, port_);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG;
    if (address.ipv6) flags |= MHD_USE_IPv6;
    // Larger than any head that is accepted (exchange.cpp), so that it is refused in the dialect's
    // words; the library clears all of it for every request.
    constexpr size_t kConnectionMemory = 64 << 10;
    MHD_Daemon* daemon = MHD_start_daemon(
        flags, 0, nullptr, nullptr, on_access, nullptr, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_EXTERNAL_LOGGER, on_server_log, nullptr, MHD_OPTION_URI_LOG_CALLBACK,
        on_request_line, engine_.get(), MHD_OPTION_NOTIFY_COMPLETED, on_completed, nullptr,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, nullptr, MHD_OPTION_THREAD_POOL_SIZE,
        config_.threads < 2 ? 0U : config_.threads, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        kConnectionMemory, MHD_OPTION_CONNECTION_LIMIT, 4096U, MHD_OPTION_END);
    if (daemon == nullptr) {
        ::close(listener);
        return fail(ErrorKind::io, "cannot start the HTTP server (threads or file descriptors?)");
    }
    listener_ = listener;
    LockGuard lock(stop_mutex_);
    daemon_ = daemon;
    return {};
}

Result<void> ServerImpl::make_bucket(const std::string& name) {
    if (db_->bucket_exists(name)) return {};
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
        return fail(ErrorKind::invalid_name, fmt::format("'{}' cannot be a bucket's name", name));
    }
    const std::string path = blobs_->bucket_path(name);
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
        return fail(ErrorKind::io,
                    fmt::format("cannot make the folder {}: {}", path, std::strerror(errno)));
    }
    return {};
}

// MHD_quiesce_daemon races with libmicrohttpd's threads over their epoll sets and then ends the
// process. So the listening socket is closed behind its back: its descriptor becomes a file that
// never has news, which leaves the threads, and the close at their end, undisturbed.
void ServerImpl::refuse_connections() {
    engine_->draining.store(true);
    const int silent = ::eventfd(0, EFD_CLOEXEC);
    if (silent < 0) return;  // then they are taken until the end, which is harmless
    ::dup3(silent, listener_, O_CLOEXEC);
    ::close(silent);
}

void ServerImpl::stop(std::chrono::milliseconds grace) {
    LockGuard lock(stop_mutex_);
    if (daemon_ == nullptr) return;
    refuse_connections();
    // Real time on purpose: what is waited for are real threads and sockets.
    const auto end = std::chrono::steady_clock::now() + grace;
    while (engine_->under_way.load() > 0 && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    engine_->stopping.store(true);
    // Suspended connections must be resumed before libmicrohttpd may be stopped.
    delayer_.release_all();
    workers_.drain();
    delayer_.release_all();
    MHD_stop_daemon(daemon_);
    daemon_ = nullptr;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerConfig config, Clock& clock) {
    auto server = std::make_unique<ServerImpl>(std::move(config), clock);
    TRY(server->open());
    TRY(server->serve());
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace xbucket::local
