// SPDX-FileCopyrightText: the xbucket authors
#include "json_text.h"

#include "xbucket/base/encoding.h"

namespace xbucket::app {

Json json_of_bytes(const std::string& bytes) {
    if (is_valid_utf8(bytes)) return bytes;
    return Json{{"base64", base64_encode(bytes)}};
}

std::string json_line(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace xbucket::app
