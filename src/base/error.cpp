// SPDX-FileCopyrightText: the xbucket authors
// The words for errors in logs and on terminals.
#include "xbucket/base/error.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <utility>

namespace xbucket {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::not_found:
            return "not_found";
        case ErrorKind::no_such_bucket:
            return "no_such_bucket";
        case ErrorKind::no_such_attribute:
            return "no_such_attribute";
        case ErrorKind::already_exists:
            return "already_exists";
        case ErrorKind::access_denied:
            return "access_denied";
        case ErrorKind::bad_credentials:
            return "bad_credentials";
        case ErrorKind::expired_credentials:
            return "expired_credentials";
        case ErrorKind::clock_skew:
            return "clock_skew";
        case ErrorKind::precondition_failed:
            return "precondition_failed";
        case ErrorKind::conflict:
            return "conflict";
        case ErrorKind::not_modified:
            return "not_modified";
        case ErrorKind::invalid_argument:
            return "invalid_argument";
        case ErrorKind::invalid_name:
            return "invalid_name";
        case ErrorKind::name_too_long:
            return "name_too_long";
        case ErrorKind::value_too_large:
            return "value_too_large";
        case ErrorKind::no_attribute_space:
            return "no_attribute_space";
        case ErrorKind::file_too_large:
            return "file_too_large";
        case ErrorKind::no_space:
            return "no_space";
        case ErrorKind::read_only:
            return "read_only";
        case ErrorKind::not_permitted:
            return "not_permitted";
        case ErrorKind::unsupported:
            return "unsupported";
        case ErrorKind::archived:
            return "archived";
        case ErrorKind::bad_range:
            return "bad_range";
        case ErrorKind::is_directory:
            return "is_directory";
        case ErrorKind::not_directory:
            return "not_directory";
        case ErrorKind::directory_not_empty:
            return "directory_not_empty";
        case ErrorKind::stale:
            return "stale";
        case ErrorKind::symlink_loop:
            return "symlink_loop";
        case ErrorKind::wrong_endpoint:
            return "wrong_endpoint";
        case ErrorKind::throttled:
            return "throttled";
        case ErrorKind::server_error:
            return "server_error";
        case ErrorKind::timed_out:
            return "timed_out";
        case ErrorKind::network:
            return "network";
        case ErrorKind::tls:
            return "tls";
        case ErrorKind::bad_reply:
            return "bad_reply";
        case ErrorKind::checksum_mismatch:
            return "checksum_mismatch";
        case ErrorKind::busy:
            return "busy";
        case ErrorKind::cancelled:
            return "cancelled";
        case ErrorKind::io:
            return "io";
        case ErrorKind::internal:
            return "internal";
    }
    return "unknown";
}

std::string Error::describe() const {
    std::string text = fmt::format("{} (kind={}", message, to_string(kind));
    if (http_status != 0) text += fmt::format(" http={}", http_status);
    if (!code.empty()) text += fmt::format(" code={}", code);
    if (!request_id.empty()) text += fmt::format(" request_id={}", request_id);
    text += ')';
    // Parts of it came from the service; one line stays one line.
    return printable(text);
}

Error Error::with_context(std::string_view context) && {
    message.insert(0, ": ").insert(0, context);
    return std::move(*this);
}

}  // namespace xbucket
