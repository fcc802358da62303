// SPDX-FileCopyrightText: the xbucket authors
// Sends HTTP requests. The primary call is asynchronous; blocking is a thin wrapper over it.
#pragma once

#include "xbucket/http/message.h"

#include <atomic>
#include <vector>

namespace xbucket {

// One request under way. Thread-safe.
class Transfer {
  public:
    virtual ~Transfer() = default;
    // After a BodySource or BodySink has answered "pause". Never blocks.
    virtual void resume() = 0;
    // Ends the transfer soon with ErrorKind::cancelled; done is still called exactly once.
    virtual void cancel() = 0;
};

struct TransportStats {
    uint64_t requests = 0;
    uint64_t bytes_out = 0;  // bodies
    uint64_t bytes_in = 0;
    uint64_t connections_opened = 0;
    uint64_t in_flight = 0;
    uint64_t queued = 0;
};

// Thread-safe. A failed transfer gives network, timed_out, tls, bad_reply, cancelled, busy (too
// many are queued), invalid_argument (it must not be sent: see is_safe_header_value), or the error
// of its BodySource/BodySink; an HTTP status of any value is a success here, redirects included.
// Error::outcome_unknown is set when the failure came after bytes of a request with a method other
// than GET/HEAD went out. Replies are capped: 64 KiB and 300 headers, HttpRequest::body_bytes_max.
//
// Repeats: a GET or HEAD whose reused connection turns out to be dead is sent again on another one,
// unnoticed. No other request is ever sent twice for one start() (DESIGN 3.6), unless none of its
// bytes had gone out or the server refused its "Expect" with 417: it fails with `network` and
// outcome_unknown, also when the server closed an idle connection at just that moment. Callers
// resolve that by looking before they send again.
class Transport {
  public:
    virtual ~Transport() = default;
    using Done = std::function<void(Result<HttpResponse>)>;

    // Queues the request; never blocks. `done` is called once, on the transport's thread, and must
    // not block nor call send(). Requests beyond a class's budget wait in a queue of their own.
    virtual std::shared_ptr<Transfer> start(HttpRequest request, Done done) = 0;
    // Blocks until done. Not from the transport's thread.
    Result<HttpResponse> send(HttpRequest request);
    // The same for several at the same time; the replies are in the order of the requests.
    std::vector<Result<HttpResponse>> send_all(std::vector<HttpRequest> requests);

    virtual TransportStats stats() const = 0;
};

}  // namespace xbucket
