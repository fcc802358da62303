// SPDX-FileCopyrightText: the xbucket authors
// What the three signature schemes share: gathering headers and query parameters into sorted
// canonical lines, and the key derivation of V4 and SigV4. Pure functions.
#pragma once

#include "xbucket/store/signing.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace xbucket::canonical {

// Lower-case name to the value(s) as signed; duplicates joined with ','.
using HeaderMap = std::map<std::string, std::string>;

// OSS signs values with outer blanks cut; S3 also makes one space of inner runs (protocol.md 1.3).
enum class Blanks { trim, collapse };
// Of the headers that are `wanted` by their lower-case name.
using Wanted = std::function<bool(std::string_view)>;
HeaderMap gather_headers(const Headers& headers, Blanks blanks, const Wanted& wanted);

// The value(s) of one header, joined like that; `name` in lower case.
void append_values(std::string& out, const Headers& headers, std::string_view name, Blanks blanks);

// "name:value\n" for each.
std::string header_lines(const HeaderMap& headers);

// Encoded pairs sorted by key, then value. OSS V4 writes an empty value as "k", AWS as "k=".
enum class EmptyValue { bare_key, with_equals };
std::string query_line(const QueryParameters& query, EmptyValue empty);

// "20231216/cn-hangzhou/oss/aliyun_v4_request"
std::string scope_line(const SigningScope& scope, std::string_view terminator);

// hex(HMAC(key, string to sign)), the key derived from `prefix` + secret through the scope.
struct V4Shape {
    std::string_view algorithm;   // first line of the string to sign
    std::string_view key_prefix;  // "aliyun_v4", "AWS4"
    std::string_view terminator;  // "aliyun_v4_request", "aws4_request"
};
std::string v4_signature(const V4Shape& shape, const Secret& secret, const SigningScope& scope,
                         std::string_view timestamp, std::string_view canonical_request);

}  // namespace xbucket::canonical
