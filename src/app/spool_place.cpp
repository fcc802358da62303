// SPDX-FileCopyrightText: the xbucket authors
#include "spool_place.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/store/http_store.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

// Bytes of the hash that tells sources with equal bucket names apart.
constexpr size_t kHashLetters = 12;

std::string scheme_of(const Source& source) {
    if (source.local) return "local";
    return source.dialect == DialectKind::oss ? "oss" : "s3";
}

// One text however the place is spelt.
std::string place_of(const Config& config) {
    if (config.source.local) {
        std::error_code error;
        const auto real = std::filesystem::weakly_canonical(config.source.directory, error);
        return error ? config.source.directory : real.string();
    }
    HttpStoreConfig store;
    store.dialect = config.source.dialect;
    store.bucket = config.source.bucket;
    store.endpoint = config.endpoint;
    store.region = config.region;
    store.signature = SignatureVersion::v1;  // asks for no region where the endpoint tells none
    store.addressing = config.addressing;
    return resolved_endpoint(store).value_or(config.endpoint);
}

// As it was given, which is how earlier versions told sources apart.
std::string raw_place_of(const Config& config) {
    return config.source.local ? config.source.directory : config.endpoint;
}

// Readable for whoever looks for a lost file.
std::string name_of(const Config& config, const std::string& place) {
    const Source& source = config.source;
    const std::string scheme = scheme_of(source);
    const std::string identity =
        fmt::format("{}\n{}\n{}\n{}", scheme, place, source.bucket, source.prefix);
    const std::string hash = hex_encode(sha256(identity)).substr(0, kHashLetters);
    return fmt::format("{}-{}-{}", scheme, source.bucket, hash);
}

}  // namespace

std::string source_name(const Config& config) { return name_of(config, place_of(config)); }

namespace {

Error unusable(const std::string& path, std::string_view why) {
    return fail(ErrorKind::access_denied, fmt::format("the spool directory {} {}", path, why));
}

Result<void> make_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return fail(ErrorKind::io, fmt::format("the spool directory {} cannot be made: {}; {}", path,
                                           std::strerror(errno), kSpoolAdvice));
}

// What mkdir -p does, for the part of `path` above its last name.
Result<void> make_parents(const std::string& path) {
    for (size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        const std::string parent = path.substr(0, slash);
        struct stat st {};
        if (stat(parent.c_str(), &st) != 0) TRY(make_directory(parent));
    }
    return {};
}

Result<void> check_private(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return unusable(path, std::strerror(errno));
    if (!S_ISDIR(st.st_mode)) return unusable(path, "is no directory");
    if (st.st_uid != geteuid()) {
        return unusable(path, fmt::format("belongs to user {}", st.st_uid));
    }
    if ((st.st_mode & 022) != 0) {
        return unusable(path, fmt::format("can be written by others (mode {:04o})",
                                          static_cast<unsigned>(st.st_mode & 07777)));
    }
    return {};
}

}  // namespace

Result<std::string> state_directory(const Environment& environment, bool root) {
    if (const auto state = environment.get("XDG_STATE_HOME"); state && state->starts_with('/')) {
        return fmt::format("{}/xbucket", *state);
    }
    if (root) return std::string("/var/lib/xbucket");
    const std::string home = environment.home();
    if (!home.empty()) return fmt::format("{}/.local/state/xbucket", home);
    return fail(ErrorKind::io, "no home directory is known");
}

Result<std::string> spool_path(const Config& config, const Environment& environment, bool root) {
    if (!config.spool.empty()) return config.spool;
    auto state = state_directory(environment, root);
    if (!state) {
        return fail(ErrorKind::io, fmt::format("no home directory is known for the files that are "
                                               "being written; {}",
                                               kSpoolAdvice));
    }
    const std::string& base = *state;
    return fmt::format("{}/{}", base, source_name(config));
}

Result<std::string> prepare_spool(const Config& config, const Environment& environment) {
    std::string path = TRY(spool_path(config, environment, geteuid() == 0));
    if (config.spool.empty()) TRY(make_parents(path));
    TRY(make_directory(path));
    if (const auto good = check_private(path); !good) {
        return fail(good.error().kind, fmt::format("{}; {}", good.error().message, kSpoolAdvice));
    }
    return path;
}

Result<std::string> examine_spool(const Config& config, const std::string& path) {
    const auto is_there = [](const std::string& one) {
        struct stat st {};
        return stat(one.c_str(), &st) == 0;
    };
    std::string there = path;
    const auto up = [&there] {
        while (there.size() > 1 && there.ends_with('/')) there.pop_back();
        there = std::filesystem::path(there).parent_path().string();
        if (there.empty()) there.push_back('.');
    };
    if (is_there(path)) {
        TRY(check_private(path));
    } else {
        // Parents are made for the default place only.
        up();
        while (config.spool.empty() && there != "/" && !is_there(there)) up();
    }
    if (access(there.c_str(), W_OK | X_OK) == 0) return there;
    const std::string why = std::strerror(errno);
    if (there == path) return unusable(path, fmt::format("cannot be written to: {}", why));
    return unusable(path, fmt::format("cannot be made in {}: {}", there, why));
}

JournalPlace journal_place(const Config& config, const std::string& spool) {
    JournalPlace place;
    place.directory = spool + "/journal";
    if (!config.spool.empty()) {
        place.directory += "/" + source_name(config);
        return place;
    }
    const std::string older = name_of(config, raw_place_of(config));
    if (older == source_name(config)) return place;
    const std::string older_spool = (std::filesystem::path(spool).parent_path() / older).string();
    struct stat st {};
    if (stat((older_spool + "/journal").c_str(), &st) != 0) return place;
    if (const auto good = check_private(older_spool); !good)
        log_warning("app", "event=journal_not_used reason=\"{}\"", good.error().message);
    else
        place.older.push_back(older_spool + "/journal");
    return place;
}

size_t count_kept_files(const std::string& spool_directory) {
    namespace stdfs = std::filesystem;
    size_t files = 0;
    std::error_code error;
    for (stdfs::directory_iterator it(spool_directory + "/recovery", error), end;
         !error && it != end; it.increment(error)) {
        if (it->path().extension() != ".json") ++files;
    }
    return files;
}

}  // namespace xbucket::app
