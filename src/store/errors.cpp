// SPDX-FileCopyrightText: the xbucket authors
#include "errors.h"

#include "error_codes.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

// What an <Error> document says.
struct ServiceError {
    std::string code;
    std::string message;
    std::string request_id;
    std::string endpoint;
    std::string region;
};

std::optional<ServiceError> parse_document(std::string_view body) {
    constexpr size_t kErrorBytesMax = 64 << 10;
    if (body.empty() || body.size() > kErrorBytesMax) return std::nullopt;
    const auto document = XmlDocument::parse(body);
    if (!document) return std::nullopt;
    XmlNode root = document->root();
    if (root.name() == "ErrorResponse") root = root.child("Error");
    if (root.name() != "Error") return std::nullopt;
    return ServiceError{.code = root.child("Code").text(),
                        .message = root.child("Message").text(),
                        .request_id = root.child("RequestId").text(),
                        .endpoint = root.child("Endpoint").text(),
                        .region = root.child("Region").text()};
}

std::optional<ServiceError> find_document(const HttpResponse& response) {
    if (auto found = parse_document(response.body)) return found;
    const auto encoded = response.headers.get("x-oss-err");
    if (!encoded) return std::nullopt;
    const auto decoded = base64_decode(trim_ows(*encoded));
    return decoded ? parse_document(*decoded) : std::nullopt;
}

std::string message_for(ErrorKind kind, int status, const ServiceError& said) {
    std::string out(advice_for(kind));
    if (out.empty()) out = fmt::format("the service answered {}", status);
    if (!said.message.empty()) {
        constexpr size_t kMessageMax = 300;
        out += fmt::format(" (it says: {})", printable(said.message.substr(0, kMessageMax)));
    }
    return out;
}

// Only what can be a host name or a region goes on, since requests may be sent there.
std::string safe_hint(std::string text) {
    const bool safe = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-';
    });
    return safe && text.size() <= 253 ? std::move(text) : std::string();
}

ErrorKind kind_for(const ServiceError& said, const HttpResponse& response,
                   std::string_view header_prefix) {
    const bool delete_marker =
        response.headers.value_or_empty(std::string(header_prefix) + "delete-marker") == "true";
    if (response.status == 405 && delete_marker) return ErrorKind::not_found;
    // OSS names the right endpoint in an AccessDenied (protocol.md 1.4).
    if (said.code == "AccessDenied" && !said.endpoint.empty()) return ErrorKind::wrong_endpoint;
    if (said.code == "AuthorizationHeaderMalformed" && said.region.empty()) {
        return ErrorKind::bad_credentials;
    }
    if (const auto known = kind_of_code(said.code)) return *known;
    if (response.status >= 200 && response.status < 300) return ErrorKind::server_error;
    return kind_of_status(response.status);
}

std::string hint_for(ErrorKind kind, const ServiceError& said, const HttpResponse& response) {
    if (kind == ErrorKind::clock_skew) return std::string(response.headers.value_or_empty("date"));
    if (kind != ErrorKind::wrong_endpoint) return "";
    if (!said.region.empty()) return safe_hint(said.region);
    const std::string_view header = response.headers.value_or_empty("x-amz-bucket-region");
    if (!header.empty()) return safe_hint(std::string(header));
    return safe_hint(said.endpoint);
}

Error build(const ServiceError& said, std::string_view header_prefix,
            const HttpResponse& response) {
    ErrorKind kind = kind_for(said, response, header_prefix);
    // A HEAD in the wrong region is a bare 400 with only this header (protocol.md 1.4).
    if (said.code.empty() && response.status == 400 &&
        response.headers.has("x-amz-bucket-region")) {
        kind = ErrorKind::wrong_endpoint;
    }
    Error error(kind, message_for(kind, response.status, said));
    error.http_status = response.status;
    error.code = said.code;
    error.request_id = said.request_id;
    if (const auto id = response.headers.get(std::string(header_prefix) + "request-id")) {
        error.request_id = std::string(*id);
    }
    error.hint = hint_for(kind, said, response);
    error.retry_after = retry_after_of(response.headers);
    return error;
}

}  // namespace

Error parse_error(std::string_view header_prefix, const HttpResponse& response) {
    return build(find_document(response).value_or(ServiceError{}), header_prefix, response);
}

std::optional<Error> parse_error_in_success(std::string_view header_prefix,
                                            const HttpResponse& response) {
    const auto said = parse_document(response.body);
    if (!said) return std::nullopt;
    return build(*said, header_prefix, response);
}

std::chrono::milliseconds retry_after_of(const Headers& headers) {
    using std::chrono::milliseconds;
    constexpr milliseconds kCap = std::chrono::seconds(60);
    milliseconds longest{0};
    const auto offer = [&](uint64_t ms) {
        const auto capped = std::min<uint64_t>(ms, static_cast<uint64_t>(kCap.count()));
        longest = std::max(longest, milliseconds(capped));
    };
    const std::string_view plain = trim_ows(headers.value_or_empty("retry-after"));
    if (const auto seconds = parse_u64(plain)) {
        offer(std::min<uint64_t>(*seconds, 60) * 1000);
    } else if (const auto date = parse_http_date(plain)) {
        // Measured on the service's own clock, so that ours need not agree.
        const auto now = parse_http_date(headers.value_or_empty("date"));
        if (now && *date > *now) {
            offer(static_cast<uint64_t>(
                std::chrono::duration_cast<milliseconds>(*date - *now).count()));
        }
    }
    for (const char* name : {"x-amz-retry-after", "x-oss-qos-delay-time"}) {
        if (const auto ms = parse_u64(trim_ows(headers.value_or_empty(name)))) offer(*ms);
    }
    return longest;
}

}  // namespace xbucket
