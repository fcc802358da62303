// SPDX-FileCopyrightText: the xbucket authors
// Parsers of single values, and the judgement over all of them together.
#include "config.h"

#include "xbucket/base/encoding.h"
#include "xbucket/credentials/find.h"

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace xbucket::app {
namespace {

Error bad(std::string message) { return fail(ErrorKind::invalid_argument, std::move(message)); }

// Splits "90s" into digits and unit.
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    return {text.substr(0, digits), text.substr(digits)};
}

// The host of "scheme://host[:port][/...]", brackets of an IPv6 address included.
std::string_view host_of(std::string_view endpoint) {
    const size_t scheme = endpoint.find("://");
    if (scheme != std::string_view::npos) endpoint.remove_prefix(scheme + 3);
    endpoint = endpoint.substr(0, endpoint.find('/'));
    if (endpoint.starts_with('[')) return endpoint.substr(0, endpoint.find(']') + 1);
    return endpoint.substr(0, endpoint.find(':'));
}

Result<void> validate_service(const Config& config) {
    if (config.source.local) {
        if (!config.endpoint.empty()) {
            return bad(
                "--endpoint has no meaning for a local: source, which brings its own server");
        }
        return {};
    }
    if (!config.endpoint.empty()) {
        const std::string endpoint = endpoint_with_scheme(config.endpoint);
        if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://")) {
            return bad(
                fmt::format("--endpoint={}: must begin with https:// or http://", config.endpoint));
        }
        const std::string_view host = host_of(endpoint);
        const size_t path = endpoint.find('/', endpoint.find("://") + 3);
        if (host.empty() || (path != std::string::npos && path + 1 != endpoint.size())) {
            return bad(
                fmt::format("--endpoint={}: write scheme, host and port only, such as "
                            "https://oss-cn-hangzhou.aliyuncs.com; the bucket goes into the "
                            "source",
                            config.endpoint));
        }
        if (endpoint.find('@') != std::string::npos) {
            return bad(
                "--endpoint must not hold a user or password; see 'Credentials' in "
                "xbucket(1)");
        }
        if (is_plain_http_elsewhere(endpoint) && !config.allow_http) {
            return bad(
                fmt::format("--endpoint={} would send data over the network unprotected; "
                            "use https://, or accept it with --allow-http",
                            config.endpoint));
        }
    }
    if (!config.client_key.empty() && config.client_certificate.empty()) {
        return bad("--client-key has no meaning without --client-certificate");
    }
    if (!config.customer_key_file.empty() && config.insecure_tls) {
        return bad(
            "--sse-c-key would show the key to whoever is on the way with --insecure-tls; use "
            "--ca-bundle");
    }
    if (config.signature == SignatureVersion::v1 && config.source.dialect == DialectKind::s3) {
        return bad("--signature=v1 is for OSS; s3:// is always signed with SigV4");
    }
    return {};
}

Result<void> validate_credentials(const Config& config) {
    const bool named = !config.credentials.empty() || !config.credentials_file.empty();
    if (config.anonymous && (!config.profile.empty() || named)) {
        return bad(
            "--anonymous sends no key: leave out --credentials, --profile and "
            "--credentials-file");
    }
    if (!config.credentials.empty() && !config.credentials_file.empty()) {
        return bad("--credentials and --credentials-file exclude each other; choose one");
    }
    if (config.source.local && (config.anonymous || named)) {
        return bad(
            "a local: source needs no key: leave out --credentials, --anonymous and "
            "--credentials-file");
    }
    if (!config.credentials.empty()) {
        const Spec spec = TRY(parse_spec(config.credentials));
        if (!config.profile.empty() && !takes_profile(spec)) {
            return bad(
                fmt::format("--profile={} means nothing beside --credentials={}; leave one out",
                            config.profile, config.credentials));
        }
    }
    for (const auto& [name, url] : {std::pair("--sts-endpoint", &config.sts_endpoint),
                                    std::pair("--metadata-endpoint", &config.metadata_endpoint)}) {
        if (!url->empty()) TRY(check_key_address(*url, name));
    }
    return {};
}

Result<void> validate_write_behind(const Config& config) {
    if (!config.commit) return {};
    if (config.read_only)
        return bad("commit= has nothing to do on a read-only mount; leave one out");
    if (*config.commit > std::chrono::hours(1)) {
        return bad(
            "commit= is above one hour: changes would lie on this machine alone for as long");
    }
    if (config.journal_changes < 1 || config.journal_changes > 10'000'000) {
        return bad("journal_changes must be 1 to 10000000");
    }
    return {};
}

}  // namespace

uint64_t default_write_memory() {
    const auto pages = static_cast<uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
    const auto page_bytes = static_cast<uint64_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
    return std::min<uint64_t>(pages * page_bytes / 8, 1U << 30);
}

Result<void> validate(const Config& config) {
    if (config.mountpoint.empty()) {
        return bad("no mount point given; write: xbucket SOURCE MOUNTPOINT");
    }
    TRY(validate_write_behind(config));
    TRY(validate_service(config));
    TRY(validate_credentials(config));
    if (config.allow_other && config.allow_root) {
        return bad("allow_other and allow_root exclude each other; choose one");
    }
    if (config.cache_bytes < (1U << 20)) {
        return bad("cache_size is below 1M; metadata of one directory must fit");
    }
    if (config.ttl > std::chrono::hours(24 * 365) || config.negative_life() > config.ttl) {
        return bad("negative_ttl must not be above ttl, and ttl not above a year");
    }
    if (config.workers < 1 || config.workers > 1024 || config.threads > 256) {
        return bad("workers must be 1 to 1024 and threads at most 256");
    }
    if (config.timeout < std::chrono::seconds(1)) return bad("timeout must be at least one second");
    if (config.stop_timeout < std::chrono::seconds(1)) {
        return bad("stop_timeout must be at least one second");
    }
    if (config.spool_bytes != 0 && config.spool_bytes < (16U << 20)) {
        return bad("spool_size is below 16M; it must hold the files that are open for writing");
    }
    if (config.part_bytes < (64U << 10) || config.part_bytes > (1U << 30)) {
        return bad("part_size must be 64K to 1G");
    }
    return {};
}

Result<void> validate_location(const Config& config) {
    if (config.source.local || !config.endpoint.empty() || !config.region.empty()) return {};
    if (config.source.dialect == DialectKind::s3) return {};  // us-east-1 redirects to the rest
    return bad(
        fmt::format("{} needs to know where the bucket is: give --region, such as "
                    "--region=cn-hangzhou, or --endpoint",
                    config.source_text));
}

Result<Duration> parse_duration(std::string_view text) {
    const auto [digits, unit] = split_unit(text);
    const auto number = parse_u64(digits);
    struct Unit {
        std::string_view name;
        Duration length;
    };
    static constexpr Unit kUnits[] = {
        {"", std::chrono::seconds(1)},    {"ms", std::chrono::milliseconds(1)},
        {"s", std::chrono::seconds(1)},   {"m", std::chrono::minutes(1)},
        {"min", std::chrono::minutes(1)}, {"h", std::chrono::hours(1)},
        {"d", std::chrono::hours(24)},
    };
    for (const Unit& known : kUnits) {
        if (unit != known.name || !number) continue;
        if (*number > static_cast<uint64_t>(Duration::max() / known.length)) break;
        return known.length * static_cast<int64_t>(*number);
    }
    return bad(
        fmt::format("'{}' is no duration; write seconds (60) or 250ms, 90s, 5m, 2h, 1d", text));
}

Result<uint64_t> parse_size(std::string_view text) {
    auto [digits, unit] = split_unit(text);
    const auto number = parse_u64(digits);
    std::string suffix = to_lower(unit);
    if (suffix.ends_with("ib")) {
        suffix.resize(suffix.size() - 2);
    } else if (suffix.ends_with('b')) {
        suffix.resize(suffix.size() - 1);
    }
    static constexpr std::string_view kSuffixes = "kmgt";
    const size_t power = suffix.empty() ? 0 : kSuffixes.find(suffix) + 1;
    if (number && suffix.size() <= 1 && kSuffixes.find(suffix) != std::string_view::npos) {
        const uint64_t factor = 1ULL << (10 * power);
        if (*number <= UINT64_MAX / factor) return *number * factor;
    }
    return bad(fmt::format("'{}' is no size; write bytes or 512K, 64M, 2G, 1T", text));
}

Result<uint32_t> parse_mode(std::string_view text) {
    uint32_t mode = 0;
    bool good = !text.empty() && text.size() <= 5;
    for (const char c : text) {
        good = good && c >= '0' && c <= '7';
        mode = mode * 8 + static_cast<uint32_t>(c - '0');
    }
    if (good && mode <= 0777) return mode;
    return bad(fmt::format("'{}' is no mode; write it in octal, such as 0644", text));
}

Result<bool> parse_bool(std::string_view text) {
    const std::string word = to_lower(text);
    for (const std::string_view yes : {"", "1", "true", "yes", "on"}) {
        if (word == yes) return true;
    }
    for (const std::string_view no : {"0", "false", "no", "off"}) {
        if (word == no) return false;
    }
    return bad(fmt::format("'{}' is neither yes nor no", text));
}

std::string endpoint_with_scheme(std::string_view endpoint) {
    if (endpoint.empty() || endpoint.find("://") != std::string_view::npos) {
        return std::string(endpoint);
    }
    return fmt::format("https://{}", endpoint);
}

bool is_plain_http_elsewhere(std::string_view endpoint) {
    if (!endpoint.starts_with("http://")) return false;
    const std::string_view host = host_of(endpoint);
    // A name may begin with "127." too; only digits and dots make it an address.
    const bool loopback_v4 =
        host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
    return !(host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || loopback_v4);
}

}  // namespace xbucket::app
