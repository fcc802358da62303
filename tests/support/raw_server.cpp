// SPDX-FileCopyrightText: the xbucket authors
#include "support/raw_server.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace xbucket::testing {

namespace {

std::pair<int, uint16_t> bound_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    CHECK(::bind(fd, generic, sizeof address) == 0);
    socklen_t length = sizeof address;
    CHECK(::getsockname(fd, generic, &length) == 0);
    return {fd, ntohs(address.sin_port)};
}

int bound_unix_socket(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(fd >= 0 && path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
}

// True when `fd` is ready for `events` before one of the others is readable.
bool wait_for(int fd, short events, std::initializer_list<int> others, int timeout_ms = -1) {
    std::vector<pollfd> fds = {{fd, events, 0}};
    for (const int other : others) fds.push_back({other, POLLIN, 0});
    if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
    const bool other_ready =
        std::any_of(fds.begin() + 1, fds.end(), [](const pollfd& p) { return p.revents != 0; });
    return !other_ready && fds.front().revents != 0;
}

void set_event(int fd) {
    const uint64_t one = 1;
    CHECK(::write(fd, &one, sizeof one) == sizeof one);
}

}  // namespace

std::string RawRequest::method() const { return head.substr(0, head.find(' ')); }

std::string RawRequest::target() const {
    const size_t begin = head.find(' ') + 1;
    return head.substr(begin, head.find(" HTTP/", begin) - begin);
}

std::optional<std::string> RawRequest::header(std::string_view name) const {
    size_t line = head.find("\r\n") + 2;
    while (line < head.size()) {
        const size_t end = head.find("\r\n", line);
        const size_t colon = head.find(':', line);
        if (colon < end && iequals(std::string_view(head).substr(line, colon - line), name)) {
            std::string value = head.substr(colon + 1, end - colon - 1);
            if (value.starts_with(' ')) value.erase(0, 1);
            return value;
        }
        line = end + 2;
    }
    return std::nullopt;
}

void RawConnection::serve() {
    while (fd_ >= 0 && read_head()) {
        body_read_ = false;
        const RawScript script = server_.record(*this);
        script(*this);
        if (!body_read_) take_body(SIZE_MAX);
    }
    close();
}

bool RawConnection::read_more(size_t bytes_max) {
    std::array<char, 65536> chunk;
    if (fd_ < 0 || !wait_for(fd_, POLLIN, {server_.stop_})) return false;
    const ssize_t got = ::recv(fd_, chunk.data(), std::min(bytes_max, chunk.size()), 0);
    if (got <= 0) return false;
    buffer_.append(chunk.data(), static_cast<size_t>(got));
    return true;
}

bool RawConnection::read_head() {
    size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!read_more()) return false;
    }
    request_.head = buffer_.substr(0, end + 4);
    request_.body.clear();
    buffer_.erase(0, end + 4);
    return true;
}

void RawConnection::read_body(size_t bytes_max) {
    if (body_read_) return;
    if (request_.header("Expect")) send("HTTP/1.1 100 Continue\r\n\r\n");
    take_body(bytes_max);
}

void RawConnection::take_body(size_t bytes_max) {
    body_read_ = true;
    if (request_.header("Transfer-Encoding")) {
        read_chunked(bytes_max);
    } else {
        const auto length = parse_u64(request_.header("Content-Length").value_or("0"));
        const size_t wanted = std::min<size_t>(length.value_or(0), bytes_max);
        while (buffer_.size() < wanted && read_more()) {
        }
        request_.body = buffer_.substr(0, wanted);
        buffer_.erase(0, wanted);
    }
    server_.update_record(*this);
}

void RawConnection::read_body_slowly(size_t step, std::chrono::milliseconds pause) {
    if (request_.header("Expect")) send("HTTP/1.1 100 Continue\r\n\r\n");
    const auto length = parse_u64(request_.header("Content-Length").value_or("0"));
    while (buffer_.size() < length.value_or(0) && stall_for(pause) && read_more(step)) {
    }
    take_body(SIZE_MAX);
}

void RawConnection::read_chunked(size_t bytes_max) {
    while (request_.body.size() < bytes_max) {
        size_t line = 0;
        while ((line = buffer_.find("\r\n")) == std::string::npos) {
            if (!read_more()) return;
        }
        const size_t size = std::stoul(buffer_.substr(0, line), nullptr, 16);
        while (buffer_.size() < line + 2 + size + 2) {
            if (!read_more()) return;
        }
        request_.body += buffer_.substr(line + 2, size);
        buffer_.erase(0, line + 2 + size + 2);
        if (size == 0) return;
    }
}

bool RawConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        if (fd_ < 0 || !wait_for(fd_, POLLOUT, {server_.stop_})) return false;
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
}

void RawConnection::close() {
    if (fd_ < 0) return;
    ::close(fd_);
    fd_ = -1;
}

void RawConnection::reset() {
    const linger now{1, 0};
    if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

void RawConnection::stall() {
    if (fd_ >= 0) wait_for(fd_, POLLRDHUP, {server_.stop_, server_.release_});
}

bool RawConnection::stall_for(std::chrono::milliseconds limit) {
    if (fd_ < 0) return false;
    std::array<pollfd, 3> fds = {
        {{fd_, POLLRDHUP, 0}, {server_.stop_, POLLIN, 0}, {server_.release_, POLLIN, 0}}};
    return ::poll(fds.data(), fds.size(), static_cast<int>(limit.count())) == 0;
}

RawServer::RawServer(const Config& config)
    : stop_(::eventfd(0, EFD_CLOEXEC)),
      release_(::eventfd(0, EFD_CLOEXEC)),
      always_(raw::reply("200 OK")) {
    if (config.unix_socket.empty()) {
        std::tie(listener_, port_) = bound_socket();
    } else {
        listener_ = bound_unix_socket(config.unix_socket);
    }
    if (config.receive_buffer >
        0) {  // the window is agreed on at connect, so on the listener already
        ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &config.receive_buffer,
                     sizeof config.receive_buffer);
    }
    CHECK(stop_ >= 0 && release_ >= 0 && ::listen(listener_, 256) == 0);
    acceptor_ = std::thread([this] { accept_loop(); });
}

RawServer::~RawServer() {
    set_event(stop_);
    acceptor_.join();
    std::vector<std::thread> threads;
    {
        LockGuard lock(mutex_);
        threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
    for (const int fd : {listener_, stop_, release_}) ::close(fd);
}

std::string RawServer::origin() const { return fmt::format("http://127.0.0.1:{}", port_); }

void RawServer::accept_loop() {
    while (wait_for(listener_, POLLIN, {stop_})) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        LockGuard lock(mutex_);
        const size_t number = threads_.size();
        threads_.emplace_back([this, fd, number, greeting = greeting_] {
            RawConnection connection(*this, fd, number);
            connection.send(greeting);
            connection.serve();
        });
    }
}

RawScript RawServer::record(RawConnection& connection) {
    LockGuard lock(mutex_);
    if (!recording_) return always_;
    connection.record_ = requests_.size();
    requests_.push_back(connection.request_);
    changed_.notify_all();
    if (next_.empty()) return always_;
    RawScript script = std::move(next_.front());
    next_.pop_front();
    return script;
}

void RawServer::update_record(const RawConnection& connection) {
    LockGuard lock(mutex_);
    if (recording_) requests_[connection.record_].body = connection.request_.body;
}

void RawServer::next(RawScript script) {
    LockGuard lock(mutex_);
    next_.push_back(std::move(script));
}

void RawServer::always(RawScript script) {
    LockGuard lock(mutex_);
    always_ = std::move(script);
}

void RawServer::stop_recording() {
    LockGuard lock(mutex_);
    recording_ = false;
}

void RawServer::greet(std::string bytes) {
    LockGuard lock(mutex_);
    greeting_ = std::move(bytes);
}

void RawServer::release() { set_event(release_); }

size_t RawServer::connections() const {
    LockGuard lock(mutex_);
    return threads_.size();
}

std::vector<RawRequest> RawServer::requests() const {
    LockGuard lock(mutex_);
    return requests_;
}

bool RawServer::wait_for_requests(size_t count) const {
    const SystemClock clock;
    const TimePoint deadline = clock.now() + std::chrono::seconds(60);
    LockGuard lock(mutex_);
    while (requests_.size() < count && clock.now() < deadline) {
        changed_.wait_until(mutex_, clock, deadline);
    }
    return requests_.size() >= count;
}

namespace raw {

RawScript reply(std::string status, std::string headers, std::string body) {
    return [=](RawConnection& connection) {
        connection.read_body();
        std::string text = fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n", status,
                                       body.size(), headers);
        if (connection.request().method() != "HEAD") text += body;
        connection.send(text);
    };
}

RawScript bytes(std::string bytes) {
    return [=](RawConnection& connection) {
        connection.read_body();
        connection.send(bytes);
    };
}

RawScript bytes_then_close(std::string bytes) {
    return [=](RawConnection& connection) {
        connection.read_body();
        connection.send(bytes);
        connection.close();
    };
}

RawScript bytes_then_reset(std::string bytes) {
    return [=](RawConnection& connection) {
        connection.read_body();
        connection.send(bytes);
        connection.reset();
    };
}

RawScript stall() {
    return [](RawConnection& connection) {
        connection.read_body();
        connection.stall();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    };
}

}  // namespace raw

uint16_t refused_port() {
    const auto [fd, port] = bound_socket();
    ::close(fd);
    return port;
}

}  // namespace xbucket::testing
