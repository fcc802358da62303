// SPDX-FileCopyrightText: the xbucket authors
// The commands that work on objects and mounts (xbucket-commands(1)). One file each; the table
// names them once, for the dispatcher, `xbucket help` and the completions' test.
#pragma once

#include "../commands.h"

#include "xbucket/base/environment.h"

#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

struct Command {
    std::string_view name;
    std::string_view summary;
    std::string_view help;  // all that `xbucket NAME --help` prints
    ExitCode (*run)(const std::vector<std::string>& words, const Environment& environment);
};
const std::vector<Command>& tool_commands();
// nullptr when there is none.
const Command* find_tool_command(std::string_view name);

// What `xbucket` and `xbucket help` say of them, a line each.
std::string tool_overview();

// The commands themselves. Each prints what it finds on standard output, what fails on standard
// error, and never throws.
ExitCode stat_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode set_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode unset_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode find_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode dump_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode restore_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode mounts_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode stats_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode status_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode refresh_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode sync_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode unmount_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode credentials_command(const std::vector<std::string>& words, const Environment& environment);
ExitCode doctor_command(const std::vector<std::string>& words, const Environment& environment);

// What umount(8) runs as umount.fuse.xbucket: unmounts as `unmount` does; -f is its --force, and -l
// waits for nothing.
ExitCode umount_helper(const std::vector<std::string>& words);

}  // namespace xbucket::app
