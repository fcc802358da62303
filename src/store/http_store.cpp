// SPDX-FileCopyrightText: the xbucket authors
// Making the store, and its keys.
#include "http_store_impl.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

DialectConfig dialect_config(const HttpStoreConfig& config, const Address& address) {
    return {.bucket = config.bucket,
            .requester_pays = config.requester_pays,
            .official = address.is_original(),
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
    if (!has_md5()) {
        return fail(ErrorKind::unsupported,
                    "OpenSSL has no MD5 on this machine, not even as a checksum, and services ask "
                    "for it: load its default provider beside the one for FIPS (openssl.cnf)");
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
      create_condition_(dialect_->versions_void_must_not_exist() ? CreateCondition::untried
                                                                 : CreateCondition::heeded),
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

Result<void> PageLimit::next(bool page_is_empty) {
    // A page may be empty where the service has looked at much and found nothing.
    constexpr unsigned kPagesMax = 10'000;
    constexpr unsigned kEmptyMax = 1000;
    empty_ = page_is_empty ? empty_ + 1 : 0;
    if (++pages_ <= kPagesMax && empty_ <= kEmptyMax) return {};
    return fail(ErrorKind::bad_reply,
                fmt::format("the service's list does not end: {} pages, the last {} of them empty",
                            pages_, empty_));
}

Error as_refused(Error error, const std::optional<ETag>& if_match) {
    const bool gone = error.kind == ErrorKind::not_found && error.code != "NoSuchUpload";
    if (if_match && gone) error.kind = ErrorKind::precondition_failed;
    return error;
}

Result<HttpResponse> HttpStore::create(const ObjectKey& key, bool must_not_exist,
                                       const CallOptions& options, const Send& send) {
    constexpr int kNotImplemented = 501;
    if (!must_not_exist) return send(false);
    if (create_condition_ != CreateCondition::heeded) {
        TRY(check_absent(key, options));  // whose reply may tell that there is none
        if (create_condition_ == CreateCondition::none) {
            warn_of_race();
            return send(false);
        }
    }
    auto response = send(true);
    if (response) {
        note_created(response->headers);
        return response;
    }
    const Error& error = response.error();
    const bool lacking = error.http_status == kNotImplemented || error.code == "NotImplemented";
    if (!lacking) return response;
    TRY(check_absent(key, options));
    response = send(false);
    if (response) {
        create_condition_ = CreateCondition::none;
        warn_of_race();
    }
    return response;
}

Result<void> HttpStore::check_absent(const ObjectKey& key, const CallOptions& options) {
    const auto there = head(key, options);
    // Of a link whose target has gone, or is a link, the service says no more than that.
    if (there || there.error().code == "SymlinkTargetNotExist" ||
        there.error().code == "InvalidTargetType") {
        return fail(ErrorKind::already_exists,
                    fmt::format("\"{}\" exists already", printable(key.str())));
    }
    if (there.error().kind != ErrorKind::not_found) return there.error();
    return {};
}

void HttpStore::warn_of_race() {
    if (race_told_.exchange(true)) return;
    log_warning("store",
                "the service has no condition for what must not exist yet{}: two clients that "
                "create one object at the same time both succeed",
                dialect_->versions_void_must_not_exist() ? " in a bucket with versions" : "");
}

void HttpStore::note_reply(const Headers& headers) {
    if (create_condition_ == CreateCondition::none || !dialect_->versions_void_must_not_exist()) {
        return;
    }
    if (dialect_->tells_version(headers)) note_versioning("on");
}

void HttpStore::note_created(const Headers& headers) {
    note_versioning(dialect_->tells_version(headers) ? "on" : "");
}

void HttpStore::note_versioning(std::string_view state) {
    if (!dialect_->versions_void_must_not_exist()) return;
    if (!state.empty()) {
        create_condition_ = CreateCondition::none;
        return;
    }
    CreateCondition untried = CreateCondition::untried;
    create_condition_.compare_exchange_strong(untried, CreateCondition::heeded);
}

}  // namespace xbucket
