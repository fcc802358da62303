// SPDX-FileCopyrightText: the xbucket authors
#include "canonical.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <algorithm>
#include <optional>

namespace xbucket::canonical {
namespace {

std::string collapse_blanks(std::string_view value) {
    std::string out;
    out.reserve(value.size());
    for (const char c : value) {
        const bool blank = c == ' ' || c == '\t';
        if (!blank) {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::string as_signed(std::string_view value, Blanks blanks) {
    return blanks == Blanks::collapse ? collapse_blanks(value) : std::string(trim_ows(value));
}

// The last derived key of this thread, ready to sign with. Requests of a mount share one secret and
// one scope a day, so one entry hits nearly always; it never leaves the thread, so it needs no
// lock.
struct DerivedKey {
    Secret secret;
    std::string scope;
    std::optional<HmacSha256> key;
};

// In one piece of memory that is wiped.
Secret seed_of(std::string_view prefix, const Secret& secret) {
    std::string text;
    text.reserve(prefix.size() + secret.reveal().size());
    text.append(prefix).append(secret.reveal());
    Secret seed(text);
    wipe(text);
    return seed;
}

HmacSha256& derived_key(const V4Shape& shape, const Secret& secret, const SigningScope& scope,
                        const std::string& line) {
    thread_local DerivedKey cached;
    if (cached.scope != line || !(cached.secret == secret)) {
        const Secret seed = seed_of(shape.key_prefix, secret);
        const Secret date(hmac_sha256(seed.reveal(), scope.date));
        const Secret region(hmac_sha256(date.reveal(), scope.region));
        const Secret product(hmac_sha256(region.reveal(), scope.product));
        const Secret key(hmac_sha256(product.reveal(), shape.terminator));
        cached.key.emplace(key.reveal());
        cached.secret = secret;
        cached.scope = line;
    }
    return *cached.key;
}

}  // namespace

void append_values(std::string& out, const Headers& headers, std::string_view name, Blanks blanks) {
    bool first = true;
    for (const HeaderView header : headers) {
        if (!iequals(header.name, name)) continue;
        if (!first) out += ',';
        first = false;
        const std::string_view value = header.value;
        const bool blanks_in_it = value.find(' ') != value.npos || value.find('\t') != value.npos;
        if (blanks_in_it)
            out.append(as_signed(value, blanks));
        else
            out.append(value);
    }
}

HeaderMap gather_headers(const Headers& headers, Blanks blanks, const Wanted& wanted) {
    HeaderMap out;
    for (const HeaderView header : headers) {
        std::string name = to_lower(header.name);
        if (!wanted(name)) continue;
        const std::string value = as_signed(header.value, blanks);
        auto [it, inserted] = out.try_emplace(std::move(name), value);
        if (!inserted) it->second += "," + value;
    }
    return out;
}

std::string header_lines(const HeaderMap& headers) {
    std::string out;
    for (const auto& [name, value] : headers) {
        out.append(name).append(":").append(value).append("\n");
    }
    return out;
}

std::string query_line(const QueryParameters& query, EmptyValue empty) {
    std::vector<std::pair<std::string, std::string>> encoded;
    encoded.reserve(query.size());
    for (const auto& [key, value] : query) {
        encoded.emplace_back(percent_encode(key), percent_encode(value));
    }
    std::sort(encoded.begin(), encoded.end());
    std::string out;
    for (const auto& [key, value] : encoded) {
        if (!out.empty()) out += '&';
        out += key;
        if (!value.empty() || empty == EmptyValue::with_equals) out.append("=").append(value);
    }
    return out;
}

std::string scope_line(const SigningScope& scope, std::string_view terminator) {
    std::string out;
    out.reserve(64);
    out.append(scope.date)
        .append("/")
        .append(scope.region)
        .append("/")
        .append(scope.product)
        .append("/");
    return out.append(terminator);
}

std::string v4_signature(const V4Shape& shape, const Secret& secret, const SigningScope& scope,
                         std::string_view timestamp, std::string_view canonical_request) {
    const std::string line = scope_line(scope, shape.terminator);
    std::string string_to_sign(shape.algorithm);
    string_to_sign.append("\n").append(timestamp).append("\n").append(line).append("\n");
    string_to_sign.append(hex_encode(sha256(canonical_request)));
    return hex_encode(derived_key(shape, secret, scope, line).of(string_to_sign));
}

}  // namespace xbucket::canonical
