// SPDX-FileCopyrightText: the xbucket authors
#include "key_document.h"

#include "json.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

Error bad(std::string_view what, std::string_view why) {
    return fail(ErrorKind::bad_reply, fmt::format("{} {}", what, why));
}

Result<void> check_part(std::string_view text, std::string_view name, size_t bytes_max) {
    const bool visible =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (visible && text.size() <= bytes_max) return {};
    return fail(ErrorKind::bad_credentials,
                fmt::format("the {} is {}", name,
                            visible ? "too long to be one"
                                    : "not visible ASCII, so no request could carry it"));
}

}  // namespace

Result<void> check_key(const Credentials& credentials) {
    TRY(check_part(credentials.access_key_id, "access key id", 256));
    TRY(check_part(credentials.access_key_secret.reveal(), "access key secret", 4096));
    return check_part(credentials.session_token.reveal(), "session token", 16U << 10);
}

Result<Credentials> parse_key_document(std::string_view text, std::string_view what) {
    const SecretJson document = TRY(parse_json_object(text, what));
    const Json& object = *document;
    if (const auto code = text_member(object, "Code"); code && *code != "Success") {
        return bad(what, fmt::format("says Code {}", printable(code->substr(0, 100))));
    }
    if (object.contains("Version") && number_member(object, "Version") != 1) {
        return bad(what, "has a Version other than 1");
    }
    Credentials key;
    key.access_key_id = first_text(object, {"AccessKeyId", "access_key_id", "accessKeyId"});
    key.access_key_secret = Secret(first_text(
        object, {"AccessKeySecret", "SecretAccessKey", "access_key_secret", "accessKeySecret"}));
    key.session_token = Secret(first_text(
        object, {"SecurityToken", "SessionToken", "Token", "sts_token", "securityToken"}));
    if (key.access_key_id.empty()) return bad(what, "has no AccessKeyId");
    if (key.access_key_secret.empty()) {
        return bad(what, "has neither AccessKeySecret nor SecretAccessKey");
    }
    const std::string expiration = first_text(object, {"Expiration", "expiration"});
    if (!expiration.empty()) {
        key.expiration = parse_rfc3339(expiration);
        if (!key.expiration) return bad(what, "has an Expiration that is no time (RFC 3339)");
    } else if (object.contains("Expiration") && !object.at("Expiration").is_null() &&
               !object.at("Expiration").is_string()) {
        return bad(what, "has an Expiration that is no text");
    }
    if (auto fits = check_key(key); !fits) {
        return bad(what, fmt::format("cannot be used: {}", fits.error().message));
    }
    return key;
}

}  // namespace xbucket
