// SPDX-FileCopyrightText: the xbucket authors
// Request signatures as pure functions (protocol.md 1): OSS V1, OSS V4, AWS SigV4, header form and
// presigned. The clients of the store sign with them; the local server verifies with the same
// canonical forms, whose truth rests on the published vectors and on SDKs that we did not write.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/secret.h"
#include "xbucket/http/message.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// Decoded query parameters in any order; the canonical forms sort.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// A request as the signer sees it, independent of addressing style.
struct SignedRequest {
    std::string method;  // "GET"
    std::string bucket;  // "" for service requests
    std::string key;     // raw bytes; "" for bucket requests
    QueryParameters query;
    Headers headers;  // all that will be sent, Host included for SigV4
    // SigV4 signs the path as sent (bucket in it for path style only): already encoded.
    std::string encoded_path;
};

// OSS V1 (protocol.md 1.1). `date_line` is x-oss-date or Date's value, or Expires when presigned.
std::string oss_v1_string_to_sign(const SignedRequest& request, std::string_view date_line);
// base64 of HMAC-SHA1.
std::string oss_v1_signature(const Secret& secret, std::string_view string_to_sign);

// V4 and SigV4 share the shape of scope and key derivation.
struct SigningScope {
    std::string date;     // "20231216"
    std::string region;   // "cn-hangzhou"
    std::string product;  // "oss", "oss-cloudbox", "s3"
};

// OSS V4 (protocol.md 1.2). `additional_headers`: lower-case names, sorted, those really signed.
std::string oss_v4_canonical_request(const SignedRequest& request,
                                     const std::vector<std::string>& additional_headers,
                                     std::string_view payload_hash);
std::string oss_v4_signature(const Secret& secret, const SigningScope& scope,
                             std::string_view timestamp, std::string_view canonical_request);

// AWS SigV4 for S3 (protocol.md 1.3). `signed_headers`: lower-case, sorted.
std::string sigv4_canonical_request(const SignedRequest& request,
                                    const std::vector<std::string>& signed_headers,
                                    std::string_view payload_hash);
std::string sigv4_signature(const Secret& secret, const SigningScope& scope,
                            std::string_view timestamp, std::string_view canonical_request);

// Derived keys are cached per thread for the last (secret, scope): deriving costs four HMACs.

}  // namespace xbucket
