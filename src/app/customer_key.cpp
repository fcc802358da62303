// SPDX-FileCopyrightText: the xbucket authors
#include "customer_key.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/private_file.h"

#include <fmt/format.h>

#include <optional>

namespace xbucket::app {
namespace {

constexpr size_t kKeyBytes = 32;

std::optional<std::string> decode(std::string_view text) {
    if (text.size() == kKeyBytes) return std::string(text);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    text = trim_ows(text);
    auto bytes = text.size() == 2 * kKeyBytes ? hex_decode(text) : base64_decode(text);
    if (!bytes || bytes->size() == kKeyBytes) return bytes;
    wipe(*bytes);
    return std::nullopt;
}

}  // namespace

Result<Secret> read_customer_key(const std::string& path) {
    PrivateFile file = TRY(read_private_file(path));
    auto readable = check_unreadable_by_others(file);
    auto bytes = decode(file.text);
    wipe(file.text);
    std::optional<Secret> key;
    if (bytes) {
        key.emplace(*bytes);
        wipe(*bytes);
    }
    TRY(std::move(readable));
    if (!key)
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{} holds no key for SSE-C, which is 32 bytes, or those in base64; "
                                "make one: openssl rand -base64 32",
                                path));
    return *std::move(key);
}

}  // namespace xbucket::app
