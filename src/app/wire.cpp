// SPDX-FileCopyrightText: the xbucket authors
#include "wire.h"

#include "spool_place.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/json.h"
#include "xbucket/base/log.h"
#include "xbucket/meta/left_journals.h"

#include <fmt/format.h>

#include <filesystem>
#include <unistd.h>

namespace xbucket::app {
namespace {

// Who answers user.xbucket.stats; `xbucket mounts` and the like read it.
std::string identity_json(const Config& config, const std::string& spool) {
    return fmt::format(R"("version":{},"pid":{},"source":{},"bucket":{},"spool":{})",
                       json_string(XBUCKET_VERSION), getpid(), json_string(config.source_text),
                       json_string(config.source.bucket), json_string(spool));
}

// What mounts that are gone left in a directory that --spool names and that is not this source's,
// for all that is known.
void log_foreign_journals(const Config& config, const std::string& spool, const std::string& own) {
    if (config.spool.empty()) return;  // all in it is
    for (const LeftJournal& left : left_journals(spool + "/journal")) {
        if (left.file.starts_with(own + "/")) continue;
        if (!left.source.empty()) {
            log_info("app",
                     "event=journal_of_another_source file=\"{}\" source=\"{}\" changes={} "
                     "failures={} note=\"the next mount of that source takes it over\"",
                     left.file, printable(left.source), left.changes, left.failures);
            continue;
        }
        const std::string all = std::filesystem::path(left.file).replace_extension("*").string();
        log_warning(
            "app",
            "event=journal_of_unknown_source file=\"{}\" changes={} failures={} {}note=\"it "
            "does not say of which source it is, and is left alone: if it is of this one, "
            "unmount, move {} to {} and mount again\"",
            left.file, left.changes, left.failures,
            left.unreadable.empty() ? "" : fmt::format("reason=\"{}\" ", left.unreadable), all,
            own);
    }
}

}  // namespace

Result<std::unique_ptr<MountedBucket>> MountedBucket::create(Config config,
                                                             const Environment& environment,
                                                             const Keeper* keeper) {
    ProgramRunner run_program;
    if (keeper != nullptr) {
        run_program = [keeper](const std::string& command, bool shell,
                               const ProcessLimits& limits) {
            return keeper->run_program(command, shell, limits);
        };
    }
    auto bucket = TRY(
        Bucket::open(std::move(config), environment, Bucket::Journal::beside_spool, run_program));
    TRY(bucket->reach());
    std::unique_ptr<MountedBucket> mount(new MountedBucket(std::move(bucket)));
    mount->keeper_ = keeper;
    TRY(mount->make_files(environment));
    return mount;
}

Result<void> MountedBucket::make_files(const Environment& environment) {
    const Config& config = bucket_->config();
    FsConfig fs;
    fs.read_only = config.read_only;
    fs.stat_mode = config.stat_mode;
    fs.links = config.links;
    fs.uid = config.uid.value_or(getuid());
    fs.gid = config.gid.value_or(getgid());
    // Who may write to the bucket decides nothing that was said here, however a file became known.
    fs.uid_stands = config.uid && config.stat_mode == StatMode::list;
    fs.gid_stands = config.gid && config.stat_mode == StatMode::list;
    fs.umask = config.umask;
    fs.file_mode = config.file_mode & ~config.umask;
    fs.dir_mode = config.dir_mode & ~config.umask;
    fs.entry_life = config.ttl;
    fs.negative_life = config.negative_life();
    if (!config.read_only) {
        fs.spool_directory = spool_ = TRY(prepare_spool(config, environment));
        if (const size_t kept = count_kept_files(fs.spool_directory); kept != 0) {
            log_warning("app",
                        "event=kept_files count={} directory=\"{}/recovery\" note=\"their upload "
                        "failed earlier; copy what is still needed and remove them\"",
                        kept, fs.spool_directory);
        }
    }
    if (!config.read_only) log_foreign_journals(config, spool_, bucket_->journal().directory);
    fs.spool_bytes_max = config.spool_bytes;
    fs.write_memory_max = config.write_memory_bytes;
    fs.part_bytes = config.part_bytes;
    fs.source_name = source_name(config);
    fs.source_text = config.source_text;
    fs.read_bytes_max = config.read_memory_bytes;
    fs.mount_time = bucket_->clock().wall_now();
    fs.stats_head = identity_json(config, fs.spool_directory);
    fs_ = TRY(make_filesystem(fs, bucket_->meta(), bucket_->store(), bucket_->clock()));
    return bucket_->meta().start();
}

Result<void> MountedBucket::mount() {
    const Config& config = bucket_->config();
    SessionConfig session;
    session.mountpoint = config.mountpoint;
    session.source = config.source_text;
    session.read_only = config.read_only;
    session.allow_other = config.allow_other;
    session.allow_root = config.allow_root;
    session.debug = config.debug;
    session.extra_options = config.kernel_options;
    session.threads = config.threads;
    session.workers = config.workers;
    session.editors = config.editors();
    session.read_ahead_kib = config.read_ahead_kib;
    if (keeper_ != nullptr) session.unmount = [keeper = keeper_] { return keeper->unmount(); };
    const auto ended = [] { return fail(ErrorKind::cancelled, "ended by a signal"); };
    {
        LockGuard lock(mutex_);
        if (stopped_) return ended();
    }
    session_ = TRY(make_fuse_session(session, *fs_));
    LockGuard lock(mutex_);
    if (stopped_) return ended();  // and it goes as it came
    stoppable_ = session_.get();
    return {};
}

void MountedBucket::stop() {
    LockGuard lock(mutex_);
    stopped_ = true;
    if (stoppable_ != nullptr) stoppable_->stop();
}

void MountedBucket::abandon() {
    if (const size_t kept = fs_->keep_unsent(); kept != 0) {
        log_error("app", "event=kept_files count={} directory=\"{}/recovery\"", kept, spool_);
    }
    LockGuard lock(mutex_);
    stopped_ = true;
    if (stoppable_ != nullptr) stoppable_->abandon();
}

std::string MountedBucket::stats_json() const {
    return fs_->getxattr(kRootInode, "user.xbucket.stats", Caller{}).value_or("{}");
}

uint64_t MountedBucket::bytes_moved() const {
    const TransportStats traffic = bucket_->traffic();
    return traffic.bytes_in + traffic.bytes_out;
}

ReachableFiles MountedBucket::reachable_files() const {
    const Config& config = bucket_->config();
    ReachableFiles files;
    const auto add = [](std::vector<std::string>& to, const std::string& file) {
        for (std::string& directory : directories_of(file)) to.push_back(std::move(directory));
    };
    if (!spool_.empty()) files.written.push_back(spool_);
    for (const std::string& older : bucket_->journal().older) files.written.push_back(older);
    if (config.source.local) files.written.push_back(config.source.directory);
    add(files.written, config.log_target);
    if (config.metrics) add(files.written, config.metrics->file);
    for (const std::string& file : {config.config_file, config.ca_bundle, config.client_certificate,
                                    config.client_key, config.customer_key_file}) {
        add(files.read, file);
    }
    for (const std::string& file : bucket_->credential_files()) add(files.read, file);
    return files;
}

Result<void> MountedBucket::shutdown() {
    auto files = fs_->shutdown();
    auto attributes = bucket_->meta().shutdown();
    return files ? std::move(attributes) : std::move(files);
}

}  // namespace xbucket::app
