// SPDX-FileCopyrightText: the xbucket authors
// The wall in front of the wire: what must never be sent is refused here.
#pragma once

#include "xbucket/http/message.h"

namespace xbucket {

// Checks origin and target (nothing that could end the request line), header names and values
// (nothing that could end a header), headers that only the transport may make, and that only PUT
// and POST have bodies. `upload_bytes` is the length of the body. Errors: invalid_argument.
Result<void> check_request(const HttpRequest& request, uint64_t upload_bytes);

}  // namespace xbucket
