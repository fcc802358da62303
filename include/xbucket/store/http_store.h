// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore over HTTP: a Dialect builds and parses, the Transport carries, the credentials sign.
#pragma once

#include "xbucket/base/secret.h"
#include "xbucket/http/transport.h"
#include "xbucket/store/credentials.h"
#include "xbucket/store/object_store.h"

namespace xbucket {

enum class DialectKind { oss, s3 };
enum class SignatureVersion { automatic, v1, v4 };  // automatic: OSS V4, AWS SigV4
enum class AddressingStyle { automatic, path, virtual_host, cname };

struct HttpStoreConfig {
    DialectKind dialect = DialectKind::oss;
    std::string bucket;
    // Put in front of every key and cut off every listed one; "" or ends in '/'.
    std::string key_prefix;
    // "https://oss-cn-hangzhou.aliyuncs.com"; "" = derived from region (protocol.md 1.4).
    std::string endpoint;
    // Bare id: "cn-hangzhou", "us-east-1"; "" = from the endpoint, or discovered.
    std::string region;
    SignatureVersion signature = SignatureVersion::automatic;
    // automatic: path style for IP addresses, localhost and names without the service's domain.
    AddressingStyle addressing = AddressingStyle::automatic;
    bool requester_pays = false;
    // SSE-C: 32 bytes that every object is encrypted with, sent along with each request for one;
    // empty = none. The service keeps only its MD5: objects without the key are lost.
    Secret customer_key = {};
    // Copy conditions are honoured for sure (our own server).
    bool trusted_conditions = false;
    // Retries stop here for calls without a deadline of their own.
    Duration metadata_deadline = std::chrono::seconds(60);
    unsigned attempts_max = 10;
    // Of the jitter between attempts; 0 = from the system.
    uint64_t seed = 0;
};

// Where requests for the bucket begin: "https://oss-cn-hangzhou.aliyuncs.com", "http://[::1]:9000";
// one text for all ways to say the same place. Pure. Errors: as make_http_store()'s.
Result<std::string> resolved_endpoint(const HttpStoreConfig& config);

// References must outlive the store. Errors: invalid_argument with what to give instead (no region
// and none can be told from the endpoint, bad bucket name, a customer's key that is not 32 bytes or
// would cross a network without TLS). Makes no request.
Result<std::unique_ptr<ObjectStore>> make_http_store(const HttpStoreConfig& config,
                                                     Transport& transport,
                                                     CredentialsProvider& credentials,
                                                     Clock& clock);

}  // namespace xbucket
