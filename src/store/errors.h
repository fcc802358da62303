// SPDX-FileCopyrightText: the xbucket authors
// From a service's refusal to an Error that callers can switch on (protocol.md 2.2 and 8). Pure.
#pragma once

#include "xbucket/base/error.h"
#include "xbucket/http/message.h"

#include <optional>
#include <string_view>

namespace xbucket {

// The table of protocol.md 8; nullopt for codes that it does not know.
std::optional<ErrorKind> kind_of_code(std::string_view code);
// For replies without a (known) code.
ErrorKind kind_of_status(int status);

// The Error of a reply that is no success: from its XML body, from OSS's base64 x-oss-err (HEAD has
// no body), else from the status. `header_prefix` is "x-oss-" or "x-amz-". Sets hint (the endpoint
// or region a bucket lives at; the service's Date for clock skew) and retry_after.
Error parse_error(std::string_view header_prefix, const HttpResponse& response);

// An <Error> document with status 200 (copy and complete, protocol.md 3.7); nullopt when `body` is
// anything else.
std::optional<Error> parse_error_in_success(std::string_view header_prefix,
                                            const HttpResponse& response);

// Retry-After (seconds or a date), x-amz-retry-after and x-oss-qos-delay-time (milliseconds): the
// longest of them, at most 60 s; zero when none is there.
std::chrono::milliseconds retry_after_of(const Headers& headers);

}  // namespace xbucket
