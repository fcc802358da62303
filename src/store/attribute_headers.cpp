// SPDX-FileCopyrightText: the xbucket authors
// ObjectAttributes <-> headers: everything that a REPLACE copy or an upload must carry (protocol.md
// 2.1, 2.2, 3.2, 3.7). Values pass through as they are on the wire.
#include "dialect.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

// "Content-Type" for content_type: the usual spelling on the wire.
std::string_view wire_name(HttpField field) {
    switch (field) {
        case HttpField::content_type:
            return "Content-Type";
        case HttpField::cache_control:
            return "Cache-Control";
        case HttpField::content_disposition:
            return "Content-Disposition";
        case HttpField::content_encoding:
            return "Content-Encoding";
        case HttpField::content_language:
            return "Content-Language";
        case HttpField::expires:
            return "Expires";
    }
    return "";
}

std::string encode_tags(const Tags& tags) {
    std::string out;
    for (const auto& [key, value] : tags) {
        if (!out.empty()) out += '&';
        out.append(percent_encode(key)).append("=").append(percent_encode(value));
    }
    return out;
}

Error bad_number(std::string_view name, std::string_view value) {
    return fail(ErrorKind::bad_reply,
                fmt::format("the reply's header {} is no number: \"{}\"", name, printable(value)));
}

// nullopt when the header, named by two pieces, is not there.
Result<std::optional<uint64_t>> read_number(const Headers& headers, std::string_view prefix,
                                            std::string_view rest, uint64_t max) {
    const auto value = headers.get(prefix, rest);
    if (!value || trim_ows(*value).empty()) return std::optional<uint64_t>();
    const auto number = parse_u64(trim_ows(*value));
    if (!number || *number > max) return bad_number(std::string(prefix).append(rest), *value);
    return std::optional<uint64_t>(*number);
}

ObjectType parse_type(std::string_view text) {
    if (iequals(text, "Normal") || text.empty()) return ObjectType::normal;
    if (iequals(text, "Multipart")) return ObjectType::multipart;
    if (iequals(text, "Appendable")) return ObjectType::appendable;
    if (iequals(text, "Symlink")) return ObjectType::symlink;
    return ObjectType::unknown;
}

void read_user_metadata(const Headers& headers, std::string_view meta_prefix, UserMetadata& user) {
    for (const HeaderView header : headers) {
        const std::string_view name = header.name;
        if (name.size() <= meta_prefix.size() ||
            !iequals(name.substr(0, meta_prefix.size()), meta_prefix))
            continue;
        auto [it, inserted] =
            user.try_emplace(to_lower(name.substr(meta_prefix.size())), header.value);
        // The same name twice is one entry (protocol.md 4.3).
        if (!inserted) it->second.append(",").append(header.value);
    }
}

constexpr uint64_t kSizeMax = INT64_MAX;

}  // namespace

void drop_ended_retention(ObjectLock& lock, WallTime now) {
    const auto until = parse_rfc3339(lock.retain_until);
    if (!until || now == WallTime{} || *until > now) return;
    lock.mode.clear();
    lock.retain_until.clear();
}

Result<void> add_safe_header(Headers& headers, std::string_view name, std::string_view value) {
    if (!is_safe_header_name(name)) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("\"{}\" cannot be a header's name", printable(name)));
    }
    if (!is_safe_header_value(value)) {
        return fail(
            ErrorKind::invalid_argument,
            fmt::format("the value of {} has control characters, which no header can carry", name));
    }
    headers.add(name, value);
    return {};
}

bool is_bare_attachment(std::string_view disposition) {
    return iequals(trim_ows(disposition), "attachment");
}

std::string quote_etag(const ETag& etag) { return "\"" + etag.str() + "\""; }

std::string checksum_word(Checksum::Kind kind) {
    std::string word(to_string(kind));
    for (char& c : word)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return word;
}

ETag unquote_etag(std::string_view text) {
    text = trim_ows(text);
    if (text.starts_with("W/")) text.remove_prefix(2);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    return ETag(text);
}

std::string Dialect::own_value(const Headers& headers, std::string_view name) const {
    return std::string(trim_ows(headers.get(prefix_, name).value_or("")));
}

// They add a bare word: whatever says more is stored.
bool Dialect::adds_disposition(const Headers& headers) const {
    if (!is_bare_attachment(headers.value_or_empty("content-disposition"))) return false;
    const auto says_so = [&headers](std::string_view name) {
        return iequals(trim_ows(headers.value_or_empty(name)), "true");
    };
    return says_so(own("force-download")) || says_so("x-oss-force-download") ||
           says_so("x-cos-force-download");
}

bool Dialect::is_own(std::string_view header_name) const {
    return header_name.size() > prefix_.size() &&
           iequals(header_name.substr(0, prefix_.size()), prefix_);
}

Result<void> Dialect::add_attributes(Headers& headers, const ObjectAttributes& attributes,
                                     Purpose purpose) const {
    for (const HttpField field : kHttpFields) {
        if (const auto& value = attributes[field]) {
            TRY(add_safe_header(headers, wire_name(field), *value));
        }
    }
    for (const auto& [name, value] : attributes.user) {
        TRY(add_safe_header(headers, own("meta-") + name, value));
    }
    if (!attributes.storage_class.empty()) {
        TRY(add_safe_header(headers, own("storage-class"), attributes.storage_class));
    }
    add_customer_key(headers, KeyOf::object);
    // One or the other: services refuse both.
    if (!attributes.sse.empty() && config_.customer_key.empty()) {
        TRY(add_encryption(headers, attributes.sse));
    }
    if (!attributes.acl.empty() && attributes.acl != traits_.default_acl) {
        TRY(add_acl(headers, attributes.acl));
    }
    if (attributes.tags) {
        // Without the directive a copy keeps the source's tags and ignores these.
        if (purpose == Purpose::copy) {
            headers.add(own("tagging-directive"), replace_word());
        }
        if (!attributes.tags->empty()) {
            TRY(add_safe_header(headers, own("tagging"), encode_tags(*attributes.tags)));
        }
    }
    return add_own_attributes(headers, attributes);
}

Result<void> Dialect::add_acl(Headers& headers, const std::string& acl) const {
    return add_safe_header(headers, acl_header(), acl);
}

Result<std::optional<uint64_t>> Dialect::parse_crc64(const Headers& headers) const {
    return read_number(headers, prefix_, "hash-crc64ecma", UINT64_MAX);
}

Result<ObjectInfo> Dialect::parse_object(const Headers& headers,
                                         std::optional<uint64_t> size) const {
    ObjectInfo info;
    info.etag = unquote_etag(headers.value_or_empty("etag"));
    // A captive portal's page has neither (reliability.md 49).
    if (info.etag.empty()) {
        return fail(ErrorKind::bad_reply,
                    "the reply has no ETag: it is not from an object service");
    }
    if (!size) size = TRY(read_number(headers, "", "content-length", kSizeMax));
    if (!size) return fail(ErrorKind::bad_reply, "the reply does not say the object's size");
    info.size = *size;

    const auto modified = parse_http_date(trim_ows(headers.value_or_empty("last-modified")));
    if (!modified) return fail(ErrorKind::bad_reply, "the reply has no valid Last-Modified");
    info.last_modified = *modified;
    if (const auto date = parse_http_date(trim_ows(headers.value_or_empty("date")))) {
        info.date = *date;
    }
    for (const HttpField field : kHttpFields) {
        if (const auto value = headers.get(to_string(field))) {
            info.attributes[field] = std::string(*value);
        }
    }
    if (adds_disposition(headers)) info.attributes[HttpField::content_disposition].reset();
    read_user_metadata(headers, own("meta-"), info.attributes.user);
    info.attributes.storage_class = own_value(headers, "storage-class");
    info.attributes.sse.algorithm = own_value(headers, "server-side-encryption");
    info.attributes.sse.customer_key =
        !own_value(headers, "server-side-encryption-customer-algorithm").empty();
    info.version_id = VersionId(own_value(headers, "version-id"));
    info.restore = own_value(headers, "restore");
    info.expiration = own_value(headers, "expiration");
    info.replication_status = own_value(headers, "replication-status");
    info.request_id = own_value(headers, "request-id");
    info.type = parse_type(own_value(headers, "object-type"));

    info.crc64 = TRY(parse_crc64(headers));
    info.next_append_position =
        TRY(read_number(headers, prefix_, "next-append-position", kSizeMax));
    if (const auto tags = TRY(read_number(headers, prefix_, "tagging-count", UINT32_MAX))) {
        info.tag_count = static_cast<unsigned>(*tags);
    }
    if (const auto missing = TRY(read_number(headers, prefix_, "missing-meta", UINT32_MAX))) {
        info.missing_metadata = static_cast<unsigned>(*missing);
    }
    read_own_attributes(headers, info);
    drop_ended_retention(info.attributes.lock, info.date);
    return info;
}

}  // namespace xbucket
