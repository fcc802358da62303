// SPDX-FileCopyrightText: the xbucket authors
#include "customer_key.h"
#include "grants.h"
#include "metadata.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>

namespace xbucket::local {

namespace {

constexpr std::array<std::string_view, 6> kHttpNames = {"content-type",        "cache-control",
                                                        "content-disposition", "content-encoding",
                                                        "content-language",    "expires"};
constexpr size_t kOssMetadataMax = 8192;  // refused when it is this or more
constexpr size_t kS3MetadataMax = 2048;   // refused when it is more

// The bytes of an S3 value are taken for Latin-1 where they are not ASCII (protocol.md 4.4).
std::string latin1_to_utf8(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto u = static_cast<unsigned char>(c);
        if (u < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xc0 | (u >> 6));
            out += static_cast<char>(0x80 | (u & 0x3f));
        }
    }
    return out;
}

Outcome<void> check_oss_name(std::string_view name, const Request& request) {
    for (const char c : name) {
        const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (fine) continue;
        if (c == '_' && !request.anonymous) {
            return Refusal(403, "SignatureDoesNotMatch",
                           "The request signature we calculated does not match the signature you "
                           "provided. Check your key and signing method.",
                           "0002-00000040");
        }
        return Refusal(400, "InvalidArgument",
                       "The key of the user metadata may only hold letters, digits and '-'.",
                       "0011-00000004");
    }
    if (name.empty()) {
        return Refusal(400, "InvalidArgument", "A user metadata header has no name.",
                       "0011-00000004");
    }
    return {};
}

Outcome<void> take_user_metadata(const Request& request, Attributes& into) {
    const std::string_view prefix = request.oss() ? "x-oss-meta-" : "x-amz-meta-";
    for (const auto& header : request.headers) {
        if (header.name.size() < prefix.size() ||
            !iequals(std::string_view(header.name).substr(0, prefix.size()), prefix)) {
            continue;
        }
        const std::string name = to_lower(std::string_view(header.name).substr(prefix.size()));
        if (request.oss()) ASK(check_oss_name(name, request));
        for (const char c : header.value) {
            if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
                return Refusal(400, "InvalidArgument",
                               "A user metadata value holds control characters.", "0011-00000005");
            }
        }
        std::string value(trim_ows(header.value));
        if (!request.oss()) value = latin1_to_utf8(value);
        if (into.has(AttributeKind::user, name)) {
            value = fmt::format("{},{}", into.get(AttributeKind::user, name), value);
        }
        into.set(AttributeKind::user, name, std::move(value));
    }
    return {};
}

Outcome<void> check_metadata_size(const Request& request, const Attributes& attributes) {
    size_t total = 0;
    for (const auto& a : attributes.list()) {
        if (a.kind != AttributeKind::user) continue;
        total += a.name.size() + a.value.size() + (request.oss() ? 11 : 0);
    }
    if (request.oss() ? total >= kOssMetadataMax : total > kS3MetadataMax) {
        return Refusal(400, "MetadataTooLarge",
                       "Your metadata headers exceed the maximum allowed metadata size.",
                       "0011-00000002")
            .detail("Size", fmt::to_string(total))
            .detail("MaxSizeAllowed", request.oss() ? "8191" : "2048");
    }
    return {};
}

void take_http_headers(const Request& request, Attributes& into) {
    for (const std::string_view name : kHttpNames) {
        const auto value = request.headers.get(name);
        if (!value) continue;
        std::string text(trim_ows(*value));
        if (name == "content-encoding" && !request.oss()) {
            // The framing of the upload is not the object's encoding.
            std::string kept;
            std::string_view rest = text;
            while (!rest.empty()) {
                const size_t comma = rest.find(',');
                const std::string_view item = trim_ows(rest.substr(0, comma));
                rest =
                    comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
                if (item == "aws-chunked" || item.empty()) continue;
                if (!kept.empty()) kept += ',';
                kept += item;
            }
            text = std::move(kept);
        }
        if (!text.empty()) into.set(AttributeKind::http, name, std::move(text));
    }
}

// "k1:base64(v1),k2:base64(v2)" (protocol.md 2.1).
Outcome<void> take_persistent_headers(const Request& request, Attributes& into) {
    std::string_view rest = request.header("x-oss-persistent-headers");
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        const std::string_view item = trim_ows(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        const size_t colon = item.find(':');
        const auto value =
            colon == std::string_view::npos ? std::nullopt : base64_decode(item.substr(colon + 1));
        const std::string name = to_lower(item.substr(0, colon));
        if (!value || !is_safe_header_name(name) || !is_safe_header_value(*value)) {
            return invalid_argument("x-oss-persistent-headers is not NAME:BASE64[,...].",
                                    "x-oss-persistent-headers", std::string(item));
        }
        into.set(AttributeKind::persistent, name, *value);
    }
    return {};
}

Outcome<void> take_encryption(const Request& request, Attributes& into) {
    const std::string_view algorithm = request.ext("server-side-encryption");
    std::string customer_key = ASK(customer_key_of(request, ""));
    if (!algorithm.empty() && !customer_key.empty()) {
        return invalid_argument(
            "Server Side Encryption with Customer provided key is incompatible "
            "with the encryption method specified",
            "server-side-encryption", std::string(algorithm));
    }
    take_customer_key(std::move(customer_key), into);
    if (algorithm.empty()) return {};
    const bool known =
        request.oss()
            ? algorithm == "AES256" || algorithm == "KMS" || algorithm == "SM4"
            : algorithm == "AES256" || algorithm == "aws:kms" || algorithm == "aws:kms:dsse";
    if (!known) {
        return Refusal(400, request.oss() ? "InvalidEncryptionAlgorithmError" : "InvalidArgument",
                       "The encryption algorithm that you requested is not valid.");
    }
    into.set(AttributeKind::system, "sse", algorithm == "aws:kms" ? "KMS" : std::string(algorithm));
    const std::string_view key = request.oss()
                                     ? request.ext("server-side-encryption-key-id")
                                     : request.ext("server-side-encryption-aws-kms-key-id");
    if (!key.empty()) into.set(AttributeKind::system, "sse-key-id", std::string(key));
    const std::string_view data = request.ext("server-side-data-encryption");
    if (!data.empty()) into.set(AttributeKind::system, "sse-data", std::string(data));
    if (iequals(request.ext("server-side-encryption-bucket-key-enabled"), "true")) {
        into.set(AttributeKind::system, "sse-bucket-key", "true");
    }
    return {};
}

// Retention and legal hold, and S3's redirection.
Outcome<void> take_extras(const Request& request, int64_t now, Attributes& into) {
    using Names = std::pair<std::string_view, std::string_view>;
    static constexpr std::array<Names, 4> kOfS3 = {{
        {"website-redirect-location", "website-redirect"},
        {"object-lock-mode", "lock-mode"},
        {"object-lock-retain-until-date", "lock-until"},
        {"object-lock-legal-hold", "lock-hold"},
    }};
    static constexpr std::array<Names, 3> kOfOss = {{
        {"object-worm-mode", "lock-mode"},
        {"object-worm-retain-until-date", "lock-until"},
        {"object-worm-legal-hold", "lock-hold"},
    }};
    const std::span<const Names> names =
        request.oss() ? std::span<const Names>(kOfOss) : std::span<const Names>(kOfS3);
    for (const auto& [header, name] : names) {
        const std::string_view value = request.ext(header);
        if (!value.empty()) into.set(AttributeKind::system, name, std::string(value));
        if (!value.empty() && name == "lock-until") ASK(check_retention(value, now));
    }
    return {};
}

}  // namespace

Outcome<void> check_retention(std::string_view until, int64_t now) {
    const auto time = parse_iso8601(until);
    if (time && time->seconds() > now) return {};
    return invalid_argument("The retain until date must be in the future!",
                            "x-amz-object-lock-retain-until-date", std::string(until));
}

Outcome<NewMetadata> metadata_from(const Request& request, int64_t now) {
    NewMetadata metadata;
    take_http_headers(request, metadata.attributes);
    ASK(take_user_metadata(request, metadata.attributes));
    ASK(check_metadata_size(request, metadata.attributes));
    ASK(take_encryption(request, metadata.attributes));
    if (request.oss()) ASK(take_persistent_headers(request, metadata.attributes));
    ASK(take_extras(request, now, metadata.attributes));
    const std::string_view wire_class = request.ext("storage-class");
    if (!wire_class.empty()) {
        const auto stored = class_from_wire(wire_class);
        if (!stored) {
            return Refusal(400, request.oss() ? "InvalidArgument" : "InvalidStorageClass",
                           "The storage class you specified is not valid.")
                .detail("StorageClass", std::string(wire_class));
        }
        metadata.storage_class = *stored;
    }
    const std::string_view canned = request.oss() ? request.ext("object-acl") : request.ext("acl");
    const auto acl = acl_from_wire(canned);
    if (!acl) {
        return invalid_argument("The canned ACL is not known.", "acl", std::string(canned));
    }
    // S3's objects are private unless said otherwise; that is OSS's default as well.
    metadata.acl = !request.oss() && *acl == "private" ? "" : *acl;
    if (std::string grants = ASK(grants_from_headers(request)); !grants.empty())
        metadata.acl = std::move(grants);
    if (const auto tags = request.ext_if("tagging"); tags && !tags->empty()) {
        metadata.tags = ASK(tags_from_header(*tags, request.dialect));
    }
    return metadata;
}

void apply(NewMetadata metadata, ObjectRecord& record) {
    record.attributes = std::move(metadata.attributes);
    record.storage_class = std::move(metadata.storage_class);
    record.acl = std::move(metadata.acl);
    record.tags = std::move(metadata.tags);
}

Outcome<std::string> tags_from_pairs(const QueryParameters& pairs) {
    const auto bad = [&](std::string why, const std::string& tag) {
        return Refusal(400, "InvalidTag", std::move(why), "0010-00000209").detail("TagKey", tag);
    };
    const auto characters = [](const std::string& text) {
        return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        }));
    };
    if (pairs.size() > 10) {
        return Refusal(400, "InvalidTag", "Object tags cannot be greater than 10", "0010-00000207");
    }
    std::set<std::string> seen;
    std::string out;
    for (const auto& [name, value] : pairs) {
        if (name.empty() || characters(name) > 128)
            return bad("A tag's key is too long or empty.", name);
        if (characters(value) > 256) return bad("A tag's value is too long.", name);
        if (!seen.insert(name).second) return bad("A tag's key is given twice.", name);
        for (const std::string* text : {&name, &value}) {
            for (const char c : *text) {
                const auto u = static_cast<unsigned char>(c);
                const bool fine = u >= 0x80 || std::isalnum(u) != 0 ||
                                  std::string_view(" +-=._:/@").find(c) != std::string_view::npos;
                if (!fine) return bad("A tag holds a character that is not allowed.", name);
            }
        }
        if (!out.empty()) out += '&';
        out += percent_encode(name) + "=" + percent_encode(value);
    }
    return out;
}

Outcome<std::string> tags_from_header(std::string_view text, Dialect dialect) {
    QueryParameters pairs;
    while (!text.empty()) {
        const size_t amp = text.find('&');
        const std::string_view item = text.substr(0, amp);
        text = amp == std::string_view::npos ? std::string_view() : text.substr(amp + 1);
        const size_t equals = item.find('=');
        auto name = percent_decode(item.substr(0, equals), true);
        auto value = equals == std::string_view::npos
                         ? std::optional<std::string>("")
                         : percent_decode(item.substr(equals + 1), true);
        if (!name || !value ||
            (equals != std::string_view::npos &&
             item.find('=', equals + 1) != std::string_view::npos)) {
            return Refusal(400, dialect == Dialect::oss ? "InvalidTag" : "InvalidArgument",
                           "The tagging header is not URL-encoded KEY=VALUE&...", "0010-00000219");
        }
        pairs.emplace_back(std::move(*name), std::move(*value));
    }
    return tags_from_pairs(pairs);
}

QueryParameters tags_to_pairs(std::string_view stored) {
    QueryParameters pairs;
    while (!stored.empty()) {
        const size_t amp = stored.find('&');
        const std::string_view item = stored.substr(0, amp);
        stored = amp == std::string_view::npos ? std::string_view() : stored.substr(amp + 1);
        const size_t equals = item.find('=');
        pairs.emplace_back(percent_decode(item.substr(0, equals)).value_or(""),
                           percent_decode(item.substr(equals + 1)).value_or(""));
    }
    return pairs;
}

Outcome<void> check_key(const Request& request, std::string_view key) {
    if (request.oss()) {
        if (key.empty() || key.size() > 1023 || key[0] == '/' || key[0] == '\\') {
            return Refusal(400, "InvalidObjectName", "The specified object is not valid.",
                           "0016-00000003");
        }
    } else if (key.size() > 1024) {
        return Refusal(400, "KeyTooLongError", "Your key is too long")
            .detail("Size", fmt::to_string(key.size()))
            .detail("MaxSizeAllowed", "1024");
    }
    return {};
}

}  // namespace xbucket::local
