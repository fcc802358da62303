// SPDX-FileCopyrightText: the xbucket authors
// `xbucket sync`: returns when everything is in the bucket. `xbucket refresh`: what
// user.xbucket.refresh does, on read-only mounts too.
#include "arguments.h"
#include "mount_view.h"
#include "unmounting.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/fuse/session.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>

namespace xbucket::app {

namespace {

// Does it for every path of a mount, whatever becomes of the others; `failure` is the code for what
// could not be done.
ExitCode for_each_path(std::string_view command, const std::vector<std::string>& words,
                       ExitCode failure, Result<void> (*act)(const std::string& path)) {
    Arguments arguments(command, Arguments::Takes::none);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path given");
    ExitCode code = ExitCode::ok;
    for (const std::string& path : arguments.words()) {
        const auto mount = mount_of(path);
        if (!mount) {
            code = arguments.complain(ExitCode::system, mount.error().message);
            continue;
        }
        const auto done = act(path);
        if (!done) code = arguments.complain(failure, done.error().message);
    }
    return code;
}

Result<void> refresh_path(const std::string& path) {
    const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.is_open() && ioctl(fd.get(), kRefreshIoctl) == 0) return {};
    return fail(ErrorKind::io, fmt::format("{}: {}", printable(path), std::strerror(errno)));
}

}  // namespace

ExitCode sync_command(const std::vector<std::string>& words, const Environment&) {
    return for_each_path("sync", words, ExitCode::changes_lost, sync_path);
}

ExitCode refresh_command(const std::vector<std::string>& words, const Environment&) {
    return for_each_path("refresh", words, ExitCode::system, refresh_path);
}

}  // namespace xbucket::app
