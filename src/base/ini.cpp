// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/ini.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<std::vector<IniEntry>> parse_ini(std::string_view text) {
    std::vector<IniEntry> entries;
    std::string section;
    std::string parent;  // the last "key =" without a value
    unsigned number = 0;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view raw = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        ++number;
        const std::string_view line = trim(raw);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.find('\0') != std::string_view::npos) {
            return fail(ErrorKind::invalid_argument,
                        fmt::format("line {} holds a NUL byte", number));
        }
        if (line.front() == '[') {
            if (line.back() != ']') {
                return fail(ErrorKind::invalid_argument,
                            fmt::format("line {}: '[' without ']'", number));
            }
            section = trim(line.substr(1, line.size() - 2));
            parent.clear();
            continue;
        }
        const size_t equals = line.find('=');
        const std::string_view name = trim(line.substr(0, equals));
        if (equals == std::string_view::npos || name.empty()) {
            return fail(ErrorKind::invalid_argument,
                        fmt::format("line {}: expected 'name = value'", number));
        }
        const std::string_view value = trim(line.substr(equals + 1));
        const bool nested = !parent.empty() && (raw.front() == ' ' || raw.front() == '\t');
        if (!nested) parent = value.empty() ? std::string(name) : std::string();
        entries.push_back({section, nested ? fmt::format("{}.{}", parent, name) : std::string(name),
                           Secret(value), number});
    }
    return entries;
}

}  // namespace xbucket
