// SPDX-FileCopyrightText: the xbucket authors
// The life of a mount as a process: prepare, fork, build, serve, and go down in order.
#include "commands.h"
#include "confinement.h"
#include "ending.h"
#include "keeper.h"
#include "metrics.h"
#include "mountpoint.h"
#include "options.h"
#include "service_manager.h"
#include "signals.h"
#include "syscall_filter.h"
#include "wire.h"

#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/statvfs.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

constexpr std::string_view kEndedBySignal = "ended by a signal before the mount answered";

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
    fix(config.client_certificate);
    fix(config.client_key);
    fix(config.customer_key_file);
    fix(config.credentials_file);
    if (config.credentials.starts_with("file:")) {
        std::string path = config.credentials.substr(5);
        fix(path);
        config.credentials = "file:" + path;
    }
    fix(config.spool);
    fix(config.unix_socket);
    if (config.source.local) fix(config.source.directory);
    if (config.log_target != "stderr" && config.log_target != "syslog") fix(config.log_target);
}

// The same for what other tools' variables name.
Environment with_paths_absolute(const Environment& environment) {
    return environment.with_absolute_paths(
        {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CA_BUNDLE",
         "ALIBABA_CLOUD_CREDENTIALS_FILE", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"});
}

// What SIGHUP changes in a running mount: log levels. What else would differ now is named, so that
// nobody believes it took effect.
void reload(const Config& running, const Reread& reread) {
    reopen_log();
    const auto fresh = reread(running);
    if (!fresh) {
        log_error("app", "event=not_reloaded reason=\"{}\"", fresh.error().message);
        return;
    }
    set_log_levels(fresh->log_levels);
    std::string waiting;
    const auto differs = [](const auto& a, const auto& b, const std::string& name) {
        const auto left = a.find(name);
        const auto right = b.find(name);
        if (left == a.end() || right == b.end()) return (left == a.end()) != (right == b.end());
        return left->second != right->second;
    };
    for (const Setting& setting : settings()) {
        const std::string name(setting.name);
        if (name == "log-level" || !differs(running.given, fresh->given, name)) continue;
        waiting += (waiting.empty() ? "" : ",") + name;
    }
    log_info("app", "event=reloaded file=\"{}\" log_level={}{}", fresh->config_file,
             fresh->given.count("log-level") != 0 ? fresh->given.at("log-level") : "info",
             waiting.empty() ? "" : fmt::format(" need_new_mount={}", waiting));
}

// Answers by way of the kernel and the loop of the mount, without the network.
bool answers(const std::string& mountpoint) {
    struct statvfs st {};
    return statvfs(mountpoint.c_str(), &st) == 0;
}

// The first SIGTERM or SIGINT ends the mount in order, a second one at once. Before there can be a
// mount the first one ends the process.
void watch_signals(SignalThread& signals, const std::atomic<MountedBucket*>& made, Ending& ending,
                   ServiceManager& manager, StartReport& report, std::function<void()> hang_up) {
    signals.start({
        .end =
            [&made, &ending, &manager, &report] {
                log_info("app", "event=stopping");
                manager.stopping();
                MountedBucket* const bucket = made.load();
                if (bucket == nullptr) {
                    report.failed(ExitCode::mount_failed, kEndedBySignal);
                    _exit(to_int(ExitCode::mount_failed));
                }
                ending.begin();
                bucket->stop();
            },
        .end_again =
            [&ending] {
                log_error("app", "event=killed note=\"asked twice: what is pending is given up\"");
                ending.now();
            },
        .hang_up = std::move(hang_up),
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

// Who does what the filter will forbid this process; none where there will be no filter.
std::unique_ptr<Keeper> start_keeper(const Config& config) {
    if (!config.syscall_filter) return nullptr;
    if (!SyscallFilter::is_possible()) {
        log_info("app", "event=no_syscall_filter reason=\"built with a sanitizer\"");
        return nullptr;
    }
    auto keeper = Keeper::start(config.mountpoint);
    if (keeper) return std::move(*keeper);
    log_warning("app", "event=no_syscall_filter reason=\"{}\"", keeper.error().message);
    return nullptr;
}

// From here on this process can do what a mount must do, and nothing else.
std::unique_ptr<SyscallFilter> confine(const Keeper& keeper, const MountedBucket& mount,
                                       bool files) {
    keeper.seal();
    if (const auto dropped = drop_rights(); !dropped) {
        log_warning("app", "event=rights_kept reason=\"{}\"", dropped.error().message);
    }
    if (files) {
        const auto confined = confine_files(mount.reachable_files());
        if (!confined) {
            log_info("app", "event=no_file_filter reason=\"{}\"", confined.error().message);
        }
    }
    auto filter = SyscallFilter::load();
    if (filter) return std::move(*filter);
    log_warning("app", "event=no_syscall_filter reason=\"{}\"", filter.error().message);
    return nullptr;
}

struct Serving {
    const Config& config;
    const Keeper* keeper;
    std::unique_ptr<SyscallFilter>& filter;
    Ending& ending;
    ServiceManager& manager;
    StartReport& report;
    const std::string& status;
};

// Serves what is mounted, and goes down.
ExitCode serve_until_end(MountedBucket& mount, const Serving& with) {
    const Config& config = with.config;
    bool answered = false;
    const auto ready = [&] {
        answered = true;
        log_info("app", "event=mounted source=\"{}\" mountpoint=\"{}\"", config.source_text,
                 config.mountpoint);
        if (with.keeper != nullptr) with.filter = confine(*with.keeper, mount, config.file_filter);
        with.report.ready(config.log_target == "stderr");
        with.manager.ready(with.status);
        with.manager.keep_alive([&config] { return answers(config.mountpoint); });
    };
    const auto served = mount.run(ready, [&with] { with.ending.begin_unmounted(); });
    with.manager.stopping();
    if (!served) {
        with.report.failed(ExitCode::mount_failed, served.error().message);
        log_error("app", "event=session_failed reason=\"{}\"", served.error().message);
    }
    ExitCode code = go_down(mount, config, served.has_value());
    if (served && !answered) {
        with.report.failed(ExitCode::mount_failed, kEndedBySignal);
        code = ExitCode::mount_failed;
    }
    with.ending.done(code);
    return code;
}

// What cannot be mounted, and why, for the person who asked.
ExitCode not_mounted(const Config& config, const Error& error, StartReport& report) {
    const bool usage = error.kind == ErrorKind::invalid_argument;
    const ExitCode code = usage ? ExitCode::usage : ExitCode::mount_failed;
    if (error.kind == ErrorKind::cancelled) {
        report.failed(code, kEndedBySignal);
    } else {
        report.failed(code, fmt::format("cannot mount {}: {}", config.source_text, error.message));
    }
    return code;
}

// Builds, serves, goes down. Runs in the process that will be the daemon.
ExitCode serve_mount(const Config& config, const Environment& environment, const Reread& reread,
                     StartReport report) {
    const auto give_up = [&report](ExitCode code, std::string_view sentence) {
        report.failed(code, sentence);
        return code;
    };
    harden_process(config.core_dumps);
    // In this order, so that signals are no longer acted on when the mount goes.
    SystemClock clock;
    Ending ending(clock, config.stop_timeout, [](ExitCode code) { _exit(to_int(code)); });
    std::unique_ptr<Keeper> keeper;
    std::unique_ptr<SyscallFilter> filter;
    std::unique_ptr<MountedBucket> mount;
    std::unique_ptr<Ending::Holding> holding;
    std::atomic<MountedBucket*> made{nullptr};
    ServiceManager manager(environment);
    SignalThread signals;
    std::unique_ptr<Metrics> metrics;
    const LogConfig log{.level = config.log_levels.base, .target = config.log_target};
    std::string reason;
    if (!init_log(log, &reason)) {
        return give_up(ExitCode::system, fmt::format("cannot log to {}: {}", log.target, reason));
    }
    set_log_levels(config.log_levels);
    if (auto cleared = clear_mountpoint(config.mountpoint); !cleared) {
        return give_up(ExitCode::mount_failed, cleared.error().message);
    }
    const std::string status = fmt::format("{} on {}", config.source_text, config.mountpoint);
    watch_signals(signals, made, ending, manager, report, [&] {
        manager.reloading();
        reload(config, reread);
        manager.ready(status);
    });
    keeper = start_keeper(config);
    raise_open_files_limit();  // after the keeper, whose programs need not bear with it
    auto created = MountedBucket::create(config, environment, keeper.get());
    if (!created) return not_mounted(config, created.error(), report);
    mount = std::move(*created);
    holding = std::make_unique<Ending::Holding>(
        ending, [&mount] { mount->abandon(); }, [&mount] { return mount->bytes_moved(); });
    made = mount.get();
    if (const auto mounted = mount->mount(); !mounted) {
        return not_mounted(config, mounted.error(), report);
    }
    if (config.metrics) {
        MountedBucket& serves = *mount;
        auto started = start_metrics(
            *config.metrics, [&serves] { return serves.stats_json(); }, mount->clock());
        if (!started) return give_up(ExitCode::system, started.error().message);
        metrics = std::move(*started);
    }
    const Serving serving{config, keeper.get(), filter, ending, manager, report, status};
    return serve_until_end(*mount, serving);
}

}  // namespace

ExitCode mount_command(Config config, const Environment& given, const Reread& reread) {
    auto mountpoint = resolve_mountpoint(config.mountpoint);
    if (!mountpoint) return complain(ExitCode::mount_failed, mountpoint.error().message);
    config.mountpoint = *mountpoint;
    if (config.log_target.empty()) config.log_target = config.foreground ? "stderr" : "syslog";
    make_paths_absolute(config);
    const Environment environment = with_paths_absolute(given);
    if (config.foreground) return serve_mount(config, environment, reread, StartReport());

    auto forked = fork_to_background();
    if (!forked) return complain(ExitCode::system, forked.error().message);
    if (forked->parent_exit) {
        const auto code = static_cast<ExitCode>(*forked->parent_exit);
        if (code == ExitCode::ok) announce_mount(config.source_text, config.mountpoint);
        return code;
    }
    return serve_mount(config, environment, reread, std::move(forked->report));
}

}  // namespace xbucket::app
