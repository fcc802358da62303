// SPDX-FileCopyrightText: the xbucket authors
// xbucket(1): picks the command. Called as mount.fuse.xbucket it takes mount(8)'s flags.
#include "commands.h"
#include "options.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace xbucket::app;

bool is_mount_helper(std::string_view program) {
    return program.substr(program.rfind('/') + 1).starts_with("mount.");
}

ExitCode run_mount(const std::vector<std::string>& words, const Environment& environment,
                   bool helper) {
    auto parsed = parse_mount_command(words, environment, helper);
    if (!parsed) {
        StartReport().failed(ExitCode::usage, parsed.error().message);
        return ExitCode::usage;
    }
    switch (parsed->action) {
        case ParsedCommand::Action::help:
            fmt::print("{}", help_text());
            return ExitCode::ok;
        case ParsedCommand::Action::version:
            fmt::print("{}", version_text());
            return ExitCode::ok;
        case ParsedCommand::Action::nothing:
            return ExitCode::ok;
        case ParsedCommand::Action::mount:
            break;
    }
    return mount_command(std::move(parsed->config), environment);
}

}  // namespace

int main(int argc, char** argv) {
    const Environment environment = Environment::snapshot();
    scrub_environment();
    const bool helper = argc > 0 && is_mount_helper(argv[0]);
    std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    if (words.empty()) {
        fmt::print(stderr, "{}", help_text());
        return to_int(ExitCode::usage);
    }
    if (!helper && words.front() == "serve") {
        words.erase(words.begin());
        return to_int(serve_command(words, environment));
    }
    // "mount" and "help" as words, for those who expect them; a source always has a colon.
    if (!helper && words.front() == "mount") words.erase(words.begin());
    if (!helper && words.size() == 1 && words.front() == "help") words.front() = "--help";
    return to_int(run_mount(words, environment, helper));
}
