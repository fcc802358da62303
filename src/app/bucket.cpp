// SPDX-FileCopyrightText: the xbucket authors
#include "bucket.h"

#include "customer_key.h"
#include "explain.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/http/curl_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sys/resource.h>

namespace xbucket::app {
namespace {

// A change asks for up to three things at once, now and then. Half of all descriptors are for
// others.
size_t update_connections(size_t editors) {
    rlimit limit{};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
    const size_t room = known ? static_cast<size_t>(limit.rlim_max / 2) : editors;
    return std::max(CurlTransportConfig().update_max, std::min(editors + editors / 2, room));
}

// The buckets of a local folder: its sub folders whose names could be a bucket's. A folder that is
// not there yet has none.
Result<std::vector<std::string>> local_buckets(const std::string& directory) {
    namespace stdfs = std::filesystem;
    std::vector<std::string> found;
    std::error_code error;
    for (stdfs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        std::error_code ignored;
        if (name.starts_with('.') || !it->is_directory(ignored)) continue;
        if (parse_source(fmt::format("s3://{}", name))) found.push_back(name);
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return fail(ErrorKind::io,
                    fmt::format("folder {} cannot be read: {}", directory, error.message()));
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

Result<std::unique_ptr<Bucket>> Bucket::open(Config config, const Environment& environment,
                                             Journal journal, const ProgramRunner& run_program) {
    std::unique_ptr<Bucket> bucket(new Bucket(std::move(config)));
    if (bucket->config_.source.local) {
        TRY(bucket->start_local_server(journal));
    } else {
        TRY(bucket->find_service(environment, run_program));
    }
    TRY(bucket->make_store());
    if (journal == Journal::beside_spool && !bucket->config_.read_only) {
        const std::string spool = TRY(prepare_spool(bucket->config_, environment));
        bucket->journal_ = journal_place(bucket->config_, spool);
    }
    TRY(bucket->make_meta());
    return bucket;
}

Result<void> Bucket::start_local_server(Journal journal) {
    const auto folders = TRY(local_buckets(config_.source.directory));
    const bool named = !config_.source.bucket.empty();
    if (!named && folders.empty() && journal == Journal::none) {
        return fail(ErrorKind::no_such_bucket,
                    fmt::format("{} holds no bucket yet; a mount of it makes one",
                                config_.source.directory));
    }
    const std::string bucket = TRY(choose_local_bucket(config_.source, folders));
    if (named && std::find(folders.begin(), folders.end(), bucket) == folders.end()) {
        return fail(
            ErrorKind::no_such_bucket,
            fmt::format("{} has no bucket '{}'; run: mkdir -p {}/{}", config_.source.directory,
                        bucket, config_.source.directory, bucket));
    }
    // A pair of this process's own: nobody else on the machine can use the port.
    local::ServerConfig server;
    server.directory = config_.source.directory;
    server.access_key_id = fmt::format("local{}", hex_encode(random_bytes(8)));
    server.access_key_secret = Secret(hex_encode(random_bytes(16)));
    server_ = TRY(local::Server::start(server, clock_));
    TRY(server_->make_bucket(bucket));

    config_.source.bucket = bucket;
    config_.endpoint = server_->base_url();
    config_.region = server.region;
    config_.addressing = AddressingStyle::path;
    config_.proxy.clear();
    local_credentials_ = std::make_unique<StaticCredentials>(
        Credentials{.access_key_id = server.access_key_id,
                    .access_key_secret = server.access_key_secret,
                    .session_token = Secret(),
                    .expiration = std::nullopt,
                    .source = "the local server"});
    credentials_ = local_credentials_.get();
    return {};
}

Result<void> Bucket::find_service(const Environment& environment,
                                  const ProgramRunner& run_program) {
    key_finder_ = TRY(KeyFinder::find(config_, environment, clock_, run_program));
    credentials_ = &key_finder_->provider();
    const ServiceHints& hints = key_finder_->hints();
    // A region of one's own means another place than the one that files know.
    const bool hinted =
        config_.endpoint.empty() && config_.region.empty() && !hints.endpoint.empty();
    if (hinted) {
        config_.endpoint = hints.endpoint;
        if (hints.cname) config_.addressing = AddressingStyle::cname;
    }
    if (config_.region.empty()) config_.region = hints.region;
    if (config_.ca_bundle.empty()) config_.ca_bundle = hints.ca_bundle;
    config_.endpoint = endpoint_with_scheme(config_.endpoint);
    if (auto fits = validate(config_); !fits) {
        if (!hinted) return fits;
        return std::move(fits).error().with_context(
            "the endpoint that the environment or a file of keys names");
    }
    TRY(validate_location(config_));
    warn_of_open_transport();
    return {};
}

// In every log, so that nobody forgets it.
void Bucket::warn_of_open_transport() const {
    if (config_.insecure_tls) {
        log_warning("app",
                    "event=insecure_tls endpoint=\"{}\" note=\"--insecure-tls: whoever is on the "
                    "way can read and change everything\"",
                    config_.endpoint);
    }
    if (is_plain_http_elsewhere(config_.endpoint)) {
        log_warning("app",
                    "event=plain_http endpoint=\"{}\" note=\"content and metadata cross the "
                    "network unprotected; use https://\"",
                    config_.endpoint);
    }
}

Result<void> Bucket::make_store() {
    CurlTransportConfig transport;
    transport.proxy = config_.proxy;
    transport.no_proxy = config_.no_proxy;
    transport.ca_bundle = config_.ca_bundle;
    transport.client_certificate = config_.client_certificate;
    transport.client_key = config_.client_key;
    transport.insecure_tls = config_.insecure_tls;
    transport.unix_socket = config_.unix_socket;
    // As many requests as there is somebody to wait for them.
    transport.interactive_max = std::max<size_t>(transport.interactive_max, config_.workers);
    transport.update_max = update_connections(config_.editors());
    transport_ = TRY(make_curl_transport(transport));

    HttpStoreConfig store;
    store.dialect = config_.source.dialect;
    store.bucket = config_.source.bucket;
    store.key_prefix = config_.source.prefix;
    store.endpoint = config_.endpoint;
    store.region = config_.region;
    store.signature = config_.signature;
    store.addressing = config_.addressing;
    store.requester_pays = config_.requester_pays;
    if (!config_.customer_key_file.empty())
        store.customer_key = TRY(read_customer_key(config_.customer_key_file));
    store.trusted_conditions = config_.source.local;
    store.metadata_deadline = config_.timeout;
    store_ = TRY(make_http_store(store, *transport_, *credentials_, clock_));
    return {};
}

Result<void> Bucket::make_meta() {
    MetaConfig meta;
    meta.positive_life = config_.ttl;
    meta.negative_life = config_.negative_life();
    meta.cache_bytes_max = config_.cache_bytes;
    meta.list_all = config_.list_all;
    meta.preserve = config_.preserve;
    meta.verify = config_.verify;
    meta.big_copies = config_.big_copies;
    meta.update_deadline = config_.timeout;
    meta.senders_max = config_.editors();
    meta.journal_directory = journal_.directory;
    meta.older_journals = journal_.older;
    meta.journal_source = config_.source_text;
    if (config_.commit && !journal_.directory.empty()) {
        meta.durability = Durability::timed;
        meta.commit_delay = *config_.commit;
        meta.journal_changes_max = config_.journal_changes;
    }
    meta_ = TRY(make_meta_engine(meta, *store_, clock_));
    return {};
}

Result<void> Bucket::reach() {
    // Whoever waits at a terminal wants to hear soon, not after the patience of a running mount.
    const Duration patience = std::min<Duration>(config_.timeout, std::chrono::seconds(10));
    auto reached = store_->check_access({.deadline = patience});
    if (!reached) {
        const Credentials key = TRY(credentials_->get());
        Error error = std::move(reached).error();
        error.message = explain_access_failure(error, {.bucket = config_.source.bucket,
                                                       .endpoint = config_.endpoint,
                                                       .region = config_.region,
                                                       .access_key_id = key.access_key_id,
                                                       .key_source = key.source,
                                                       .now = clock_.wall_now()});
        return error;
    }
    const auto versioning = store_->versioning({.deadline = patience});
    if (versioning && *versioning == "Enabled") {
        log_warning("app",
                    "event=versioned_bucket bucket={} note=\"every change of an attribute "
                    "makes a new billed version of the object\"",
                    config_.source.bucket);
    }
    return {};
}

}  // namespace xbucket::app
