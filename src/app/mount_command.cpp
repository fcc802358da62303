// SPDX-FileCopyrightText: the xbucket authors
// The life of a mount as a process: prepare, fork, build, serve, and go down in order.
#include "commands.h"
#include "mountpoint.h"
#include "signals.h"
#include "wire.h"

#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>

namespace xbucket::app {
namespace {

ExitCode complain(ExitCode code, std::string_view sentence) {
    StartReport().failed(code, sentence);
    return code;
}

// The daemon's directory is "/": what was given relative to the caller's must be made absolute.
void make_paths_absolute(Config& config) {
    const auto fix = [](std::string& path) {
        if (path.empty()) return;
        std::error_code error;
        const auto absolute = std::filesystem::absolute(path, error);
        if (!error) path = absolute.lexically_normal().string();
    };
    fix(config.ca_bundle);
    fix(config.credentials_file);
    fix(config.spool);
    fix(config.unix_socket);
    if (config.source.local) fix(config.source.directory);
    if (config.log_target != "stderr" && config.log_target != "syslog") fix(config.log_target);
}

// The first SIGTERM or SIGINT ends the mount in order, a second one at once. Before there is a
// mount the first one ends the process.
void watch_signals(SignalThread& signals, const std::atomic<MountedBucket*>& serving) {
    signals.start({
        .end =
            [&serving] {
                log_info("app", "event=stopping");
                MountedBucket* const bucket = serving.load();
                if (bucket == nullptr) _exit(to_int(ExitCode::mount_failed));
                bucket->stop();
            },
        .end_again =
            [] {
                log_error("app", "event=killed note=\"asked twice: pending changes are given up\"");
                _exit(to_int(ExitCode::changes_lost));
            },
        .hang_up = [] { reopen_log(); },
    });
}

// After the session: sends what is pending.
ExitCode go_down(MountedBucket& mount, const Config& config, bool served) {
    const auto sent = mount.shutdown();
    if (!sent) {
        log_error("app", "event=changes_not_sent reason=\"{}\"", sent.error().describe());
        return ExitCode::changes_lost;
    }
    log_info("app", "event=unmounted source=\"{}\"", config.source_text);
    return served ? ExitCode::ok : ExitCode::system;
}

// Builds, serves, goes down. Runs in the process that will be the daemon.
ExitCode serve_mount(const Config& config, const Environment& environment, StartReport report) {
    const auto give_up = [&report](ExitCode code, std::string_view sentence) {
        report.failed(code, sentence);
        return code;
    };
    harden_process();
    // In this order, so that signals are no longer acted on when the mount goes.
    std::unique_ptr<MountedBucket> mount;
    std::atomic<MountedBucket*> serving{nullptr};
    SignalThread signals;
    const LogConfig log{.level = config.log_level, .target = config.log_target};
    std::string reason;
    if (!init_log(log, &reason)) {
        return give_up(ExitCode::system, fmt::format("cannot log to {}: {}", log.target, reason));
    }
    if (auto cleared = clear_mountpoint(config.mountpoint); !cleared) {
        return give_up(ExitCode::mount_failed, cleared.error().message);
    }
    watch_signals(signals, serving);
    auto created = MountedBucket::create(config, environment);
    if (!created) {
        const bool usage = created.error().kind == ErrorKind::invalid_argument;
        return give_up(
            usage ? ExitCode::usage : ExitCode::mount_failed,
            fmt::format("cannot mount {}: {}", config.source_text, created.error().message));
    }
    mount = std::move(*created);
    serving = mount.get();
    const auto served = mount->run([&] {
        log_info("app", "event=mounted source=\"{}\" mountpoint=\"{}\"", config.source_text,
                 config.mountpoint);
        report.ready(config.log_target == "stderr");
    });
    if (!served) {
        report.failed(ExitCode::mount_failed, served.error().message);
        log_error("app", "event=session_failed reason=\"{}\"", served.error().message);
    }
    return go_down(*mount, config, served.has_value());
}

}  // namespace

ExitCode mount_command(Config config, const Environment& environment) {
    auto mountpoint = resolve_mountpoint(config.mountpoint);
    if (!mountpoint) return complain(ExitCode::mount_failed, mountpoint.error().message);
    config.mountpoint = *mountpoint;
    if (config.log_target.empty()) config.log_target = config.foreground ? "stderr" : "syslog";
    make_paths_absolute(config);
    if (config.foreground) return serve_mount(config, environment, StartReport());

    auto forked = fork_to_background();
    if (!forked) return complain(ExitCode::system, forked.error().message);
    if (forked->parent_exit) return static_cast<ExitCode>(*forked->parent_exit);
    return serve_mount(config, environment, std::move(forked->report));
}

}  // namespace xbucket::app
