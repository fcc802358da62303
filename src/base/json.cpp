// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/json.h"

#include "xbucket/base/encoding.h"

namespace xbucket {

std::string json_string(std::string_view bytes) {
    std::string out = "\"";
    for (const char c : printable(bytes)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace xbucket
