// SPDX-FileCopyrightText: the xbucket authors
// Text encodings of the HTTP and object-storage world. Pure functions; thread-safe; decoders
// return nullopt for malformed input and never read out of bounds.
#pragma once

#include "xbucket/base/clock.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

std::string hex_encode(std::string_view bytes);  // lower case
std::optional<std::string> hex_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);                // with padding
std::optional<std::string> base64_decode(std::string_view text);  // strict: alphabet and padding

// RFC 3986: every byte but A-Z a-z 0-9 - . _ ~ becomes %XX (upper case). `keep_slash` leaves '/'.
std::string percent_encode(std::string_view bytes, bool keep_slash = false);
// %XX decoded; malformed escapes are nullopt. `plus_is_space` for form-encoded text.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

bool is_valid_utf8(std::string_view bytes);
// For logs and terminals: control characters, those that end a line or turn its direction, and
// invalid UTF-8 as \xNN, so that nothing forges a line. A backslash stays: this is for reading
// only.
std::string printable(std::string_view bytes);

std::string to_lower(std::string_view ascii);
bool iequals(std::string_view a, std::string_view b);        // ASCII case-insensitive
std::string_view trim_ows(std::string_view text);            // spaces and tabs
std::optional<uint64_t> parse_u64(std::string_view digits);  // whole text, no sign, no overflow
std::optional<int64_t> parse_i64(std::string_view digits);   // the same, or with one '-'

// "Wed, 28 Dec 2022 10:27:41 GMT"
std::string format_http_date(WallTime t);
std::optional<WallTime> parse_http_date(std::string_view text);
// "20231216T162057Z"
std::string format_basic_utc(WallTime t);
std::optional<WallTime> parse_basic_utc(std::string_view text);
// "2018-12-28T09:41:56.000Z"; parsing accepts no fraction or up to nine digits.
std::string format_iso8601(WallTime t);
std::optional<WallTime> parse_iso8601(std::string_view text);
// The same, or with an offset from UTC in place of the Z: "2018-12-28T17:41:56+08:00" (RFC 3339).
std::optional<WallTime> parse_rfc3339(std::string_view text);

// RFC 2047 encoded words. encode_rfc2047_b gives one or more "=?UTF-8?B?...?=" words of at most 75
// characters, joined by one space, never splitting a UTF-8 sequence. decode_rfc2047 decodes a
// text made wholly of encoded words (B or Q, UTF-8 or US-ASCII or ISO-8859-1, any case), white
// space between them dropped; nullopt when `text` is anything else or the result is not UTF-8.
// The empty text is "=?UTF-8?B??=".
std::string encode_rfc2047_b(std::string_view utf8);
std::optional<std::string> decode_rfc2047(std::string_view text);

}  // namespace xbucket
