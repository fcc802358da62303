// SPDX-FileCopyrightText: the xbucket authors
// The independent GET, with libcurl's easy interface.
#include "support/plain_get.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

namespace xbucket::testing {

namespace {

size_t collect(char* bytes, size_t size, size_t count, void* into) {
    static_cast<std::string*>(into)->append(bytes, size * count);
    return size * count;
}

}  // namespace

Result<std::string> plain_get(const std::string& url) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                   &curl_easy_cleanup);
    CHECK(curl != nullptr);
    std::string body;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &collect);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) return fail(ErrorKind::network, curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return body;
    Error error(status == 403   ? ErrorKind::access_denied
                : status == 404 ? ErrorKind::not_found
                                : ErrorKind::bad_reply,
                fmt::format("HTTP status {}: {}", status, body));
    error.http_status = static_cast<int>(status);
    return error;
}

}  // namespace xbucket::testing
