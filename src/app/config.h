// SPDX-FileCopyrightText: the xbucket authors
// Everything that can be said to a mount, in one struct whose initialisers are the defaults.
// options.cpp fills it, validate() judges it, wire.cpp builds a mount from it. Nothing below app
// sees it: each layer is given its own small config.
#pragma once

#include "metrics.h"
#include "source.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/log_levels.h"
#include "xbucket/fs/filesystem.h"
#include "xbucket/meta/meta_engine.h"
#include "xbucket/store/http_store.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

// An eighth of this machine's memory, at most 1 GiB.
uint64_t default_write_memory();

struct Config {
    // ---- what and where ----
    std::string source_text;  // as given; shown in /proc/mounts
    Source source;
    std::string mountpoint;

    // ---- the mount ----
    bool read_only = false;
    std::optional<uint32_t> uid;  // unset: the caller's
    std::optional<uint32_t> gid;
    uint32_t umask = 0;
    uint32_t file_mode = 0644;
    uint32_t dir_mode = 0755;
    bool allow_other = false;
    bool allow_root = false;
    StatMode stat_mode = StatMode::list;
    LinkPolicy links = LinkPolicy::any;
    std::vector<std::string>
        kernel_options;    // noatime, nosuid, ...: for mount(2), by way of libfuse
    unsigned threads = 0;  // 0: chosen by fuse/
    unsigned workers = 64;
    // Changes of attributes at a time: of threads of their own, so that who edits thousands of
    // objects keeps nobody from reading.
    unsigned editors() const { return std::max(workers, std::min(512U, 8 * workers)); }
    unsigned read_ahead_kib = 1024;
    uint64_t read_memory_bytes = 256U << 20;
    uint64_t write_memory_bytes = default_write_memory();

    // ---- attributes ----
    bool list_all = false;
    VerifyPolicy verify = VerifyPolicy::first;
    PreservePolicy preserve = PreservePolicy::best_effort;
    bool big_copies = false;
    std::optional<Duration> commit;  // write-behind: how long a change may wait in the journal
    uint64_t journal_changes = 100'000;
    Duration ttl = std::chrono::seconds(60);
    std::optional<Duration> negative_ttl;
    uint64_t cache_bytes = 64U << 20;

    // ---- the service ----
    std::string endpoint;
    std::string region;
    SignatureVersion signature = SignatureVersion::automatic;
    AddressingStyle addressing = AddressingStyle::automatic;
    bool requester_pays = false;
    std::string customer_key_file;  // SSE-C
    std::string ca_bundle;
    std::string client_certificate;
    std::string client_key;
    std::string proxy;
    std::string no_proxy;
    bool insecure_tls = false;
    bool allow_http = false;  // plain http to other machines
    std::string unix_socket;
    Duration timeout = std::chrono::seconds(60);

    // ---- credentials ----
    std::string credentials;  // SPEC; see xbucket/credentials/find.h
    std::string profile;
    std::string credentials_file;
    std::string sts_endpoint;       // instead of the cloud's own
    std::string metadata_endpoint;  // the same
    bool anonymous = false;

    // ---- this machine ----
    std::string spool;         // "": chosen by spool_place.h
    uint64_t spool_bytes = 0;  // 0: what the disk has
    uint64_t part_bytes = 16U << 20;
    std::string log_target;  // "": stderr in the foreground, syslog else
    LogLevels log_levels;
    std::optional<MetricsPlace> metrics;
    // From when the end is asked for. Below the 90 s after which systemd kills, unasked.
    Duration stop_timeout = std::chrono::seconds(75);
    bool foreground = false;
    bool core_dumps = false;
    bool syscall_filter = true;
    bool file_filter = true;
    bool debug = false;

    // ---- where all this came from ----
    std::string config_file;  // the one that was read, absolute; "" = none
    // Every setting that was given, by name, with the text that won.
    std::map<std::string, std::string, std::less<>> given;

    // Unasked never above ttl: who gives a short one need not know of the other.
    Duration negative_life() const {
        return negative_ttl.value_or(std::min<Duration>(std::chrono::seconds(5), ttl));
    }
};

// Rejects what cannot work, with one sentence that says what to change; looks at `config` alone:
// no file, no network, no environment. Errors: invalid_argument.
Result<void> validate(const Config& config);
// The same for what files and environment of a service may still have filled in after validate():
// an oss:// source needs an endpoint or a region.
Result<void> validate_location(const Config& config);

// "60", "90s", "5m", "2h", "250ms", "1d"; a bare number is seconds. Errors: invalid_argument.
Result<Duration> parse_duration(std::string_view text);
// "1048576", "64K", "64M", "2G", "1T" (powers of 1024; a trailing "B" or "iB" may stand).
Result<uint64_t> parse_size(std::string_view text);
// Octal, at most 0777.
Result<uint32_t> parse_mode(std::string_view text);
// "1", "true", "yes", "on" and their opposites.
Result<bool> parse_bool(std::string_view text);

// The scheme and host of an endpoint: "oss-cn-hangzhou.aliyuncs.com" gets "https://" in front.
std::string endpoint_with_scheme(std::string_view endpoint);
// True for http:// endpoints on another machine.
bool is_plain_http_elsewhere(std::string_view endpoint);

}  // namespace xbucket::app
