// SPDX-FileCopyrightText: the xbucket authors
// A GET that shares no code with xbucket's own HTTP layer: what a browser would do with a URL.
#pragma once

#include "xbucket/base/result.h"

#include <string>

namespace xbucket::testing {

// The body of a 2xx reply. Other statuses are access_denied (403), not_found (404) or bad_reply
// with Error::http_status set and the body in the message. No redirects, no proxy, no credentials.
Result<std::string> plain_get(const std::string& url);

}  // namespace xbucket::testing
