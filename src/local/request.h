// SPDX-FileCopyrightText: the xbucket authors
// A request as it came: the raw target (signatures are over the bytes on the wire), its decoded
// query, its headers, and, once address.h has looked at it, the dialect, bucket and key it means.
#pragma once

#include "xbucket/http/message.h"
#include "xbucket/store/signing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket::local {

enum class Dialect { oss, s3 };

// Confined to the request's own thread at any time.
class Request {
  public:
    std::string method;
    std::string raw_path;   // encoded, starting with '/'
    std::string raw_query;  // without '?'
    QueryParameters query;  // decoded; '+' is a space as in forms
    Headers headers;

    Dialect dialect = Dialect::oss;
    std::string bucket;  // "" = the service itself
    std::string key;     // raw bytes; "" = the bucket itself
    bool path_style = true;
    bool anonymous = true;  // not signed
    bool presigned = false;
    std::string payload_hash;  // SigV4 x-amz-content-sha256 (or presigned's literal)

    // Splits the target of the request line. False when an escape is malformed.
    bool parse_target(std::string_view target);

    // nullptr when absent; the first when repeated.
    const std::string* param(std::string_view name) const;
    bool has_param(std::string_view name) const { return param(name) != nullptr; }
    std::string_view header(std::string_view name) const { return headers.value_or_empty(name); }
    // x-oss-NAME or x-amz-NAME, by dialect.
    std::string_view ext(std::string_view name) const;
    std::optional<std::string_view> ext_if(std::string_view name) const;
    std::string_view prefix() const { return dialect == Dialect::oss ? "x-oss-" : "x-amz-"; }
    bool oss() const { return dialect == Dialect::oss; }
    bool is_head() const { return method == "HEAD"; }
};

}  // namespace xbucket::local
