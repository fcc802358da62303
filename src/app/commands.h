// SPDX-FileCopyrightText: the xbucket authors
// What `xbucket` can be told to do. Each returns the process's exit code.
#pragma once

#include "config.h"
#include "daemonize.h"

#include "xbucket/base/environment.h"

#include <functional>
#include <string>
#include <vector>

namespace xbucket::app {

// Reads the settings again, as the command line and the files say now. Errors: invalid_argument.
using Reread = std::function<Result<Config>(const Config& running)>;

// Mounts and serves; SIGHUP asks `reread`. In the background the calling process returns as soon as
// the mount answers or cannot; the serving one returns when it is unmounted.
ExitCode mount_command(Config config, const Environment& environment, const Reread& reread);

// `xbucket serve DIR ...`: the local bucket server, until SIGTERM or SIGINT. `arguments` are those
// behind "serve".
ExitCode serve_command(const std::vector<std::string>& arguments, const Environment& environment);
std::string serve_help_text();

}  // namespace xbucket::app
