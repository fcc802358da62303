// SPDX-FileCopyrightText: the xbucket authors
#include "arguments.h"

#include "../options.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {

Arguments::Arguments(std::string_view command, Takes settings_taken) : command_(command) {
    parser_.flag("-h,--help", help_);
    parser_.words(words_);
    if (settings_taken == Takes::none) return;
    for (const Setting& setting : settings()) {
        if (settings_taken == Takes::all || is_for_service(setting)) parser_.setting(setting);
    }
    parser_.option_each("-o", mount_options_);
    parser_.option("-c,--config", config_file_);
}

std::optional<ExitCode> Arguments::parse(std::vector<std::string> words) {
    // As a mount takes them, so that a command can stand in front of its command line.
    const auto options_end = std::find(words.begin(), words.end(), "--");
    std::transform(words.begin(), options_end, words.begin(), with_hyphens);
    if (const auto parsed = parser_.parse(std::move(words)); !parsed) {
        return usage(parsed.error().message);
    }
    if (!help_) return std::nullopt;
    print_out(find_tool_command(command_)->help);
    return ExitCode::ok;
}

std::vector<std::string> Arguments::given_settings() const {
    std::vector<std::string> out;
    for (const auto& [setting, text] : parser_.given_settings()) {
        out.push_back(fmt::format("--{}={}", setting->name, text));
    }
    for (const std::string& options : mount_options_) {
        out.push_back("-o");
        out.push_back(options);
    }
    if (!config_file_.empty()) out.push_back("--config=" + config_file_);
    return out;
}

ExitCode Arguments::complain(ExitCode code, std::string_view sentence) const {
    // In the order in which it happened, where both streams are one.
    (void)flush_out();
    print_error(fmt::format("xbucket {}: {}\n", command_, sentence));
    return code;
}

ExitCode Arguments::usage(std::string_view sentence) const {
    return complain(ExitCode::usage, fmt::format("{}; see xbucket {} --help", sentence, command_));
}

ExitCode exit_code_of(const Error& error) {
    const auto is_one_of = [&error](std::initializer_list<ErrorKind> kinds) {
        return std::find(kinds.begin(), kinds.end(), error.kind) != kinds.end();
    };
    if (is_one_of({ErrorKind::invalid_argument, ErrorKind::invalid_name})) return ExitCode::usage;
    if (is_one_of({ErrorKind::io, ErrorKind::busy, ErrorKind::internal})) return ExitCode::system;
    if (is_one_of({ErrorKind::not_found, ErrorKind::no_such_attribute})) {
        return ExitCode::some_failed;
    }
    return ExitCode::mount_failed;  // bucket, endpoint, key, clock
}

}  // namespace xbucket::app
