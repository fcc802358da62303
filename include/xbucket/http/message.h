// SPDX-FileCopyrightText: the xbucket authors
// HTTP messages as values. Bytes are kept as they are on the wire: header values are not decoded,
// targets are already percent-encoded by whoever signs them.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

struct Header {
    std::string name;
    std::string value;
};

// One of Headers, valid until those change.
struct HeaderView {
    std::string_view name;
    std::string_view value;
    friend bool operator==(const HeaderView&, const HeaderView&) = default;
};

// Ordered; names compare case-insensitively (ASCII); duplicates are possible with add(). All names
// and values lie in one piece of memory (at most 4 GiB): every request and every reply makes a
// dozen or two. What is given to a member function must not be a view of the same Headers.
class Headers {
    struct Place {
        uint32_t name_at, name_size, value_at, value_size;
    };

  public:
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;  // of C++17, for it gives no references
        using difference_type = std::ptrdiff_t;
        using value_type = HeaderView;
        using pointer = void;
        using reference = HeaderView;

        HeaderView operator*() const { return headers_->view(headers_->places_[index_]); }
        Iterator& operator++() {
            ++index_;
            return *this;
        }
        Iterator operator++(int) {
            Iterator before = *this;
            ++index_;
            return before;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

      private:
        friend class Headers;
        Iterator(const Headers* headers, size_t index) : headers_(headers), index_(index) {}
        const Headers* headers_;
        size_t index_;
    };

    Headers() = default;
    Headers(std::initializer_list<Header> list);

    void reserve(size_t headers);
    void add(std::string_view name, std::string_view value);
    // A blank and `more` behind the value of the last one, which there must be.
    void extend_last(std::string_view more);
    // Replaces every header of that name by one.
    void set(std::string_view name, std::string_view value);
    void remove(std::string_view name);
    // The first of that name.
    std::optional<std::string_view> get(std::string_view name) const { return get("", name); }
    // The same where the name comes in two pieces.
    std::optional<std::string_view> get(std::string_view prefix, std::string_view rest) const;
    // The first of that name, or "".
    std::string_view value_or_empty(std::string_view name) const;
    bool has(std::string_view name) const { return get(name).has_value(); }

    bool empty() const { return places_.empty(); }
    size_t size() const { return places_.size(); }
    Iterator begin() const { return {this, 0}; }
    Iterator end() const { return {this, places_.size()}; }

  private:
    HeaderView view(const Place& place) const {
        return {std::string_view(bytes_).substr(place.name_at, place.name_size),
                std::string_view(bytes_).substr(place.value_at, place.value_size)};
    }
    uint32_t store(std::string_view text);

    static uint64_t length_bit(size_t name_size) { return 1ULL << std::min<size_t>(name_size, 63); }

    // A bit for each length of a name in it, now or before: most names that are asked for are not
    // there.
    uint64_t name_sizes_ = 0;
    std::string bytes_;  // what set() and remove() let go of stays in it
    std::vector<Place> places_;
};

// True when `value` can be a header value: no byte below 0x20 but tab, no 0x7f. The second wall
// against request splitting (the first is meta's value codec); the transport refuses others.
bool is_safe_header_value(std::string_view value);
// An RFC 9110 token.
bool is_safe_header_name(std::string_view name);

enum class HttpMethod { get, head, put, post, del, options };
std::string_view to_string(HttpMethod method);  // "GET", ..., "DELETE"

// Whose budget a request is counted in, so that one kind of work never starves another.
enum class RequestClass { interactive, prefetch, update, data };

// Bytes of a request body. Methods are called on the transport's thread and must not block for
// long (memory or a local file). A body can be sent more than once: the transport rewinds it before
// it reads, for every request that it is given with. The transport lets go of it before `done`.
class BodySource {
  public:
    virtual ~BodySource() = default;
    virtual uint64_t size() const = 0;  // fixed for the life of the request
    virtual Result<void> rewind() = 0;
    struct Chunk {
        size_t bytes = 0;
        bool pause = false;  // nothing now; Transfer::resume() will be called when there is
    };
    // Fills the front of `buffer`; {0, false} only at the end.
    virtual Result<Chunk> read(std::span<char> buffer) = 0;
};

// Where a response body goes as it arrives, whatever the status: look at it in on_headers, which is
// called once, before any data, also when there is none. Called on the transport's thread; must
// not block. The transport lets go of it before `done`.
class BodySink {
  public:
    virtual ~BodySink() = default;
    // Status and headers are known; an Error ends the transfer with it.
    virtual Result<void> on_headers(int status, const Headers& headers) = 0;
    enum class Action { taken, pause };  // pause: nothing was taken, the same bytes come again
    virtual Result<Action> on_data(std::string_view bytes) = 0;
};

struct Timeouts {
    // Name lookup, TCP and TLS.
    Duration connect = std::chrono::seconds(10);
    // Less than 1 KiB/s for this long ends the transfer; zero: none. Runs while there is a
    // connection and neither BodySource nor BodySink has paused. A server that thinks before it
    // answers moves nothing either: give it as long as the request may take.
    Duration stall = std::chrono::seconds(30);
    // Everything together from start(), the wait in the queue included; zero: none (bodies of any
    // size, held by `stall` alone).
    Duration total = std::chrono::seconds(60);
};

struct HttpRequest {
    HttpMethod method = HttpMethod::get;
    std::string origin;  // "https://host[:port]", no path
    std::string target;  // "/path?query", sent byte for byte (PATH_AS_IS)
    // Host and Content-Length are made by the transport unless given (Host). Expect (above 1 MiB)
    // and Transfer-Encoding are its own: giving them is invalid_argument.
    Headers headers;

    std::string body;                         // used when body_source is null
    std::shared_ptr<BodySource> body_source;  // PUT and POST only
    std::shared_ptr<BodySink> sink;           // null: the body is collected in HttpResponse::body

    uint64_t body_bytes_max = 16U << 20;  // cap for collected bodies; beyond it: bad_reply
    Timeouts timeouts;
    RequestClass request_class = RequestClass::interactive;
};

struct HttpResponse {
    int status = 0;
    Headers headers;
    std::string body;  // empty when a sink took it
    uint64_t body_bytes = 0;
    bool reused_connection = false;
};

}  // namespace xbucket
