// SPDX-FileCopyrightText: the xbucket authors
// An HTTP server for faults: it says exactly the bytes that a test scripts, at the moment it
// scripts them, and records exactly the bytes that it was sent. It knows just enough HTTP to find
// the end of a request. For a server that behaves, use the local bucket server.
//
//     RawServer server;
//     server.next(raw::reply("200 OK", "ETag: \"x\"\r\n", "body"));     // the first request
//     server.next([](RawConnection& c) { c.send("HTTP/1.1 200 OK\r\nContent-Le"); c.close(); });
//     server.always(raw::stall());                                      // all others
#pragma once

#include "xbucket/base/sync.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace xbucket::testing {

// A request as it came.
struct RawRequest {
    std::string head;       // request line and headers through the empty line, byte for byte
    std::string body;       // as far as the script read it; without chunk framing
    size_t connection = 0;  // counted from 0 in the order of accept()

    std::string method() const;
    std::string target() const;
    // Bytes after "NAME: " (compared without case), not trimmed any further; nullopt where absent.
    std::optional<std::string> header(std::string_view name) const;
};

class RawServer;

// The server's end of one connection, in the hands of a script. Used on its own thread.
class RawConnection {
  public:
    const RawRequest& request() const { return request_; }

    // Reads the body (at most `bytes_max` of it), answering "Expect: 100-continue" before.
    // A script that never calls it leaves the body unread; after replying it is read anyway, so
    // that the connection can be used again.
    void read_body(size_t bytes_max = SIZE_MAX);
    // No body will come: the client was refused before it sent one.
    void skip_body() { body_read_ = true; }
    // Reads all of the body, `step` bytes at a time with `pause` between, through a small window.
    void read_body_slowly(size_t step, std::chrono::milliseconds pause);
    // All of `bytes`; false when the client or the server is gone.
    bool send(std::string_view bytes);
    // Ends the connection in order (FIN), or with a reset (RST, SO_LINGER 0).
    void close();
    void reset();
    // Until RawServer::release(), or until the client or the server is gone.
    void stall();
    // The same, at most this long. True when nothing happened.
    bool stall_for(std::chrono::milliseconds limit);

  private:
    friend class RawServer;
    RawConnection(RawServer& server, int fd, size_t number) : server_(server), fd_(fd) {
        request_.connection = number;
    }
    void serve();
    bool read_head();
    bool read_more(size_t bytes_max = SIZE_MAX);
    void take_body(size_t bytes_max);
    void read_chunked(size_t bytes_max);

    RawServer& server_;
    int fd_;
    std::string buffer_;  // received and not used yet
    RawRequest request_;
    size_t record_ = 0;  // index of request_ in the server's list
    bool body_read_ = false;
};

using RawScript = std::function<void(RawConnection&)>;

// Listens on 127.0.0.1, a thread for each connection. Thread-safe.
class RawServer {
  public:
    struct Config {
        int receive_buffer = 0;   // of the connections, in bytes; 0 leaves it to the kernel
        std::string unix_socket;  // listens on this path instead of TCP
    };
    RawServer() : RawServer(Config()) {}
    explicit RawServer(const Config& config);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    std::string origin() const;  // "http://127.0.0.1:PORT"
    uint16_t port() const { return port_; }

    // Scripts for the next requests, in the order in which their heads arrive.
    void next(RawScript script) EXCLUDES(mutex_);
    // For every request that no next() is left for. Default: 200 without a body.
    void always(RawScript script) EXCLUDES(mutex_);
    // Sent at once to whoever connects, before any request (a server that speaks no TLS).
    void greet(std::string bytes) EXCLUDES(mutex_);
    // Ends every stall(), those to come as well.
    void release();

    size_t connections() const EXCLUDES(mutex_);
    std::vector<RawRequest> requests() const EXCLUDES(mutex_);
    RawRequest request(size_t index) const { return requests().at(index); }
    // Stops recording, for measurements: requests() stays as it is.
    void stop_recording() EXCLUDES(mutex_);
    // Until so many heads have arrived; false after ten seconds.
    bool wait_for_requests(size_t count) const EXCLUDES(mutex_);

  private:
    friend class RawConnection;
    void accept_loop();
    RawScript record(RawConnection& connection) EXCLUDES(mutex_);
    void update_record(const RawConnection& connection) EXCLUDES(mutex_);

    int listener_ = -1;
    int stop_ = -1;  // eventfds: readable for good once set
    int release_ = -1;
    uint16_t port_ = 0;

    mutable Mutex mutex_;
    mutable CondVar changed_;
    std::deque<RawScript> next_ GUARDED_BY(mutex_);
    bool recording_ GUARDED_BY(mutex_) = true;
    std::string greeting_ GUARDED_BY(mutex_);
    RawScript always_ GUARDED_BY(mutex_);
    std::vector<RawRequest> requests_ GUARDED_BY(mutex_);
    std::vector<std::thread> threads_ GUARDED_BY(mutex_);
    std::thread acceptor_;
};

// Scripts that many tests need.
namespace raw {
// Reads the body, then answers with a Content-Length; the connection stays open. `headers` are
// whole lines. To HEAD the body is not sent but counted.
RawScript reply(std::string status, std::string headers = "", std::string body = "");
// Exactly these bytes after reading the body; the connection stays open.
RawScript bytes(std::string bytes);
RawScript bytes_then_close(std::string bytes);
RawScript bytes_then_reset(std::string bytes);
// Reads the body, then says nothing until released; then 200.
RawScript stall();
}  // namespace raw

// A port of 127.0.0.1 on which nothing listens.
uint16_t refused_port();

}  // namespace xbucket::testing
