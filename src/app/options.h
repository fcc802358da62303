// SPDX-FileCopyrightText: the xbucket authors
// From the command line, the environment (XBUCKET_*) and a configuration file to a Config. The
// order of precedence: command line, environment, file, default. One table (settings.cpp) names
// every setting once; each can be given as --name=VALUE, as -o name=VALUE, as XBUCKET_NAME and as
// "name = VALUE" in the file, with '-' and '_' alike.
#pragma once

#include "config.h"

#include "xbucket/base/environment.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

// ---- the table of settings ----

struct Setting {
    std::string_view name;   // with '-', as a long option
    std::string_view value;  // its placeholder in --help; "" for a flag
    std::string_view group;  // heading in --help
    std::string_view help;
    // Errors: invalid_argument; the caller adds where the value came from.
    Result<void> (*set)(Config& config, std::string_view text);
};
const std::vector<Setting>& settings();
// Whether it says how to reach a service or with which key: what a command on a URL needs, too.
bool is_for_service(const Setting& setting);
// `name` in any spelling; nullptr when there is none.
const Setting* find_setting(std::string_view name);

// ---- "-o" strings ----

// "a,b=c\,d" to "a" and "b=c,d". Pure.
std::vector<std::string> split_mount_options(std::string_view text);
// Options that fstab and mount(8) pass along and that mean nothing here ("rw", "_netdev",
// "x-systemd.automount", ...).
bool is_fstab_noise(std::string_view option);
// Options for mount(2) ("noatime", "nosuid", ...).
bool is_kernel_option(std::string_view option);

// ---- all of it ----

struct ParsedCommand {
    enum class Action { mount, help, version, nothing };
    Action action = Action::mount;
    Config config;
};

// `arguments` without the program's name. Reads the configuration file; no other side effect.
// `helper`: called as mount.fuse.xbucket, where -f is "fake", -n, -s and -v are mount(8)'s.
// Errors: invalid_argument (what was wrong, and where it came from); access_denied, io (the file).
Result<ParsedCommand> parse_mount_command(const std::vector<std::string>& arguments,
                                          const Environment& environment, bool helper = false);

// `arguments` for reading the settings again, with the file that was found the first time: a name
// relative to the directory of then would be another. Pure.
std::vector<std::string> with_config_file(std::vector<std::string> arguments,
                                          const std::string& config_file);

// "--file_mode=0644" to "--file-mode=0644"; values and other words stay. Pure.
std::string with_hyphens(std::string word);

// What --help and --version print.
std::string help_text();
std::string version_text();

}  // namespace xbucket::app
