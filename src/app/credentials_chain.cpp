// SPDX-FileCopyrightText: the xbucket authors
// The order in which sources are asked, and the provider that reads a file again when it changed.
#include "credentials_sources.h"
#include "private_file.h"

#include "xbucket/base/log.h"
#include "xbucket/base/sync.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <utility>
#include <vector>

namespace xbucket::app {
namespace {

using Load = std::function<Result<LoadedProfile>()>;

// Thread-safe. A file that has become unreadable or half written keeps the last good key in use:
// the service, not the file, decides when a key ends.
class FileCredentials final : public CredentialsProvider {
  public:
    FileCredentials(Credentials first, Load load, std::vector<std::string> paths, Clock& clock)
        : load_(std::move(load)),
          paths_(std::move(paths)),
          clock_(clock),
          current_(std::move(first)),
          stamps_(stamps()),
          next_look_(clock.now() + kLookInterval) {}

    Result<Credentials> get() override EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        const TimePoint now = clock_.now();
        if (now >= next_look_) {
            next_look_ = now + kLookInterval;
            if (stamps() != stamps_) reload();
        }
        return current_;
    }

    bool refused(const Credentials& credentials) override EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (same(credentials, current_)) reload();
        return !same(credentials, current_);
    }

  private:
    static bool same(const Credentials& a, const Credentials& b) {
        return a.access_key_id == b.access_key_id && a.access_key_secret == b.access_key_secret &&
               a.session_token == b.session_token;
    }
    std::vector<FileStamp> stamps() const {
        std::vector<FileStamp> all;
        for (const std::string& path : paths_) all.push_back(stamp_of(path));
        return all;
    }
    void reload() REQUIRES(mutex_) {
        // Stamps first: a change while reading is then seen at the next look.
        stamps_ = stamps();
        auto loaded = load_();
        if (!loaded) {
            log_warning("credentials", "event=reload_failed keeping=\"{}\" reason=\"{}\"",
                        current_.source, loaded.error().message);
            return;
        }
        if (same(loaded->credentials, current_)) return;
        current_ = std::move(loaded->credentials);
        log_info("credentials", "event=reloaded source=\"{}\"", current_.source);
    }

    static constexpr Duration kLookInterval = std::chrono::seconds(1);

    const Load load_;
    const std::vector<std::string> paths_;
    Clock& clock_;
    Mutex mutex_;
    Credentials current_ GUARDED_BY(mutex_);
    std::vector<FileStamp> stamps_ GUARDED_BY(mutex_);
    TimePoint next_look_ GUARDED_BY(mutex_);
};

std::array<VariableFamily, 3> family_order(DialectKind dialect) {
    if (dialect == DialectKind::s3) {
        return {VariableFamily::aws, VariableFamily::oss, VariableFamily::alibaba};
    }
    return {VariableFamily::oss, VariableFamily::alibaba, VariableFamily::aws};
}

struct FileSource {
    Load load;
    std::vector<std::string> paths;
};

FileSource file_source(const CredentialsRequest& request, const Environment& environment) {
    const std::string home = environment.home();
    if (request.dialect == DialectKind::oss) {
        const std::string path =
            request.file.empty() ? fmt::format("{}/.ossutilconfig", home) : request.file;
        return {[=, profile = request.profile, bucket = request.bucket] {
                    return load_ossutil(path, profile, bucket);
                },
                {path}};
    }
    std::string keys = request.file;
    if (keys.empty()) keys = environment.first_of({"AWS_SHARED_CREDENTIALS_FILE"});
    if (keys.empty()) keys = fmt::format("{}/.aws/credentials", home);
    std::string config = environment.first_of({"AWS_CONFIG_FILE"});
    if (config.empty()) config = fmt::format("{}/.aws/config", home);
    std::string profile = request.profile;
    if (profile.empty()) profile = environment.first_of({"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
    return {[=] { return load_aws(keys, config, profile); }, {keys, config}};
}

Error nothing_found(const CredentialsRequest& request, const FileSource& source) {
    const bool s3 = request.dialect == DialectKind::s3;
    return fail(ErrorKind::bad_credentials,
                fmt::format("no access key found; set {} (and {} for a temporary key), or write "
                            "{} ({}), or give --anonymous for a public bucket",
                            s3 ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                               : "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET",
                            s3 ? "AWS_SESSION_TOKEN" : "OSS_SESSION_TOKEN", source.paths.front(),
                            s3 ? "aws configure" : "ossutil config"));
}

}  // namespace

Result<FoundCredentials> find_credentials(const CredentialsRequest& request,
                                          const Environment& environment, Clock& clock) {
    FoundCredentials found;
    found.hints = hints_from_environment(environment, request.dialect);
    const FileSource source = file_source(request, environment);
    const bool file_is_named = !request.file.empty() || !request.profile.empty();
    auto loaded = source.load();
    const bool file_is_missing = !loaded && loaded.error().kind == ErrorKind::not_found;

    if (request.anonymous) {
        if (loaded) found.hints.fill_from(loaded->hints);
        found.provider = std::make_unique<StaticCredentials>(Credentials{.source = "--anonymous"});
        return found;
    }
    if (!file_is_named) {
        for (const VariableFamily family : family_order(request.dialect)) {
            auto credentials = TRY(credentials_from_environment(environment, family));
            if (!credentials) continue;
            // The file still knows where the bucket is.
            if (loaded) found.hints.fill_from(loaded->hints);
            found.provider = std::make_unique<StaticCredentials>(std::move(*credentials));
            return found;
        }
    }
    if (file_is_missing && !file_is_named) return nothing_found(request, source);
    if (!loaded) {
        Error error = std::move(loaded).error();
        if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::bad_credentials;
        if (request.profile.empty()) return error;
        return std::move(error).with_context(fmt::format("--profile={}", request.profile));
    }
    // A profile asked for by name knows better where its buckets are than the environment.
    if (file_is_named) std::swap(found.hints, loaded->hints);
    found.hints.fill_from(loaded->hints);
    found.provider = std::make_unique<FileCredentials>(std::move(loaded->credentials), source.load,
                                                       source.paths, clock);
    return found;
}

}  // namespace xbucket::app
