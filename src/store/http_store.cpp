// SPDX-FileCopyrightText: the xbucket authors
// Making the store, and its keys.
#include "http_store_impl.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

DialectConfig dialect_config(const HttpStoreConfig& config, const Address& address) {
    return {.bucket = config.bucket,
            .requester_pays = config.requester_pays,
            .official = address.is_official(),
            .trusted_conditions = config.trusted_conditions,
            .key_prefix_bytes = config.key_prefix.size(),
            .customer_key = config.customer_key};
}

Result<void> check_customer_key(const Secret& key, const Address& address) {
    if (key.empty()) return {};
    constexpr size_t kKeyBytes = 32;
    if (key.reveal().size() != kKeyBytes) {
        return fail(ErrorKind::invalid_argument, "a key for SSE-C has 32 bytes");
    }
    if (!address.is_authenticated()) {
        return fail(ErrorKind::invalid_argument,
                    "a key for SSE-C is sent with each request, and never over plain http to "
                    "another machine: give an endpoint that begins with https://");
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> make_http_store(const HttpStoreConfig& config,
                                                     Transport& transport,
                                                     CredentialsProvider& credentials,
                                                     Clock& clock) {
    if (!config.key_prefix.empty() && !config.key_prefix.ends_with('/')) {
        return fail(ErrorKind::invalid_argument, "the key prefix must end in '/'");
    }
    Address address = TRY(make_address(config));
    TRY(check_customer_key(config.customer_key, address));
    const DialectConfig for_dialect = dialect_config(config, address);
    auto dialect = config.dialect == DialectKind::oss ? make_oss_dialect(for_dialect)
                                                      : make_s3_dialect(for_dialect);
    return std::unique_ptr<ObjectStore>(std::make_unique<HttpStore>(
        config, std::move(address), std::move(dialect), transport, credentials, clock));
}

HttpStore::HttpStore(const HttpStoreConfig& config, Address address,
                     std::unique_ptr<Dialect> dialect, Transport& transport,
                     CredentialsProvider& credentials, Clock& clock)
    : config_(config),
      dialect_(std::move(dialect)),
      requester_(config, std::move(address), *dialect_, transport, credentials, clock) {}

Result<ObjectKey> HttpStore::whole(const ObjectKey& key) const {
    if (key.size() > traits().key_bytes_max) {
        return fail(ErrorKind::name_too_long,
                    fmt::format("the key has {} bytes, the service takes {}", key.size(),
                                traits().key_bytes_max));
    }
    // An empty key would make an object's request the bucket's. Below a prefix it is the marker.
    if (key.empty() && config_.key_prefix.empty()) {
        return fail(ErrorKind::invalid_name, "an object's key cannot be empty");
    }
    return ObjectKey(config_.key_prefix + key.str());
}

Result<std::string> HttpStore::cut(std::string_view whole_key) const {
    if (!whole_key.starts_with(config_.key_prefix)) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("the service lists \"{}\", which is outside \"{}\"",
                                printable(whole_key), config_.key_prefix));
    }
    return std::string(whole_key.substr(config_.key_prefix.size()));
}

Error as_already_exists(Error error, bool must_not_exist) {
    if (must_not_exist && error.kind == ErrorKind::precondition_failed) {
        error.kind = ErrorKind::already_exists;
    }
    return error;
}

}  // namespace xbucket
