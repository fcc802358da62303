// SPDX-FileCopyrightText: the xbucket authors
// xbucket(1): picks the command; without one it mounts. Called as mount.fuse.xbucket it takes
// mount(8)'s flags, as umount.fuse.xbucket those of umount(8).
#include "commands.h"
#include "keeper.h"
#include "options.h"
#include "streams.h"
#include "tool/command.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <clocale>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace xbucket::app;
using xbucket::Environment;
using xbucket::ErrorKind;
using xbucket::scrub_environment;

bool is_called(std::string_view program, std::string_view name) {
    return program.substr(program.rfind('/') + 1).starts_with(name);
}

std::string full_help() {
    return fmt::format(
        "{}\nCommands, on paths in a mount or on URLs without one (xbucket COMMAND --help):\n{}",
        help_text(), tool_overview());
}

// What was printed and did not arrive makes no success.
ExitCode with_output(ExitCode code) {
    const auto flushed = flush_out();
    if (flushed) return code;
    if (flushed.error().kind == ErrorKind::cancelled) return ExitCode::interrupted;
    print_error(fmt::format("xbucket: {}\n", flushed.error().message));
    return ExitCode::system;
}

ExitCode run_tool(const Command& command, const std::vector<std::string>& words,
                  const Environment& environment) {
    // Names of objects are UTF-8 whatever the caller's language is: '?' and '.' of patterns stand
    // for a character, not for a byte.
    static_cast<void>(std::setlocale(LC_CTYPE, "C.UTF-8"));
    return with_output(command.run(words, environment));
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
            print_out(full_help());
            return with_output(ExitCode::ok);
        case ParsedCommand::Action::version:
            print_out(version_text());
            return with_output(ExitCode::ok);
        case ParsedCommand::Action::nothing:
            return ExitCode::ok;
        case ParsedCommand::Action::mount:
            break;
    }
    const Reread reread = [&](const Config& running) -> xbucket::Result<Config> {
        const auto again = with_config_file(words, running.config_file);
        return TRY(parse_mount_command(again, environment, helper)).config;
    };
    return mount_command(std::move(parsed->config), environment, reread);
}

}  // namespace

int main(int argc, char** argv) {
    open_missing_streams();
    const Environment environment = Environment::snapshot();
    scrub_environment();
    const bool helper = argc > 0 && is_called(argv[0], "mount.");
    std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    if (argc > 0 && is_called(argv[0], "umount.")) return to_int(umount_helper(words));
    if (argc > 0 && argv[0] == kKeeperName) return keeper_command(words);
    if (words.empty()) {
        print_error(full_help());
        return to_int(ExitCode::usage);
    }
    // "help COMMAND" is "COMMAND --help".
    if (!helper && words.size() == 2 && words.front() == "help") words = {words.back(), "--help"};
    if (!helper && words.front() == "serve") {
        words.erase(words.begin());
        return to_int(serve_command(words, environment));
    }
    if (!helper) {
        if (const Command* const command = find_tool_command(words.front())) {
            words.erase(words.begin());
            return to_int(run_tool(*command, words, environment));
        }
    }
    // Neither a source nor an option: a word that was mistyped.
    const std::string& first = words.front();
    if (!helper && first != "mount" && first != "help" &&
        first.find_first_of(":-/") == first.npos) {
        StartReport().failed(
            ExitCode::usage,
            fmt::format("'{}' is no command, and no source such as oss://BUCKET; xbucket --help "
                        "lists them",
                        xbucket::printable(first)));
        return to_int(ExitCode::usage);
    }
    // "mount" and "help" as words, for those who expect them; a source always has a colon.
    if (!helper && words.front() == "mount") words.erase(words.begin());
    if (!helper && words.size() == 1 && words.front() == "help") words.front() = "--help";
    return to_int(run_mount(words, environment, helper));
}
