// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/log_levels.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace xbucket {
namespace {

constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning},
    {"error", LogLevel::error}, {"off", LogLevel::off},
};
// What stands at the beginning of a log line.
constexpr std::string_view kComponents[] = {"app",   "fuse", "fs",          "meta",  "data",
                                            "store", "http", "credentials", "local", "worker"};

std::optional<LogLevel> level_of(std::string_view word) {
    for (const auto& [name, level] : kLevels) {
        if (word == name) return level;
    }
    return std::nullopt;
}

Error bad(std::string_view word) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("'{}' is no log level; write debug, info, warning, error or off, and "
                            "COMPONENT=LEVEL for {}",
                            printable(word), fmt::join(kComponents, ", ")));
}

}  // namespace

Result<LogLevels> parse_log_levels(std::string_view text) {
    LogLevels levels;
    bool any = false;
    while (!text.empty()) {
        const size_t end = std::min(text.find_first_of(", "), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) continue;
        any = true;
        const size_t equals = word.find('=');
        const auto level = level_of(equals == word.npos ? word : word.substr(equals + 1));
        if (!level) return bad(word);
        if (equals == word.npos) {
            levels.base = *level;
            continue;
        }
        const std::string_view component = word.substr(0, equals);
        const bool known = std::find(std::begin(kComponents), std::end(kComponents), component) !=
                           std::end(kComponents);
        if (!known) return bad(word);
        levels.components.insert_or_assign(std::string(component), *level);
    }
    if (!any) return bad(text);
    return levels;
}

}  // namespace xbucket
