// SPDX-FileCopyrightText: the xbucket authors
// x-*-copy-source: "/bucket/url-encoded key[?versionId=...]", the slash before the key plain or
// escaped, the first one optional (protocol.md 3.1, 3.7).
#pragma once

#include "outcome.h"
#include "request.h"

#include <string>

namespace xbucket::local {

struct CopySource {
    std::string bucket;
    std::string key;
    std::string version;  // "" = current
};

// Refusal: InvalidArgument.
Outcome<CopySource> parse_copy_source(const Request& request);

}  // namespace xbucket::local
