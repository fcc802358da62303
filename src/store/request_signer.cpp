// SPDX-FileCopyrightText: the xbucket authors
#include "request_signer.h"

#include "canonical.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

std::string encode_query(const QueryParameters& query) {
    std::string out;
    for (const auto& [key, value] : query) {
        out += out.empty() ? '?' : '&';
        out += percent_encode(key);
        if (!value.empty()) out.append("=").append(percent_encode(value));
    }
    return out;
}

SigningScope scope_for(const SigningContext& context, std::string_view timestamp) {
    const bool aws = context.kind == SignatureKind::sig_v4;
    return {.date = std::string(timestamp.substr(0, 8)),
            .region = context.address.region,
            .product = aws ? "s3" : "oss"};
}

std::string credential_for(const SigningContext& context, const SigningScope& scope) {
    const bool aws = context.kind == SignatureKind::sig_v4;
    return context.credentials.access_key_id + "/" +
           canonical::scope_line(scope, aws ? "aws4_request" : "aliyun_v4_request");
}

SignedRequest as_signed(const RequestParts& parts, const SigningContext& context) {
    return {.method = std::string(to_string(parts.method)),
            .bucket = context.address.bucket,
            .key = parts.key.str(),
            .query = parts.query,
            .headers = parts.headers,
            .encoded_path = context.address.encoded_path(parts.key)};
}

// Bodies in memory are hashed; streamed ones would have to be read twice. What the signature does
// not cover is covered by TLS, and on OSS by the CRC64 that is compared afterwards.
std::string payload_hash(const RequestParts& parts) {
    if (parts.body_source) return std::string(kUnsignedPayload);
    static const std::string kOfNothing = hex_encode(sha256({}));
    return parts.body.empty() ? kOfNothing : hex_encode(sha256(parts.body));
}

bool is_signed_by_sigv4(std::string_view name) {
    return name == "host" || name == "content-md5" || name == "content-type" ||
           name.starts_with("x-amz-");
}

void sign_oss_v1(SignedRequest& request, const SigningContext& context) {
    const Credentials& credentials = context.credentials;
    const std::string date = format_http_date(context.now);
    request.headers.set("x-oss-date", date);
    if (!credentials.session_token.empty()) {
        request.headers.set("x-oss-security-token", credentials.session_token.reveal());
    }
    const std::string signature =
        oss_v1_signature(credentials.access_key_secret, oss_v1_string_to_sign(request, date));
    request.headers.set("Authorization",
                        fmt::format("OSS {}:{}", credentials.access_key_id, signature));
}

void sign_oss_v4(SignedRequest& request, const SigningContext& context) {
    const Credentials& credentials = context.credentials;
    const std::string timestamp = format_basic_utc(context.now);
    request.headers.set("x-oss-date", timestamp);
    request.headers.set("x-oss-content-sha256", kUnsignedPayload);
    if (!credentials.session_token.empty()) {
        request.headers.set("x-oss-security-token", credentials.session_token.reveal());
    }
    const SigningScope scope = scope_for(context, timestamp);
    const std::string signature =
        oss_v4_signature(credentials.access_key_secret, scope, timestamp,
                         oss_v4_canonical_request(request, {}, kUnsignedPayload));
    request.headers.set("Authorization", fmt::format("OSS4-HMAC-SHA256 Credential={},Signature={}",
                                                     credential_for(context, scope), signature));
}

void sign_sigv4(SignedRequest& request, const SigningContext& context, const std::string& hash) {
    const Credentials& credentials = context.credentials;
    const std::string timestamp = format_basic_utc(context.now);
    request.headers.set("x-amz-date", timestamp);
    request.headers.set("x-amz-content-sha256", hash);
    if (!credentials.session_token.empty()) {
        request.headers.set("x-amz-security-token", credentials.session_token.reveal());
    }
    std::vector<std::string> names;
    for (const HeaderView header : request.headers) {
        std::string name = to_lower(header.name);
        if (is_signed_by_sigv4(name)) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    const SigningScope scope = scope_for(context, timestamp);
    const std::string signature = sigv4_signature(credentials.access_key_secret, scope, timestamp,
                                                  sigv4_canonical_request(request, names, hash));
    std::string line = "AWS4-HMAC-SHA256 Credential=";
    line.append(credential_for(context, scope)).append(", SignedHeaders=");
    for (const std::string& name : names) line.append(name).append(";");
    line.back() = ',';  // behind the last name
    request.headers.set("Authorization", line.append(" Signature=").append(signature));
}

void presign_oss_v1(SignedRequest& request, std::chrono::seconds life,
                    const SigningContext& context) {
    const Credentials& credentials = context.credentials;
    const std::string expires = fmt::format("{}", context.now.seconds() + life.count());
    if (!credentials.session_token.empty()) {
        request.query.emplace_back("security-token",
                                   std::string(credentials.session_token.reveal()));
    }
    const std::string signature =
        oss_v1_signature(credentials.access_key_secret, oss_v1_string_to_sign(request, expires));
    request.query.emplace_back("OSSAccessKeyId", credentials.access_key_id);
    request.query.emplace_back("Expires", expires);
    request.query.emplace_back("Signature", signature);
}

void presign_oss_v4(SignedRequest& request, std::chrono::seconds life,
                    const SigningContext& context) {
    const Credentials& credentials = context.credentials;
    const std::string timestamp = format_basic_utc(context.now);
    const SigningScope scope = scope_for(context, timestamp);
    request.query.emplace_back("x-oss-signature-version", "OSS4-HMAC-SHA256");
    request.query.emplace_back("x-oss-credential", credential_for(context, scope));
    request.query.emplace_back("x-oss-date", timestamp);
    request.query.emplace_back("x-oss-expires", fmt::format("{}", life.count()));
    if (!credentials.session_token.empty()) {
        request.query.emplace_back("x-oss-security-token",
                                   std::string(credentials.session_token.reveal()));
    }
    request.query.emplace_back(
        "x-oss-signature",
        oss_v4_signature(credentials.access_key_secret, scope, timestamp,
                         oss_v4_canonical_request(request, {}, kUnsignedPayload)));
}

void presign_sigv4(SignedRequest& request, std::chrono::seconds life,
                   const SigningContext& context) {
    const Credentials& credentials = context.credentials;
    const std::string timestamp = format_basic_utc(context.now);
    const SigningScope scope = scope_for(context, timestamp);
    request.query.emplace_back("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    request.query.emplace_back("X-Amz-Credential", credential_for(context, scope));
    request.query.emplace_back("X-Amz-Date", timestamp);
    request.query.emplace_back("X-Amz-Expires", fmt::format("{}", life.count()));
    request.query.emplace_back("X-Amz-SignedHeaders", "host");
    if (!credentials.session_token.empty()) {
        request.query.emplace_back("X-Amz-Security-Token",
                                   std::string(credentials.session_token.reveal()));
    }
    request.query.emplace_back(
        "X-Amz-Signature",
        sigv4_signature(credentials.access_key_secret, scope, timestamp,
                        sigv4_canonical_request(request, {"host"}, kUnsignedPayload)));
}

}  // namespace

HttpRequest signed_request(const RequestParts& parts, const SigningContext& context) {
    SignedRequest request = as_signed(parts, context);
    request.headers.set("Host", context.address.host_header());
    if (!context.credentials.anonymous()) {
        switch (context.kind) {
            case SignatureKind::oss_v1:
                sign_oss_v1(request, context);
                break;
            case SignatureKind::oss_v4:
                sign_oss_v4(request, context);
                break;
            case SignatureKind::sig_v4:
                sign_sigv4(request, context, payload_hash(parts));
                break;
        }
    }
    HttpRequest out;
    out.method = parts.method;
    out.origin = context.address.origin();
    out.target = request.encoded_path + encode_query(parts.query);
    out.headers = std::move(request.headers);
    out.body = parts.body;
    out.body_source = parts.body_source;
    return out;
}

std::string presigned_get_url(const ObjectKey& key, QueryParameters query,
                              std::chrono::seconds life, const SigningContext& context) {
    RequestParts parts;
    parts.method = HttpMethod::get;
    parts.key = key;
    parts.query = std::move(query);
    SignedRequest request = as_signed(parts, context);
    request.headers.set("Host", context.address.host_header());
    if (!context.credentials.anonymous()) {
        switch (context.kind) {
            case SignatureKind::oss_v1:
                presign_oss_v1(request, life, context);
                break;
            case SignatureKind::oss_v4:
                presign_oss_v4(request, life, context);
                break;
            case SignatureKind::sig_v4:
                presign_sigv4(request, life, context);
                break;
        }
    }
    return context.address.origin() + request.encoded_path + encode_query(request.query);
}

}  // namespace xbucket
