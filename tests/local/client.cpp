// SPDX-FileCopyrightText: the xbucket authors
#include "client.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace xbucket::testing {

std::string Answer::xml(std::string_view name) const {
    const std::string open = "<" + std::string(name) + ">";
    const size_t at = body.find(open);
    if (at == std::string::npos) return {};
    const size_t start = at + open.size();
    std::string text = body.substr(start, body.find("</" + std::string(name) + ">", start) - start);
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"&quot;", "\""},
                                   {"&lt;", "<"},
                                   {"&gt;", ">"},
                                   {"&amp;", "&"}}) {
        for (size_t p = text.find(from); p != std::string::npos; p = text.find(from, p + 1)) {
            text.replace(p, from.size(), to);
        }
    }
    return text;
}

std::string Answer::code() const {
    const std::string packed = header("x-oss-err");
    if (packed.empty()) return xml("Code");
    Answer unpacked;
    unpacked.body = base64_decode(packed).value_or("");
    return unpacked.xml("Code");
}

RawConnection::~RawConnection() { close(); }

void RawConnection::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

bool RawConnection::connect() {
    close();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const timeval patience{120, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void RawConnection::send_only(const std::string& bytes) {
    if (fd_ < 0 && !connect()) return;
    size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return;
        sent += static_cast<size_t>(n);
    }
}

Answer RawConnection::exchange(const std::string& bytes, bool is_head) {
    Answer answer;
    send_only(bytes);
    std::string data;
    char buffer[65536];
    const auto more = [&] {
        const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
        if (n > 0) {
            data.append(buffer, static_cast<size_t>(n));
            return true;
        }
        answer.reset = n < 0 && errno == ECONNRESET;
        close();
        return false;
    };
    size_t end = std::string::npos;
    for (;;) {
        end = data.find("\r\n\r\n");
        if (end != std::string::npos) {
            if (data.compare(0, 12, "HTTP/1.1 100") != 0) break;
            data.erase(0, end + 4);
            continue;
        }
        if (!more()) return answer;
    }
    const std::string head = data.substr(0, end + 2);
    data.erase(0, end + 4);
    answer.status = std::stoi(head.substr(9, 3));
    for (size_t at = head.find("\r\n") + 2; at < head.size();) {
        const size_t stop = head.find("\r\n", at);
        const std::string line = head.substr(at, stop - at);
        const size_t colon = line.find(':');
        answer.headers.add(line.substr(0, colon),
                           std::string(trim_ows(std::string_view(line).substr(colon + 1))));
        at = stop + 2;
    }
    const size_t length = parse_u64(answer.header("Content-Length")).value_or(0);
    const bool bodyless = is_head || answer.status == 204 || answer.status == 304;
    while (!bodyless && data.size() < length) {
        if (!more()) break;
    }
    answer.complete = bodyless || data.size() >= length;
    answer.body = std::move(data);
    if (iequals(answer.header("Connection"), "close")) close();
    return answer;
}

namespace {

std::vector<std::string> signed_names(const Headers& headers) {
    std::vector<std::string> names;
    for (const auto& h : headers) {
        const std::string name = to_lower(h.name);
        if (name == "host" || name == "content-type" || name == "content-md5" ||
            name.starts_with("x-amz-")) {
            names.push_back(name);
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& n : names) out += (out.empty() ? "" : ";") + n;
    return out;
}

}  // namespace

void Client::presign(SignedRequest& request, const Ask& ask, WallTime now) const {
    const std::string timestamp = format_basic_utc(now);
    SigningScope scope{timestamp.substr(0, 8), "cn-hangzhou", "oss"};
    if (scheme_ == Scheme::oss_v1) {
        const std::string expires = std::to_string(now.seconds() + ask.life);
        if (!token_.empty()) request.query.emplace_back("security-token", token_);
        const std::string signature =
            oss_v1_signature(secret_, oss_v1_string_to_sign(request, expires));
        request.query.emplace_back("OSSAccessKeyId", id_);
        request.query.emplace_back("Expires", expires);
        request.query.emplace_back("Signature", signature);
    } else if (scheme_ == Scheme::oss_v4) {
        auto& q = request.query;
        q.emplace_back("x-oss-signature-version", "OSS4-HMAC-SHA256");
        q.emplace_back("x-oss-date", timestamp);
        q.emplace_back("x-oss-expires", std::to_string(ask.life));
        q.emplace_back("x-oss-credential",
                       id_ + "/" + scope.date + "/cn-hangzhou/oss/aliyun_v4_request");
        if (!token_.empty()) q.emplace_back("x-oss-security-token", token_);
        q.emplace_back("x-oss-signature",
                       oss_v4_signature(secret_, scope, timestamp,
                                        oss_v4_canonical_request(request, {}, "UNSIGNED-PAYLOAD")));
    } else {
        scope.region = "us-east-1";
        scope.product = "s3";
        const auto names = signed_names(request.headers);
        auto& q = request.query;
        q.emplace_back("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        q.emplace_back("X-Amz-Credential", id_ + "/" + scope.date + "/us-east-1/s3/aws4_request");
        q.emplace_back("X-Amz-Date", timestamp);
        q.emplace_back("X-Amz-Expires", std::to_string(ask.life));
        q.emplace_back("X-Amz-SignedHeaders", joined(names));
        if (!token_.empty()) q.emplace_back("X-Amz-Security-Token", token_);
        q.emplace_back("X-Amz-Signature", sigv4_signature(secret_, scope, timestamp,
                                                          sigv4_canonical_request(
                                                              request, names, "UNSIGNED-PAYLOAD")));
    }
}

void Client::sign_header(SignedRequest& request, const Ask& ask, WallTime now) const {
    const std::string timestamp = format_basic_utc(now);
    SigningScope scope{timestamp.substr(0, 8), "cn-hangzhou", "oss"};
    if (scheme_ == Scheme::sigv4) {
        scope.region = "us-east-1";
        scope.product = "s3";
        const std::string hash =
            ask.payload_hash.empty() ? hex_encode(sha256(ask.body)) : ask.payload_hash;
        request.headers.set("x-amz-date", timestamp);
        request.headers.set("x-amz-content-sha256", hash);
        if (!token_.empty()) request.headers.set("x-amz-security-token", token_);
        const auto names = signed_names(request.headers);
        const std::string signature = sigv4_signature(
            secret_, scope, timestamp, sigv4_canonical_request(request, names, hash));
        request.headers.set("Authorization", "AWS4-HMAC-SHA256 Credential=" + id_ + "/" +
                                                 scope.date + "/us-east-1/s3/aws4_request, " +
                                                 "SignedHeaders=" + joined(names) +
                                                 ", Signature=" + signature);
        return;
    }
    if (!token_.empty()) request.headers.set("x-oss-security-token", token_);
    if (scheme_ == Scheme::oss_v1) {
        const std::string date = format_http_date(now);
        request.headers.set("x-oss-date", date);
        request.headers.set(
            "Authorization",
            "OSS " + id_ + ":" + oss_v1_signature(secret_, oss_v1_string_to_sign(request, date)));
        return;
    }
    request.headers.set("x-oss-date", timestamp);
    request.headers.set("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
    request.headers.set(
        "Authorization",
        "OSS4-HMAC-SHA256 Credential=" + id_ + "/" + scope.date +
            "/cn-hangzhou/oss/aliyun_v4_request,Signature=" +
            oss_v4_signature(secret_, scope, timestamp,
                             oss_v4_canonical_request(request, {}, "UNSIGNED-PAYLOAD")));
}

void Client::sign(SignedRequest& request, const Ask& ask) const {
    if (scheme_ == Scheme::anonymous) return;
    const WallTime now = clock_.wall_now() + ask.clock_offset;
    if (ask.presigned) {
        presign(request, ask, now);
    } else {
        sign_header(request, ask, now);
    }
}

std::string Client::bytes_of(const Ask& ask) const {
    SignedRequest r;
    r.method = ask.method;
    r.bucket = ask.bucket;
    r.key = ask.key;
    r.query = ask.query;
    r.headers = ask.headers;
    std::string path = "/";
    if (ask.path_style && !ask.bucket.empty()) {
        path += percent_encode(ask.bucket) + "/" + percent_encode(ask.key, true);
    } else {
        path += percent_encode(ask.key, true);
    }
    if (!ask.raw_path.empty()) path = ask.raw_path;
    r.encoded_path = path;
    r.headers.set("Host", ask.host.empty() ? "127.0.0.1:" + std::to_string(port_) : ask.host);
    const bool has_body = ask.method == "PUT" || ask.method == "POST";
    sign(r, ask);
    std::string query;
    for (const auto& [name, value] : r.query) {
        query += (query.empty() ? "?" : "&") + percent_encode(name);
        if (!value.empty()) query += "=" + percent_encode(value);
    }
    std::string out = ask.method + " " + path + query + " HTTP/1.1\r\n";
    for (const HeaderView header : r.headers)
        out.append(header.name).append(": ").append(header.value).append("\r\n");
    if (has_body && !ask.no_content_length) {
        out += "Content-Length: " + std::to_string(ask.body.size()) + "\r\n";
    }
    return out + "\r\n" + ask.body;
}

Answer Client::send(const Ask& ask) {
    return connection_.exchange(bytes_of(ask), ask.method == "HEAD");
}

Answer Client::get(const std::string& key, Headers headers, QueryParameters query) {
    return send(
        {.method = "GET", .key = key, .query = std::move(query), .headers = std::move(headers)});
}
Answer Client::head(const std::string& key, Headers headers, QueryParameters query) {
    return send(
        {.method = "HEAD", .key = key, .query = std::move(query), .headers = std::move(headers)});
}
Answer Client::put(const std::string& key, const std::string& body, Headers headers,
                   QueryParameters query) {
    return send({.method = "PUT",
                 .key = key,
                 .query = std::move(query),
                 .headers = std::move(headers),
                 .body = body});
}
Answer Client::del(const std::string& key, Headers headers, QueryParameters query) {
    return send(
        {.method = "DELETE", .key = key, .query = std::move(query), .headers = std::move(headers)});
}
Answer Client::post(const std::string& key, const std::string& body, QueryParameters query,
                    Headers headers) {
    return send({.method = "POST",
                 .key = key,
                 .query = std::move(query),
                 .headers = std::move(headers),
                 .body = body});
}
Answer Client::list(QueryParameters query, const std::string& bucket) {
    return send({.method = "GET", .bucket = bucket, .query = std::move(query)});
}
Answer Client::copy(const std::string& from, const std::string& to, Headers headers) {
    headers.set(prefix() + "copy-source", "/bkt/" + percent_encode(from, true));
    return send({.method = "PUT", .key = to, .headers = std::move(headers)});
}

}  // namespace xbucket::testing
