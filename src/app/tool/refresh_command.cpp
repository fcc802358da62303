// SPDX-FileCopyrightText: the xbucket authors
// `xbucket refresh`: what user.xbucket.refresh does, on read-only mounts too.
#include "arguments.h"
#include "mount_view.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/fuse/session.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>

namespace xbucket::app {

ExitCode refresh_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("refresh", Arguments::Takes::none);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path given");
    ExitCode code = ExitCode::ok;
    for (const std::string& path : arguments.words()) {
        auto mount = mount_of(path);
        if (!mount) {
            code = arguments.complain(ExitCode::system, mount.error().message);
            continue;
        }
        const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (fd.is_open() && ioctl(fd.get(), kRefreshIoctl) == 0) continue;
        code = arguments.complain(ExitCode::system,
                                  fmt::format("{}: {}", printable(path), std::strerror(errno)));
    }
    return code;
}

}  // namespace xbucket::app
