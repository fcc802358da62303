// SPDX-FileCopyrightText: the xbucket authors
// OSS signatures V1 and V4 (protocol.md 1.1 and 1.2). The resource always names the bucket,
// whatever the address style, and V1 writes key and sub-resource values un-encoded.
#include "canonical.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <algorithm>
#include <array>

namespace xbucket {
namespace {

// Query keys that V1 signs: the union of the SDKs' lists (protocol.md 1.1), sorted. Keys that start
// with "x-oss-" are signed as well. Listing parameters are deliberately absent, except
// continuation-token.
constexpr auto kSubResources = std::to_array<std::string_view>({
    "acl",
    "append",
    "bucketInfo",
    "callback",
    "callback-var",
    "cleanRestoredObject",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "encryption",
    "endTime",
    "img",
    "inventory",
    "inventoryId",
    "legalHold",
    "lifecycle",
    "live",
    "location",
    "logging",
    "objectMeta",
    "partNumber",
    "policy",
    "position",
    "qos",
    "qosInfo",
    "referer",
    "regionList",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "resourceGroup",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "seal",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
});

bool is_sub_resource(std::string_view key) {
    if (key.starts_with("x-oss-")) return true;
    return std::find(kSubResources.begin(), kSubResources.end(), key) != kSubResources.end();
}

std::string v1_resource(const SignedRequest& request) {
    std::string out = "/";
    if (!request.bucket.empty()) out.append(request.bucket).append("/").append(request.key);
    QueryParameters signed_ones;
    for (const auto& parameter : request.query) {
        if (is_sub_resource(parameter.first)) signed_ones.push_back(parameter);
    }
    std::sort(signed_ones.begin(), signed_ones.end());
    char separator = '?';
    for (const auto& [key, value] : signed_ones) {
        out.append(1, separator).append(key);
        if (!value.empty()) out.append("=").append(value);
        separator = '&';
    }
    return out;
}

std::string v4_uri(const SignedRequest& request) {
    if (request.bucket.empty()) return "/";
    return percent_encode("/" + request.bucket + "/" + request.key, /*keep_slash=*/true);
}

bool signed_by_default(std::string_view name) {
    return name == "content-type" || name == "content-md5" || name.starts_with("x-oss-");
}

}  // namespace

std::string oss_v1_string_to_sign(const SignedRequest& request, std::string_view date_line) {
    const auto headers =
        canonical::gather_headers(request.headers, canonical::Blanks::trim, signed_by_default);
    const auto value_of = [&headers](const char* name) {
        const auto it = headers.find(name);
        return it == headers.end() ? std::string() : it->second;
    };
    canonical::HeaderMap oss_headers;
    for (const auto& header : headers) {
        if (header.first.starts_with("x-oss-")) oss_headers.insert(header);
    }
    std::string out = request.method;
    out.append("\n").append(value_of("content-md5"));
    out.append("\n").append(value_of("content-type"));
    out.append("\n").append(date_line).append("\n");
    out.append(canonical::header_lines(oss_headers));
    return out.append(v1_resource(request));
}

std::string oss_v1_signature(const Secret& secret, std::string_view string_to_sign) {
    return base64_encode(hmac_sha1(secret.reveal(), string_to_sign));
}

std::string oss_v4_canonical_request(const SignedRequest& request,
                                     const std::vector<std::string>& additional_headers,
                                     std::string_view payload_hash) {
    const auto is_signed = [&additional_headers](std::string_view name) {
        return signed_by_default(name) ||
               std::find(additional_headers.begin(), additional_headers.end(), name) !=
                   additional_headers.end();
    };
    const auto headers =
        canonical::gather_headers(request.headers, canonical::Blanks::trim, is_signed);
    std::string additional_line;
    for (const auto& header : headers) {
        if (signed_by_default(header.first)) continue;
        if (!additional_line.empty()) additional_line += ';';
        additional_line += header.first;
    }
    std::string out = request.method;
    out.append("\n").append(v4_uri(request));
    out.append("\n").append(canonical::query_line(request.query, canonical::EmptyValue::bare_key));
    out.append("\n").append(canonical::header_lines(headers));
    out.append("\n").append(additional_line);
    return out.append("\n").append(payload_hash);
}

std::string oss_v4_signature(const Secret& secret, const SigningScope& scope,
                             std::string_view timestamp, std::string_view canonical_request) {
    return canonical::v4_signature({.algorithm = "OSS4-HMAC-SHA256",
                                    .key_prefix = "aliyun_v4",
                                    .terminator = "aliyun_v4_request"},
                                   secret, scope, timestamp, canonical_request);
}

}  // namespace xbucket
