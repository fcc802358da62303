// SPDX-FileCopyrightText: the xbucket authors
#include "copy_source.h"

#include "reply.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

Outcome<CopySource> parse_copy_source(const Request& request) {
    const std::string_view wire = request.ext("copy-source");
    const auto bad = [&] {
        return invalid_argument(
            "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.",
            std::string(request.prefix()) + "copy-source", std::string(wire));
    };
    CopySource source;
    std::string_view path = wire;
    // A literal '?' in a key is escaped, so the first plain one starts the query.
    if (const size_t mark = wire.find('?'); mark != std::string_view::npos) {
        path = wire.substr(0, mark);
        const std::string_view query = wire.substr(mark + 1);
        if (query.starts_with("versionId=")) {
            const auto version = percent_decode(query.substr(10));
            if (!version) return bad();
            source.version = *version;
        }
    }
    const auto decoded = percent_decode(path);
    if (!decoded) return bad();
    std::string_view rest = *decoded;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size()) return bad();
    source.bucket = std::string(rest.substr(0, slash));
    source.key = std::string(rest.substr(slash + 1));
    return source;
}

}  // namespace xbucket::local
