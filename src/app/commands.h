// SPDX-FileCopyrightText: the xbucket authors
// What `xbucket` can be told to do. Each returns the process's exit code.
#pragma once

#include "config.h"
#include "daemonize.h"
#include "environment.h"

#include <string>
#include <vector>

namespace xbucket::app {

// Mounts and serves. In the background the calling process returns as soon as the mount answers
// or cannot; the serving one returns when it is unmounted.
ExitCode mount_command(Config config, const Environment& environment);

// `xbucket serve DIR ...`: the local bucket server, until SIGTERM or SIGINT. `arguments` are those
// behind "serve".
ExitCode serve_command(const std::vector<std::string>& arguments, const Environment& environment);
std::string serve_help_text();

}  // namespace xbucket::app
