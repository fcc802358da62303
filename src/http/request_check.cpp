// SPDX-FileCopyrightText: the xbucket authors
#include "request_check.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace xbucket {

namespace {

Error refuse(std::string message) { return fail(ErrorKind::invalid_argument, std::move(message)); }

bool is_origin(std::string_view origin) {
    if (origin.starts_with("https://")) {
        origin.remove_prefix(8);
    } else if (origin.starts_with("http://")) {
        origin.remove_prefix(7);
    } else {
        return false;
    }
    // Names, addresses, IPv6 in brackets, a port. No user@, no path.
    return !origin.empty() && std::all_of(origin.begin(), origin.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
    });
}

// A space or control byte would end the request line, '#' is never sent.
bool is_target(std::string_view target) {
    return target.starts_with('/') && std::all_of(target.begin(), target.end(), [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte > 0x20 && byte != 0x7f && byte != '#';
           });
}

Result<void> check_header(const HeaderView header, uint64_t upload_bytes) {
    if (!is_safe_header_name(header.name)) {
        return refuse(fmt::format("\"{}\" cannot be a header name; it must be an RFC 9110 token",
                                  printable(header.name)));
    }
    // The value is not quoted: it may be a secret.
    if (!is_safe_header_value(header.value)) {
        return refuse(fmt::format("the value of header {} has control characters; encode it first",
                                  header.name));
    }
    if (iequals(header.name, "Transfer-Encoding") || iequals(header.name, "Expect")) {
        return refuse(fmt::format("header {} is made by the transport; leave it out", header.name));
    }
    if (iequals(header.name, "Content-Length") && parse_u64(header.value) != upload_bytes) {
        return refuse(
            fmt::format("Content-Length {} is not the length of the body ({}); leave it "
                        "out, the transport makes it",
                        header.value, upload_bytes));
    }
    return {};
}

}  // namespace

Result<void> check_request(const HttpRequest& request, uint64_t upload_bytes) {
    if (!is_origin(request.origin)) {
        return refuse(
            fmt::format("\"{}\" is not an origin; give https://HOST[:PORT] or "
                        "http://HOST[:PORT] without a path",
                        printable(request.origin)));
    }
    if (!is_target(request.target)) {
        return refuse("a request target must begin with / and be percent-encoded");
    }
    for (const HeaderView header : request.headers) TRY(check_header(header, upload_bytes));
    const bool takes_body = request.method == HttpMethod::put || request.method == HttpMethod::post;
    if (!takes_body && (request.body_source || !request.body.empty())) {
        return refuse(
            fmt::format("a {} request has no body; use PUT or POST", to_string(request.method)));
    }
    if (upload_bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return refuse("the body is longer than HTTP can say");
    }
    return {};
}

}  // namespace xbucket
