// SPDX-FileCopyrightText: the xbucket authors
// Replies' headers, with any bytes: "name: value" lines become Headers, Headers become attributes,
// attributes become the headers of an upload again. What one HEAD shows must survive that circle,
// for it is what a metadata update resends (DESIGN 3.1).
#include "dialect.h"
#include "errors.h"

#include "xbucket/base/encoding.h"

#include <cstdint>

using namespace xbucket;  // NOLINT

namespace {

Headers parse_lines(std::string_view text) {
    Headers out;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        // As the transport delivers them.
        const std::string_view value = trim_ows(line.substr(colon + 1));
        if (!is_safe_header_name(line.substr(0, colon)) || !is_safe_header_value(value)) continue;
        out.add(std::string(line.substr(0, colon)), std::string(value));
    }
    return out;
}

// An upload's headers as HEAD would show them.
Headers as_reply(const Headers& sent) {
    Headers out = {{"ETag", "\"e\""},
                   {"Content-Length", "1"},
                   {"Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT"}};
    for (const HeaderView header : sent) {
        if (!iequals(header.name, "x-oss-persistent-headers")) {
            out.add(header.name, header.value);
            continue;
        }
        std::string_view rest = header.value;
        while (!rest.empty()) {
            const size_t comma = rest.find(',');
            const std::string_view item = rest.substr(0, comma);
            rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
            const size_t colon = item.find(':');
            out.add(std::string(item.substr(0, colon)), *base64_decode(item.substr(colon + 1)));
        }
    }
    return out;
}

void check_circle(const Dialect& dialect, const Headers& headers) {
    const auto info = dialect.parse_object(headers);
    if (!info) {
        CHECK(info.error().kind == ErrorKind::bad_reply);
        return;
    }
    CHECK(info->size <= INT64_MAX);
    const auto put = dialect.put({.key = ObjectKey("k"), .attributes = info->attributes});
    CHECK(put.has_value());
    ObjectAttributes expected = info->attributes;
    // Without an algorithm there is no encryption, whatever else is said of it.
    if (expected.sse.empty()) expected.sse = {};
    const auto again = dialect.parse_object(as_reply(put->headers));
    CHECK(again.has_value());
    ObjectAttributes seen = again->attributes;
    if (seen.sse.empty()) seen.sse = {};
    CHECK(seen == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto oss = make_oss_dialect({.bucket = "b", .official = true});
    static const auto s3 = make_s3_dialect({.bucket = "b"});
    HttpResponse response;
    response.status = 403;
    response.headers = parse_lines(std::string_view(reinterpret_cast<const char*>(data), size));
    check_circle(*oss, response.headers);
    check_circle(*s3, response.headers);
    const auto wait = retry_after_of(response.headers);
    CHECK(wait >= std::chrono::milliseconds(0) && wait <= std::chrono::seconds(60));
    const Error error = parse_error("x-oss-", response);
    CHECK(error.message.find('\n') == std::string::npos);
    (void)oss->parse_symlink(response);
    return 0;
}
