// SPDX-FileCopyrightText: the xbucket authors
// `xbucket sync`: returns when everything is in the bucket.
#include "arguments.h"
#include "mount_view.h"
#include "unmounting.h"

namespace xbucket::app {

ExitCode sync_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("sync", Arguments::Takes::none);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path given");
    ExitCode code = ExitCode::ok;
    for (const std::string& path : arguments.words()) {
        auto mount = mount_of(path);
        if (!mount) {
            code = arguments.complain(ExitCode::system, mount.error().message);
            continue;
        }
        const auto sent = sync_path(path);
        if (!sent) code = arguments.complain(ExitCode::changes_lost, sent.error().message);
    }
    return code;
}

}  // namespace xbucket::app
