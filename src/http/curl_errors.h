// SPDX-FileCopyrightText: the xbucket authors
// libcurl's error codes in our terms.
#pragma once

#include "xbucket/base/error.h"

#include <curl/curl.h>

namespace xbucket {

// `label` says what was being done ("PUT https://host: "); `detail` is libcurl's error text, empty
// where it has none; `os_error` the errno of the connection, 0 where there is none; `verify_result`
// what the TLS library thought of the server's certificate.
Error error_from_curl(CURLcode code, std::string_view label, std::string_view detail, int os_error,
                      long verify_result);

}  // namespace xbucket
