// SPDX-FileCopyrightText: the xbucket authors
#include "response_head.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <limits>

namespace xbucket {

namespace {

std::string_view without_line_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

Error malformed(std::string_view what) {
    return fail(ErrorKind::bad_reply,
                fmt::format("the server's reply is malformed ({}); is this address an "
                            "object-storage service?",
                            what));
}

}  // namespace

void ResponseHead::restart() {
    status_ = 0;
    complete_ = false;
    headers_ = {};
    content_length_.reset();
}

Result<ResponseHead::Progress> ResponseHead::feed(std::string_view line) {
    bytes_ += line.size();
    if (bytes_ > kBytesMax) {
        return malformed(fmt::format("more than {} bytes of headers", kBytesMax));
    }
    if (complete_) return Progress::final_head;
    line = without_line_end(line);
    if (status_ == 0) {
        TRY(status_line(line));
        headers_.reserve(16);
        return Progress::more;
    }
    if (line.empty()) return end_of_head();
    TRY(header_line(line));
    return Progress::more;
}

Result<void> ResponseHead::status_line(std::string_view line) {
    // "HTTP/1.1 200 OK", where libcurl lets other minor versions and no reason pass.
    const size_t space = line.find(' ');
    std::string_view digits;
    if (space != std::string_view::npos) digits = line.substr(space + 1, 3);
    const uint64_t code = parse_u64(digits).value_or(0);
    if (!line.starts_with("HTTP/") || code < 100 || code > 999) {
        return malformed("no HTTP status line");
    }
    status_ = static_cast<int>(code);
    return {};
}

Result<void> ResponseHead::header_line(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') {  // obs-fold, RFC 9112 5.2
        if (headers_.empty()) return malformed("a folded line without a header");
        headers_.extend_last(trim_ows(line));
        return {};
    }
    if (headers_.size() >= kHeadersMax) {
        return malformed(fmt::format("more than {} headers", kHeadersMax));
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return malformed("a header line without a name");
    }
    headers_.add(trim_ows(line.substr(0, colon)), trim_ows(line.substr(colon + 1)));
    return {};
}

Result<ResponseHead::Progress> ResponseHead::end_of_head() {
    if (status_ < 200) {
        restart();
        return Progress::interim;
    }
    // libcurl believes the last of several lengths and reads to the end where one overflows: both
    // would let a reply be cut short without notice.
    for (const HeaderView header : headers_) {
        if (!iequals(header.name, "Content-Length")) continue;
        const auto length = parse_u64(header.value);
        constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
        if (!length || *length > kMax) return malformed("a Content-Length that is no length");
        if (content_length_ && content_length_ != length) {
            return malformed("two different Content-Length headers");
        }
        content_length_ = length;
    }
    complete_ = true;
    return Progress::final_head;
}

}  // namespace xbucket
