// SPDX-FileCopyrightText: the xbucket authors
// Attribute values <-> header values (protocol.md 4.4). What a header can carry unharmed through
// every service stands as it is: printable ASCII without leading, trailing or doubled spaces.
// The rest becomes visible ASCII of one shape, "=?CHARSET?B?base64?=":
//   valid UTF-8 text       RFC 2047 encoded words, which S3's own tools read
//   any other bytes        =?binary?B?...?=  (no charset of that name exists, so nobody decodes it)
//   the empty value        =?UTF-8?B??=      (some services drop empty headers)
// Literal text of that shape is encoded too, so nothing that we write can be mistaken.
#pragma once

#include <string>
#include <string_view>

namespace xbucket {

std::string encode_header_value(std::string_view value);
// Total: what is no encoded form, also raw bytes above 0x7f, is the value itself.
std::string decode_header_value(std::string_view header);
// True when `value` may stand in a plain HTTP field: printable ASCII without spaces at the ends,
// not empty.
bool is_plain_field_value(std::string_view value);

}  // namespace xbucket
