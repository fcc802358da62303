// SPDX-FileCopyrightText: the xbucket authors
// The one file that knows spdlog. There is one log per process, as there is one stderr; this is
// the only global state in xbucket, and it is never destroyed, so that a late line is safe.
#include "xbucket/base/encoding.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/log_levels.h"
#include "xbucket/base/sync.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace xbucket {
namespace {

std::string errno_text() { return std::generic_category().message(errno); }

int open_for_append(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

// Each line is one appending write, so that lines of several processes do not mix. spdlog's own
// file sink buffers, creates missing folders and lets the descriptor leak into children.
class FileSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
  public:
    FileSink(std::string path, int fd) : path_(std::move(path)), file_(fd) {}

    // Keeps the old file, and says why in `error`, when the new one cannot be opened.
    bool reopen(std::string* error) {
        FileDescriptor fresh(open_for_append(path_));
        if (!fresh.is_open()) {
            *error = fmt::format("cannot open log file {}: {}", path_, errno_text());
            return false;
        }
        file_ = std::move(fresh);
        return true;
    }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        std::string_view rest(line.data(), line.size());
        while (!rest.empty()) {
            const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return;  // A full disk must not stop the mount.
            rest.remove_prefix(static_cast<size_t>(written));
        }
    }
    void flush_() override {}

  private:
    const std::string path_;
    FileDescriptor file_;
};

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::off:
            return spdlog::level::off;
    }
    return spdlog::level::off;
}

void set_pattern(spdlog::sinks::sink& sink, bool with_time) {
    sink.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        with_time ? "%Y-%m-%dT%H:%M:%S.%eZ %l %v" : "%v", spdlog::pattern_time_type::utc));
}

// Thread-safe. Sinks are spdlog's single-threaded kind, under this lock.
class Log {
  public:
    Log() : sink_(std::make_shared<spdlog::sinks::stderr_sink_st>()) { set_pattern(*sink_, true); }

    bool open(const std::string& target, std::string* error) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (target == "stderr") {
            file_ = nullptr;
            sink_ = std::make_shared<spdlog::sinks::stderr_sink_st>();
        } else if (target == "syslog") {
            // The old sink goes first: if it is syslog's, its destructor would close the new one.
            file_ = nullptr;
            sink_ = nullptr;
            sink_ = std::make_shared<spdlog::sinks::syslog_sink_st>("xbucket", LOG_PID, LOG_DAEMON,
                                                                    true);
        } else {
            // Absolute, because a daemon changes its folder before the first rotation.
            std::error_code ignored;
            const std::filesystem::path path = std::filesystem::absolute(target, ignored);
            const std::string name = ignored ? target : path.string();
            const int fd = open_for_append(name);
            if (fd < 0) {
                *error = fmt::format("cannot open log file {}: {}", target, errno_text());
                return false;
            }
            file_ = std::make_shared<FileSink>(name, fd);
            sink_ = file_;
        }
        // syslog has its own time and level.
        set_pattern(*sink_, target != "syslog");
        return true;
    }

    bool reopen(std::string* error) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return file_ == nullptr || file_->reopen(error);
    }

    void write(LogLevel level, std::string_view line) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        try {
            sink_->log(spdlog::details::log_msg(spdlog::source_loc{}, "xbucket", to_spdlog(level),
                                                spdlog::string_view_t(line.data(), line.size())));
            sink_->flush();
        } catch (const std::exception&) {
            // There is nowhere left to say it.
        }
    }

    void set_levels(LogLevels levels) EXCLUDES(mutex_) {
        LogLevel lowest = levels.base;
        for (const auto& [component, level] : levels.components) lowest = std::min(lowest, level);
        LockGuard lock(mutex_);
        levels_ = std::move(levels);
        threshold = lowest;
    }
    bool wants(LogLevel level, std::string_view component) const EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        const auto own = levels_.components.find(component);
        return level >= (own == levels_.components.end() ? levels_.base : own->second);
    }

    // The lowest of all components: what is below needs no further look.
    std::atomic<LogLevel> threshold{LogLevel::info};

  private:
    mutable Mutex mutex_;
    LogLevels levels_ GUARDED_BY(mutex_);
    std::shared_ptr<spdlog::sinks::sink> sink_ GUARDED_BY(mutex_);
    std::shared_ptr<FileSink> file_ GUARDED_BY(mutex_);  // Is sink_, or null for other targets.
};

Log& the_log() {
    static Log* const kLog = new Log;
    return *kLog;
}

}  // namespace

bool init_log(const LogConfig& config, std::string* error) {
    std::string reason;
    const bool opened = the_log().open(config.target, &reason);
    if (opened) set_log_level(config.level);
    if (!opened && error != nullptr) *error = reason;
    return opened;
}

void reopen_log() {
    std::string reason;
    if (!the_log().reopen(&reason)) log_line(LogLevel::error, "log", reason);
}

void set_log_level(LogLevel level) { set_log_levels({.base = level, .components = {}}); }
void set_log_levels(const LogLevels& levels) { the_log().set_levels(levels); }

bool log_enabled(LogLevel level) {
    return level != LogLevel::off && level >= the_log().threshold.load(std::memory_order_relaxed);
}

void log_line(LogLevel level, std::string_view component, std::string_view text) {
    if (!log_enabled(level) || !the_log().wants(level, component)) return;
    // Escaped here as a whole, so that no caller's slip can forge a line.
    the_log().write(level, printable(fmt::format("{} {}", component, text)));
}

}  // namespace xbucket
