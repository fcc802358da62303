// SPDX-FileCopyrightText: the xbucket authors
// One event a line, "component key=value" style. Levels: error = someone must act, warning =
// degraded, info = lifecycle, debug = per operation. Never log a Secret; bytes that come from a
// bucket go through printable(). Thread-safe; before init_log() lines go to stderr.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace xbucket {

enum class LogLevel { debug, info, warning, error, off };

struct LogConfig {
    LogLevel level = LogLevel::info;
    // "stderr", "syslog", or the path of a file that is appended to.
    std::string target = "stderr";
};

// Returns false, with the reason in `error`, when the target cannot be opened.
bool init_log(const LogConfig& config, std::string* error);
// Closes and opens a file target again (after rotation).
void reopen_log();
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view component, std::string_view text);

template <class... Args>
void log(LogLevel level, std::string_view component, fmt::format_string<Args...> format,
         Args&&... args) {
    if (log_enabled(level)) {
        log_line(level, component, fmt::format(format, std::forward<Args>(args)...));
    }
}
#define XB_LOG_FN(name, level)                                                                  \
    template <class... Args>                                                                    \
    void name(std::string_view component, fmt::format_string<Args...> format, Args&&... args) { \
        log(level, component, format, std::forward<Args>(args)...);                             \
    }
XB_LOG_FN(log_debug, LogLevel::debug)
XB_LOG_FN(log_info, LogLevel::info)
XB_LOG_FN(log_warning, LogLevel::warning)
XB_LOG_FN(log_error, LogLevel::error)
#undef XB_LOG_FN

}  // namespace xbucket
