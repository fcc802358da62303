// SPDX-FileCopyrightText: the xbucket authors
// Which dialect a request speaks and which bucket and key it means, path style or Host style.
//
// Clients behind an IP endpoint may force a Host of BUCKET.REGION.aliyuncs.com whatever the path
// says (protocol.md 10), so a Host that names a bucket does not settle it: where the path's first
// segment names the same bucket there are two readings, and the signature, which covers bucket
// and key, decides (auth.h tries them in order).
#pragma once

#include "outcome.h"
#include "request.h"

#include <functional>
#include <string>
#include <vector>

namespace xbucket::local {

struct Address {
    std::string bucket;
    std::string key;
    bool path_style = true;
};

// By Authorization's scheme, then query parameters, then x-amz-* headers or an S3 host name.
Dialect dialect_of(const Request& request);

// One or two readings, the likelier first. Refusal: InvalidURI for malformed escapes.
Outcome<std::vector<Address>> addresses_of(const Request& request,
                                           const std::function<bool(const std::string&)>& exists);

}  // namespace xbucket::local
