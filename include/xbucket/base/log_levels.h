// SPDX-FileCopyrightText: the xbucket authors
// Log levels by component: "info,http=warning,meta=debug".
#pragma once

#include "xbucket/base/log.h"
#include "xbucket/base/result.h"

#include <map>
#include <string>
#include <string_view>

namespace xbucket {

struct LogLevels {
    LogLevel base = LogLevel::info;
    std::map<std::string, LogLevel, std::less<>> components;  // other than `base`
    friend bool operator==(const LogLevels&, const LogLevels&) = default;
};

// Levels and COMPONENT=LEVEL, separated by commas or blanks; the last one of a kind wins.
// Errors: invalid_argument (no such level or component), with those that there are.
Result<LogLevels> parse_log_levels(std::string_view text);
// From now on, in all threads.
void set_log_levels(const LogLevels& levels);

}  // namespace xbucket
