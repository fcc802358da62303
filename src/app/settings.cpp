// SPDX-FileCopyrightText: the xbucket authors
// The table of settings: name, place in --help, and what it does to a Config.
#include "options.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {
namespace {

using Text = std::string_view;

template <auto Member>
Result<void> set_text(Config& config, Text text) {
    config.*Member = std::string(text);
    return {};
}
template <auto Member>
Result<void> set_flag(Config& config, Text text) {
    config.*Member = TRY(parse_bool(text));
    return {};
}
template <auto Member>
Result<void> set_duration(Config& config, Text text) {
    config.*Member = TRY(parse_duration(text));
    return {};
}
template <auto Member>
Result<void> set_size(Config& config, Text text) {
    config.*Member = TRY(parse_size(text));
    return {};
}
template <auto Member>
Result<void> set_mode(Config& config, Text text) {
    config.*Member = TRY(parse_mode(text));
    return {};
}
template <auto Member>
Result<void> set_number(Config& config, Text text) {
    const auto number = parse_u64(text);
    if (!number || *number > UINT32_MAX) {
        return fail(ErrorKind::invalid_argument, fmt::format("'{}' is no number", text));
    }
    config.*Member = static_cast<uint32_t>(*number);
    return {};
}

// One word of a few.
template <class Enum>
struct Word {
    Text text;
    Enum value;
};
template <class Enum, size_t N>
Result<void> choose(Enum& target, Text text, const Word<Enum> (&words)[N]) {
    std::string known;
    for (const auto& word : words) {
        if (text == word.text) {
            target = word.value;
            return {};
        }
        known += fmt::format("{}{}", known.empty() ? "" : ", ", word.text);
    }
    return fail(ErrorKind::invalid_argument, fmt::format("'{}' is none of: {}", text, known));
}

Result<void> set_stat(Config& c, Text t) {
    return choose<StatMode>(c.stat_mode, t, {{"list", StatMode::list}, {"meta", StatMode::meta}});
}
Result<void> set_links(Config& c, Text t) {
    return choose<LinkPolicy>(c.links, t,
                              {{"any", LinkPolicy::any}, {"inside", LinkPolicy::inside}});
}
Result<void> set_list(Config& c, Text t) {
    return choose<bool>(c.list_all, t, {{"copyable", false}, {"all", true}});
}
Result<void> set_verify(Config& c, Text t) {
    return choose<VerifyPolicy>(c.verify, t,
                                {{"first", VerifyPolicy::first},
                                 {"always", VerifyPolicy::always},
                                 {"never", VerifyPolicy::never}});
}
Result<void> set_preserve(Config& c, Text t) {
    return choose<PreservePolicy>(
        c.preserve, t,
        {{"best-effort", PreservePolicy::best_effort}, {"strict", PreservePolicy::strict}});
}
Result<void> set_signature(Config& c, Text t) {
    return choose<SignatureVersion>(c.signature, t,
                                    {{"auto", SignatureVersion::automatic},
                                     {"v1", SignatureVersion::v1},
                                     {"v4", SignatureVersion::v4}});
}
Result<void> set_addressing(Config& c, Text t) {
    return choose<AddressingStyle>(c.addressing, t,
                                   {{"auto", AddressingStyle::automatic},
                                    {"path", AddressingStyle::path},
                                    {"virtual", AddressingStyle::virtual_host},
                                    {"cname", AddressingStyle::cname}});
}
Result<void> set_log_level(Config& c, Text t) {
    c.log_levels = TRY(parse_log_levels(t));
    return {};
}
Result<void> set_metrics(Config& c, Text t) {
    c.metrics = TRY(parse_metrics_place(t));
    return {};
}
Result<void> set_dialect(Config& c, Text t) {
    DialectKind dialect = c.source.dialect;
    TRY(choose<DialectKind>(dialect, t, {{"oss", DialectKind::oss}, {"s3", DialectKind::s3}}));
    if (!c.source.local && dialect != c.source.dialect) {
        return fail(ErrorKind::invalid_argument,
                    "only a local: source chooses its dialect; oss:// and s3:// say it themselves");
    }
    c.source.dialect = dialect;
    return {};
}
Result<void> set_commit(Config& c, Text t) {
    c.commit = TRY(parse_duration(t));
    return {};
}
Result<void> set_debug(Config& c, Text t) {
    c.debug = TRY(parse_bool(t));
    if (c.debug) {
        c.foreground = true;
        c.log_levels = LogLevels{.base = LogLevel::debug, .components = {}};
    }
    return {};
}

constexpr Text kMount = "What the files look like";
constexpr Text kAttributes = "Attributes and caching";
constexpr Text kService = "The service";
constexpr Text kKeys = "Credentials (never on the command line: see below)";
constexpr Text kMachine = "This machine";

std::vector<Setting> make_settings() {
    return {
        {"ro", "", kMount, "mount read-only", set_flag<&Config::read_only>},
        {"uid", "ID", kMount, "owner of files that record none (default: you)",
         set_number<&Config::uid>},
        {"gid", "ID", kMount, "group of files that record none (default: yours)",
         set_number<&Config::gid>},
        {"umask", "MODE", kMount, "permission bits to take away (default: 0)",
         set_mode<&Config::umask>},
        {"file-mode", "MODE", kMount, "mode of files that record none (default: 0644)",
         set_mode<&Config::file_mode>},
        {"dir-mode", "MODE", kMount, "mode of directories that record none (default: 0755)",
         set_mode<&Config::dir_mode>},
        {"allow-other", "", kMount, "let other users in, as their permissions say",
         set_flag<&Config::allow_other>},
        {"allow-root", "", kMount, "let root in", set_flag<&Config::allow_root>},
        {"stat", "list|meta", kMount,
         "where mode, owner and times come from: listings (fast, default), or every object's "
         "metadata (what tar, git and make need)",
         set_stat},
        {"links", "any|inside", kMount,
         "which symbolic links work: all (default), or only those that cannot lead out of the "
         "mount",
         set_links},

        {"list", "copyable|all", kAttributes,
         "what listxattr names: what can be copied to another file (default), or user.object.* too",
         set_list},
        {"ttl", "TIME", kAttributes, "how long metadata may be shown without asking (default: 60s)",
         set_duration<&Config::ttl>},
        {"negative-ttl", "TIME", kAttributes,
         "the same for 'no such file' (default: 5s, at most ttl)",
         set_duration<&Config::negative_ttl>},
        {"cache-size", "SIZE", kAttributes, "memory for cached metadata (default: 64M)",
         set_size<&Config::cache_bytes>},
        {"verify", "first|always|never", kAttributes,
         "read an object back after changing its metadata (default: first)", set_verify},
        {"preserve", "best-effort|strict", kAttributes,
         "when an ACL cannot be read: change metadata all the same (default), or refuse",
         set_preserve},
        {"bigcopy", "", kAttributes, "change metadata of objects above 5 GB on S3 without a guard",
         set_flag<&Config::big_copies>},
        {"commit", "TIME", kAttributes,
         "write-behind: setxattr answers when a journal on this machine has the change, and what "
         "an object gathers in this time is one update (default: answer when the service has)",
         set_commit},
        {"journal-changes", "N", kAttributes,
         "how many changes may wait; above that setxattr waits for the service (default: 100000)",
         set_number<&Config::journal_changes>},

        {"region", "ID", kService, "such as cn-hangzhou or us-east-1", set_text<&Config::region>},
        {"endpoint", "URL", kService, "the service's address, without the bucket",
         set_text<&Config::endpoint>},
        {"addressing", "auto|path|virtual|cname", kService,
         "where the bucket's name stands in the URL", set_addressing},
        {"signature", "auto|v4|v1", kService, "v1 only for old OSS-compatible servers",
         set_signature},
        {"requester-pays", "", kService, "accept that requests are billed to you",
         set_flag<&Config::requester_pays>},
        {"sse-c-key", "FILE", kService, "the key that objects are encrypted with on the service",
         set_text<&Config::customer_key_file>},
        {"dialect", "oss|s3", kService,
         "for local: sources, what their server speaks (default: oss)", set_dialect},
        {"ca-bundle", "FILE", kService, "certificates to trust instead of the system's",
         set_text<&Config::ca_bundle>},
        {"client-certificate", "FILE", kService, "certificate (PEM) to show to the server",
         set_text<&Config::client_certificate>},
        {"client-key", "FILE", kService, "its private key, where that is not in the same file",
         set_text<&Config::client_key>},
        {"proxy", "URL", kService, "HTTP proxy (http_proxy is not read)", set_text<&Config::proxy>},
        {"no-proxy", "HOSTS", kService, "hosts to reach without the proxy",
         set_text<&Config::no_proxy>},
        {"unix-socket", "PATH", kService, "connect through this socket",
         set_text<&Config::unix_socket>},
        {"timeout", "TIME", kService,
         "give up on metadata requests, retries included (default: 60s)",
         set_duration<&Config::timeout>},
        {"allow-http", "", kService, "accept an http:// endpoint on another machine",
         set_flag<&Config::allow_http>},
        {"insecure-tls", "", kService, "do not verify the server's certificate",
         set_flag<&Config::insecure_tls>},

        {"credentials", "SPEC", kKeys,
         "where the key comes from, such as env, aws:PROFILE, ecs, file:PATH or process:COMMAND; "
         "all of them: xbucket-credentials(5)",
         set_text<&Config::credentials>},
        {"profile", "NAME", kKeys, "section of ~/.ossutilconfig, ~/.aws/credentials and the like",
         set_text<&Config::profile>},
        {"credentials-file", "FILE", kKeys, "read this file instead of those",
         set_text<&Config::credentials_file>},
        {"sts-endpoint", "URL", kKeys, "token service to ask instead of the cloud's own",
         set_text<&Config::sts_endpoint>},
        {"metadata-endpoint", "URL", kKeys, "metadata service to ask instead of the machine's own",
         set_text<&Config::metadata_endpoint>},
        {"anonymous", "", kKeys, "send no key (public buckets)", set_flag<&Config::anonymous>},

        {"spool", "DIR", kMachine,
         "where files being written are kept, and those whose upload failed (default: a directory "
         "of yours in ~/.local/state/xbucket, for root in /var/lib/xbucket)",
         set_text<&Config::spool>},
        {"spool-size", "SIZE", kMachine, "how much of it to use (default: what is free)",
         set_size<&Config::spool_bytes>},
        {"part-size", "SIZE", kMachine,
         "send files larger than two of these in parts (default: 16M)",
         set_size<&Config::part_bytes>},
        {"log", "stderr|syslog|FILE", kMachine,
         "default: stderr in the foreground, else syslog; SIGHUP reopens a file",
         set_text<&Config::log_target>},
        {"log-level", "LEVEL[,COMPONENT=LEVEL]", kMachine,
         "debug, info (default), warning, error, off; for parts: info,http=debug", set_log_level},
        {"metrics", "PORT|FILE", kMachine,
         "offer metrics for Prometheus on a port of this machine, or write them to a file",
         set_metrics},
        {"threads", "N", kMachine, "FUSE threads (default: one a core)",
         set_number<&Config::threads>},
        {"workers", "N", kMachine, "operations that may wait for the network (default: 64)",
         set_number<&Config::workers>},
        {"read-ahead", "KIB", kMachine, "the kernel's read-ahead (default: 1024)",
         set_number<&Config::read_ahead_kib>},
        {"read-memory", "SIZE", kMachine,
         "memory for what is fetched ahead of all readers together (default: 256M)",
         set_size<&Config::read_memory_bytes>},
        {"write-memory", "SIZE", kMachine,
         "memory for files that are being written, before they go to the spool (default: an eighth "
         "of this machine's, at most 1G; 0: none)",
         set_size<&Config::write_memory_bytes>},
        {"stop-timeout", "TIME", kMachine,
         "how long a mount that ends may go on sending; what is left then is kept in the spool "
         "(default: 75s)",
         set_duration<&Config::stop_timeout>},
        {"foreground", "", kMachine, "stay in the foreground", set_flag<&Config::foreground>},
        {"core-dumps", "", kMachine,
         "let a crash leave a core dump, which may hold content of files",
         set_flag<&Config::core_dumps>},
        {"syscall-filter", "yes|no", kMachine,
         "let the kernel refuse what no mount needs, such as starting programs (default: yes)",
         set_flag<&Config::syscall_filter>},
        {"file-filter", "yes|no", kMachine,
         "let the kernel refuse files that this mount does not need (default: yes)",
         set_flag<&Config::file_filter>},
        {"debug", "", kMachine, "log every operation; implies --foreground", set_debug},
    };
}

constexpr Text kNoise[] = {
    "rw",          "auto",
    "noauto",      "user",
    "users",       "nouser",
    "owner",       "noowner",
    "group",       "nogroup",
    "nofail",      "_netdev",
    "defaults",    "async",
    "suid",        "dev",
    "exec",        "atime",
    "diratime",    "relatime",
    "strictatime", "lazytime",
    "nolazytime",  "nostrictatime",
    "dirsync",     "default_permissions",
    "nonempty",    "silent",
    "loud",        "norelatime",
};
constexpr Text kKernelOptions[] = {"nosuid", "nodev", "noexec", "sync", "noatime", "nodiratime"};

}  // namespace

const std::vector<Setting>& settings() {
    static const std::vector<Setting> table = make_settings();
    return table;
}

bool is_for_service(const Setting& setting) {
    return setting.group == kService || setting.group == kKeys || setting.name == "log-level";
}

const Setting* find_setting(std::string_view name) {
    std::string plain(name);
    std::replace(plain.begin(), plain.end(), '_', '-');
    for (const Setting& setting : settings()) {
        if (setting.name == plain) return &setting;
    }
    return nullptr;
}

std::vector<std::string> split_mount_options(std::string_view text) {
    std::vector<std::string> options;
    std::string option;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            option += text[++i];
        } else if (text[i] == ',') {
            if (!option.empty()) options.push_back(std::move(option));
            option.clear();
        } else {
            option += text[i];
        }
    }
    if (!option.empty()) options.push_back(std::move(option));
    return options;
}

bool is_fstab_noise(std::string_view option) {
    for (const Text prefix :
         {"x-", "X-", "comment=", "fsname=", "subtype=", "uhelper=", "helper="}) {
        if (option.starts_with(prefix)) return true;
    }
    return std::find(std::begin(kNoise), std::end(kNoise), option) != std::end(kNoise);
}

bool is_kernel_option(std::string_view option) {
    return std::find(std::begin(kKernelOptions), std::end(kKernelOptions), option) !=
           std::end(kKernelOptions);
}

}  // namespace xbucket::app
