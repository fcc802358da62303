// SPDX-FileCopyrightText: the xbucket authors
#include "arguments.h"

#include "../options.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {

Arguments::Arguments(std::string_view command, Takes settings_taken) : command_(command) {
    app_.set_help_flag();
    app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app_.add_flag("-h,--help", help_);
    app_.add_option("WORDS", words_)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (settings_taken == Takes::none) return;
    for (const Setting& setting : settings()) {
        if (settings_taken == Takes::service && !is_for_service(setting)) continue;
        const std::string name = fmt::format("--{}", setting.name);
        std::string names = name;
        if (setting.name == "foreground") names += ",-f";
        if (setting.name == "debug") names += ",-d";
        settings_.emplace_back(
            name, setting.value.empty() ? app_.add_flag(names) : app_.add_option(names));
    }
    app_.add_option("-o", mount_options_)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->expected(1)
        ->allow_extra_args(false);
    app_.add_option("-c,--config", config_file_);
}

std::optional<ExitCode> Arguments::parse(std::vector<std::string> words) {
    // CLI11 takes its words from the back.
    std::reverse(words.begin(), words.end());
    try {
        app_.parse(words);
    } catch (const CLI::ParseError& error) {
        return usage(error.what());
    }
    if (!help_) return std::nullopt;
    print_out(find_tool_command(command_)->help);
    return ExitCode::ok;
}

std::vector<std::string> Arguments::given_settings() const {
    std::vector<std::string> out;
    for (const auto& [name, option] : settings_) {
        if (option->count() > 0)
            out.push_back(fmt::format("{}={}", name, option->results().back()));
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
