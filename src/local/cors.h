// SPDX-FileCopyrightText: the xbucket authors
// Cross-origin access for browsers: every origin may ask, because the key decides, not the origin.
#pragma once

#include "reply.h"

namespace xbucket::local {

// To OPTIONS: what may be asked. Refusal: AccessForbidden without an Origin.
Outcome<Reply> preflight_reply(const Request& request);
// Access-Control-* where the request has an Origin; exposes ETag and all of the reply's own
// headers.
void add_cors_headers(Reply& reply, const Request& request);

}  // namespace xbucket::local
