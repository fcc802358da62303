// SPDX-FileCopyrightText: the xbucket authors
#include "customer_key.h"
#include "metadata.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xbucket::local {

namespace {

// What OSS derives from the extension (protocol.md 4.8); the services' own table is longer.
struct ExtensionType {
    std::string_view extension;
    std::string_view type;
};
constexpr std::array<ExtensionType, 56> kTypes = {{
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/x-aac"},
    {"avi", "video/x-msvideo"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/x-flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/x-icon"},
    {"ics", "text/calendar"},
    {"jar", "application/java-archive"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "application/javascript"},
    {"json", "application/json"},
    {"log", "text/plain"},
    {"md", "text/markdown"},
    {"mid", "audio/midi"},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"oga", "audio/ogg"},
    {"ogg", "application/ogg"},
    {"ogv", "video/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xml", "application/xml"},
    {"yaml", "text/yaml"},
    {"zip", "application/zip"},
}};

// Header spelling for the six stored HTTP headers, which are kept in lower case.
std::string_view spelling(std::string_view name) {
    if (name == "content-type") return "Content-Type";
    if (name == "cache-control") return "Cache-Control";
    if (name == "content-disposition") return "Content-Disposition";
    if (name == "content-encoding") return "Content-Encoding";
    if (name == "content-language") return "Content-Language";
    if (name == "expires") return "Expires";
    return name;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string s3_value(const std::string& stored) {
    // S3 shows what is not ASCII as encoded words (protocol.md 4.4).
    if (is_ascii(stored)) return stored;
    if (is_valid_utf8(stored)) return encode_rfc2047_b(stored);
    return fmt::format("=?ISO-8859-1?B?{}?=", base64_encode(stored));
}

void add_lock(Reply& reply, bool oss, const Attribute& a) {
    if (oss && a.name == "lock-hold" && a.value != "ON") return;
    const std::string prefix = oss ? "x-oss-object-worm-" : "x-amz-object-lock-";
    const std::string_view what = a.name == "lock-mode"    ? "mode"
                                  : a.name == "lock-until" ? "retain-until-date"
                                                           : "legal-hold";
    reply.add(prefix + std::string(what), a.value);
}

void add_metadata(Reply& reply, const Request& request, const Attributes& attributes) {
    const bool oss = request.oss();
    // A checksum is of the whole object: with a part of it, clients would find it wrong.
    const bool checksums = reply.status != 206 && iequals(request.ext("checksum-mode"), "ENABLED");
    for (const auto& a : attributes.list()) {
        switch (a.kind) {
            case AttributeKind::http: {
                const std::string parameter = "response-" + a.name;
                if (const std::string* wanted = request.param(parameter)) {
                    reply.add(spelling(a.name), *wanted);
                } else {
                    reply.add(spelling(a.name), a.value);
                }
                break;
            }
            case AttributeKind::user:
                reply.headers.push_back({(oss ? "x-oss-meta-" : "x-amz-meta-") + a.name,
                                         oss ? a.value : s3_value(a.value)});
                break;
            case AttributeKind::persistent:
                reply.add(a.name, a.value);
                break;
            case AttributeKind::system:
                if (a.name.starts_with("lock-")) {
                    add_lock(reply, oss, a);
                } else if (oss) {
                    break;
                } else if (a.name == "website-redirect") {
                    reply.add("x-amz-website-redirect-location", a.value);
                } else if (checksums && a.name.starts_with("checksum-")) {
                    reply.add("x-amz-" + a.name, a.value);
                }
                break;
        }
    }
}

// Parameters such as response-content-language may name a header that the object does not have.
void add_response_overrides(Reply& reply, const Request& request, const Attributes& attributes) {
    for (const auto& [name, value] : request.query) {
        if (!name.starts_with("response-")) continue;
        const std::string_view header = std::string_view(name).substr(9);
        if (spelling(header) == header || attributes.has(AttributeKind::http, header)) continue;
        if (is_safe_header_value(value)) reply.add(spelling(header), value);
    }
}

void add_restore(Reply& reply, const Request& request, const ObjectRecord& record, int64_t now) {
    if (record.restore_ready == 0 || now >= record.restore_until) return;
    const std::string name = std::string(request.prefix()) + "restore";
    if (now < record.restore_ready) {
        reply.add(name, "ongoing-request=\"true\"");
    } else {
        reply.add(name,
                  fmt::format("ongoing-request=\"false\", expiry-date=\"{}\"",
                              format_http_date(WallTime::from_seconds(record.restore_until))));
    }
}

}  // namespace

std::string default_content_type(std::string_view key, Dialect dialect) {
    if (dialect == Dialect::s3) return "binary/octet-stream";
    const size_t dot = key.rfind('.');
    const size_t slash = key.rfind('/');
    if (dot != std::string_view::npos && (slash == std::string_view::npos || dot > slash)) {
        const std::string extension = to_lower(key.substr(dot + 1));
        for (const auto& t : kTypes) {
            if (t.extension == extension) return std::string(t.type);
        }
    }
    return "application/octet-stream";
}

void add_sse_headers(Reply& reply, const Request& request, const Attributes& attributes) {
    add_customer_key_headers(reply, request, attributes);
    const std::string_view algorithm = attributes.get(AttributeKind::system, "sse");
    if (algorithm.empty()) return;
    const std::string_view key = attributes.get(AttributeKind::system, "sse-key-id");
    if (request.oss()) {
        reply.add("x-oss-server-side-encryption",
                  algorithm.starts_with("aws:kms") ? "KMS" : algorithm);
        if (!key.empty()) reply.add("x-oss-server-side-encryption-key-id", key);
        const std::string_view data = attributes.get(AttributeKind::system, "sse-data");
        if (!data.empty()) reply.add("x-oss-server-side-data-encryption", data);
    } else {
        reply.add("x-amz-server-side-encryption", algorithm == "KMS" ? "aws:kms" : algorithm);
        if (!key.empty()) reply.add("x-amz-server-side-encryption-aws-kms-key-id", key);
        if (attributes.has(AttributeKind::system, "sse-bucket-key")) {
            reply.add("x-amz-server-side-encryption-bucket-key-enabled", "true");
        }
    }
}

void add_object_headers(Reply& reply, const Request& request, const BucketState& bucket,
                        const ObjectRecord& record, const ObjectRecord* link, int64_t now) {
    const ObjectRecord& named = link != nullptr ? *link : record;
    reply.headers.reserve(reply.headers.size() + named.attributes.list().size() + 12);
    reply.add("ETag", quoted_etag(record, request.dialect));
    reply.add("Last-Modified",
              format_http_date(WallTime::from_seconds(std::max(record.mtime, named.mtime))));
    reply.add("Accept-Ranges", "bytes");
    add_metadata(reply, request, named.attributes);
    if (!request.query.empty()) add_response_overrides(reply, request, named.attributes);
    add_sse_headers(reply, request, named.attributes);
    add_restore(reply, request, record, now);
    const std::string version = version_id_on_wire(bucket, named);
    if (!version.empty()) reply.add(std::string(request.prefix()) + "version-id", version);
    const auto tag_count =
        named.tags.empty() ? 0 : std::count(named.tags.begin(), named.tags.end(), '&') + 1;
    if (tag_count > 0) {
        reply.add(std::string(request.prefix()) + "tagging-count", fmt::to_string(tag_count));
    }
    if (!request.oss()) {
        if (!record.storage_class.empty()) {
            reply.add("x-amz-storage-class", class_to_wire(record.storage_class, Dialect::s3));
        }
        return;
    }
    reply.add("x-oss-object-type", type_name(named.kind));
    reply.add("x-oss-storage-class", class_to_wire(record.storage_class, Dialect::oss));
    if (record.crc64) reply.add("x-oss-hash-crc64ecma", fmt::to_string(*record.crc64));
    if (record.has_md5_etag()) {
        reply.add("Content-MD5", base64_encode(hex_decode(record.etag).value_or("")));
    }
    if (record.kind == ObjectKind::appendable) {
        reply.add("x-oss-next-append-position", fmt::to_string(record.size));
    }
}

}  // namespace xbucket::local
