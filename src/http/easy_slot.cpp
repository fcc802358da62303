// SPDX-FileCopyrightText: the xbucket authors
#include "easy_slot.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace xbucket {

namespace {

constexpr unsigned kUnackedMax_ms = 30'000;  // reliability.md 2, row 8: peer gone without a word
constexpr int kUnsentMax = 128 * 1024;
constexpr long kLifetimeMax_s = 600;
constexpr long kDnsCache_s = 60;
constexpr long kExpectWait_ms = 1000;
constexpr long kBulkBuffer = 256 * 1024;  // what fits into a core's cache with what it is for
constexpr long kSmallBuffer = 16 * 1024;

EasySlot& slot_of(void* self) { return *static_cast<EasySlot*>(self); }

// noexcept in these: nothing may unwind into C.
size_t on_header(char* data, size_t size, size_t count, void* self) noexcept {
    return slot_of(self).exchange().take_header_line({data, size * count});
}

size_t on_body(char* data, size_t size, size_t count, void* self) noexcept {
    return slot_of(self).exchange().take_body({data, size * count});
}

size_t on_read(char* data, size_t size, size_t count, void* self) noexcept {
    return slot_of(self).exchange().give_body({data, size * count});
}

int on_seek(void* self, curl_off_t offset, int origin) noexcept {
    if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    return slot_of(self).exchange().seek_body(offset);
}

int on_attempt(void* self, char*, char*, int, int) noexcept {
    const EasySlot& slot = slot_of(self);
    return slot.exchange().before_attempt(slot.request_bytes_out());
}

// Close-on-exec from birth, so that credential helpers never inherit a connection.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) noexcept {
    const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && (address->family == AF_INET || address->family == AF_INET6)) {
        // Best effort, both: a kernel that refuses still has keep-alive and our stall limit. The
        // second keeps the kernel from taking megabytes of an upload at once, which a slow line
        // would need longer for than the stall limit, without a byte moving that we can see.
        ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnackedMax_ms, sizeof kUnackedMax_ms);
        ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentMax, sizeof kUnsentMax);
    }
    return fd;
}

// libcurl counts in whole seconds; never longer than asked for but for the first second.
long whole_seconds(Duration d) {
    return std::max<long>(1,
                          static_cast<long>(std::chrono::floor<std::chrono::seconds>(d).count()));
}

}  // namespace

EasySlot::EasySlot(const CurlTransportConfig& config, CURLSH* share, const TimePoint& pass_begun,
                   bool bulk)
    : config_(config), pass_begun_(pass_begun), bulk_(bulk), easy_(curl_easy_init()) {
    CHECK(easy_ != nullptr);
    set(CURLOPT_SHARE, share);
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_ERRORBUFFER, error_text_.data());
    set_safety();
    set_connection();
    set_tls_and_proxy();
    set_callbacks();
}

void EasySlot::set_safety() {
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // giving up on a lookup must not wait for the resolver
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_REDIR_PROTOCOLS_STR, "https");  // were one ever followed
    set(CURLOPT_MAXREDIRS, 1L);  // the repeat after 417 counts as one; see exchange.h
    set(CURLOPT_UNRESTRICTED_AUTH, 0L);
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_HTTP09_ALLOWED, 0L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    // One request per connection at a time: HTTP/2 would share one connection's fate and window
    // between budgets, and the services gain nothing from it.
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_USERAGENT, config_.user_agent.c_str());
    set(CURLOPT_EXPECT_100_TIMEOUT_MS, kExpectWait_ms);
    set(CURLOPT_BUFFERSIZE, bulk_ ? kBulkBuffer : kSmallBuffer);
    set(CURLOPT_UPLOAD_BUFFERSIZE, bulk_ ? kBulkBuffer : kSmallBuffer);
}

void EasySlot::set_connection() {
    set(CURLOPT_DNS_CACHE_TIMEOUT, kDnsCache_s);
    set(CURLOPT_MAXLIFETIME_CONN, kLifetimeMax_s);
    set(CURLOPT_MAXAGE_CONN, whole_seconds(config_.idle_connection_max));
    set(CURLOPT_FORBID_REUSE, config_.idle_connection_max <= Duration::zero() ? 1L : 0L);
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_TCP_KEEPIDLE, 30L);
    set(CURLOPT_TCP_KEEPINTVL, 10L);
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    if (!config_.unix_socket.empty()) {
        set(CURLOPT_UNIX_SOCKET_PATH, config_.unix_socket.c_str());
    }
}

void EasySlot::set_tls_and_proxy() {
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_OPTIONS, 0L);  // none of the allowances for old servers
    set(CURLOPT_SSL_VERIFYPEER, config_.insecure_tls ? 0L : 1L);
    set(CURLOPT_SSL_VERIFYHOST, config_.insecure_tls ? 0L : 2L);
    if (!config_.ca_bundle.empty()) {
        // This bundle and no other: the system's directory would go on being trusted.
        set(CURLOPT_CAINFO, config_.ca_bundle.c_str());
        set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (!config_.client_certificate.empty()) {
        set(CURLOPT_SSLCERT, config_.client_certificate.c_str());
    }
    if (!config_.client_key.empty()) set(CURLOPT_SSLKEY, config_.client_key.c_str());
    // Set even when empty: unset ones are taken from the environment.
    set(CURLOPT_PROXY, config_.proxy.c_str());
    set(CURLOPT_NOPROXY, config_.no_proxy.c_str());
}

void EasySlot::set_callbacks() {
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_READFUNCTION, &on_read);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &on_seek);
    set(CURLOPT_SEEKDATA, this);
    set(CURLOPT_PREREQFUNCTION, &on_attempt);
    set(CURLOPT_PREREQDATA, this);
}

void EasySlot::load(std::shared_ptr<Exchange> exchange) {
    exchange_ = std::move(exchange);
    error_text_[0] = '\0';
    const HttpRequest& request = exchange_->request();
    set_destination(request);
    set_method(*exchange_);
    set_headers(*exchange_);
    const int64_t connect_ms = std::max<int64_t>(
        1, std::chrono::ceil<std::chrono::milliseconds>(request.timeouts.connect).count());
    if (connect_ms != connect_ms_) set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_ms));
    connect_ms_ = connect_ms;
}

std::shared_ptr<Exchange> EasySlot::unload() { return std::move(exchange_); }

// The URL names the origin, and REQUEST_TARGET goes out byte for byte. Only a request for a plain
// http origin through a proxy has its target in the URL, because its request line holds all of it.
void EasySlot::set_destination(const HttpRequest& request) {
    const bool plain = request.origin.starts_with("http://");
    const bool target_in_url = plain && !config_.proxy.empty();
    if (origin_ != request.origin || target_in_url_ || target_in_url) {
        const std::string url = request.origin + (target_in_url ? request.target : "/");
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
        origin_ = request.origin;
        target_in_url_ = target_in_url;
    }
    set(CURLOPT_REQUEST_TARGET, target_in_url ? nullptr : request.target.c_str());
}

// HTTPGET first: it takes back what UPLOAD and NOBODY of the last request left.
void EasySlot::set_method(const Exchange& exchange) {
    const HttpMethod method = exchange.request().method;
    set(CURLOPT_HTTPGET, 1L);
    const char* custom = nullptr;
    switch (method) {
        case HttpMethod::get:
            break;
        case HttpMethod::head:
            set(CURLOPT_NOBODY, 1L);
            break;
        case HttpMethod::post:
            custom = "POST";  // an upload by that name: CURLOPT_POST would add a Content-Type
            [[fallthrough]];
        case HttpMethod::put:
            set(CURLOPT_UPLOAD, 1L);
            // Also for 0 bytes, else the body would be chunked (protocol.md 11).
            set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(exchange.upload_bytes()));
            break;
        case HttpMethod::del:
            custom = "DELETE";
            break;
        case HttpMethod::options:
            custom = "OPTIONS";
            break;
    }
    set(CURLOPT_CUSTOMREQUEST, custom);
}

void EasySlot::set_headers(const Exchange& exchange) {
    lines_.clear();
    for (const HeaderView header : exchange.request().headers) {
        if (!iequals(header.name, "Content-Length")) lines_.add(header.name, header.value);
    }
    // Above the limit libcurl makes it, and takes it back when the server answers 417.
    if (exchange.upload_bytes() > 0 && !exchange.expects_continue()) lines_.suppress("Expect");
    set(CURLOPT_HTTPHEADER, lines_.list());
}

uint64_t EasySlot::request_bytes_out() const {
    long bytes = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &bytes);
    return static_cast<uint64_t>(std::max(bytes, 0L));
}

uint64_t EasySlot::connections_opened() const {
    long count = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &count);
    return static_cast<uint64_t>(std::max(count, 0L));
}

long EasySlot::verify_result() const {
    long result = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &result);
    return result;
}

int EasySlot::os_error() const {
    long error = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &error);
    return static_cast<int>(error);
}

}  // namespace xbucket
