// SPDX-FileCopyrightText: the xbucket authors
#include "customer_key.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

namespace xbucket::local {

namespace {

constexpr std::string_view kStored = "customer-key-md5";

std::string header_name(std::string_view prefix, std::string_view part) {
    return std::string(prefix) + "server-side-encryption-customer-" + std::string(part);
}

}  // namespace

Outcome<std::string> customer_key_of(const Request& request, std::string_view prefix) {
    const std::string_view algorithm = request.ext(header_name(prefix, "algorithm"));
    const std::string_view key = request.ext(header_name(prefix, "key"));
    const std::string_view told = request.ext(header_name(prefix, "key-MD5"));
    if (algorithm.empty() && key.empty() && told.empty()) return std::string();
    const auto bytes = base64_decode(key);
    constexpr size_t kKeyBytes = 32;
    if (algorithm != "AES256" || !bytes || bytes->size() != kKeyBytes ||
        base64_encode(md5(*bytes)) != told) {
        return invalid_argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide "
            "AES256, a key of 32 bytes and the MD5 of that key.",
            header_name(prefix, "key-MD5"), std::string(told));
    }
    return std::string(told);
}

Outcome<void> check_customer_key(const Request& request, std::string_view prefix,
                                 const Attributes& attributes) {
    const std::string given = ASK(customer_key_of(request, prefix));
    const std::string_view wanted = attributes.get(AttributeKind::system, kStored);
    if (given == wanted) return {};
    if (wanted.empty()) {
        return Refusal(400, "InvalidRequest",
                       "The encryption parameters are not applicable to this object.");
    }
    if (given.empty()) {
        return Refusal(400, "InvalidRequest",
                       "The object was stored using a form of Server Side Encryption. The correct "
                       "parameters must be provided to retrieve the object.");
    }
    return Refusal(403, "AccessDenied", "Access Denied because of another encryption key.");
}

void take_customer_key(std::string key_md5, Attributes& into) {
    if (!key_md5.empty()) into.set(AttributeKind::system, kStored, std::move(key_md5));
}

bool has_customer_key(const Attributes& attributes) {
    return attributes.has(AttributeKind::system, kStored);
}

void make_etag_opaque(ObjectRecord& record) {
    if (has_customer_key(record.attributes)) record.etag = hex_encode(random_bytes(16));
}

void add_customer_key_headers(Reply& reply, const Request& request, const Attributes& attributes) {
    if (!has_customer_key(attributes)) return;
    const std::string prefix(request.prefix());
    reply.add(prefix + header_name("", "algorithm"), "AES256");
    reply.add(prefix + header_name("", "key-MD5"), attributes.get(AttributeKind::system, kStored));
}

}  // namespace xbucket::local
