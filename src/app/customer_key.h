// SPDX-FileCopyrightText: the xbucket authors
// The file that --sse-c-key names.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"

#include <string>

namespace xbucket::app {

// 32 bytes as they are, or in base64 or hexadecimal digits on a line of their own. Errors:
// not_found, access_denied (others may read it, or it is no plain file) and invalid_argument, each
// with what to do.
Result<Secret> read_customer_key(const std::string& path);

}  // namespace xbucket::app
