// SPDX-FileCopyrightText: the xbucket authors
// `xbucket unmount`, and the same as umount(8) asks for it: without the helper, umount returns
// while the daemon still sends, and a machine that goes down would end it there.
#include "../config.h"
#include "arguments.h"
#include "mount_view.h"
#include "unmounting.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <cerrno>
#include <unistd.h>

namespace xbucket::app {
namespace {

struct HelperWords {
    std::string path;
    bool lazy = false;
    bool force = false;
};

// umount.TYPE DIRECTORY [-flnrv] [-N NAMESPACE] [-t TYPE], in any order (umount(8), "external
// helpers").
HelperWords parse_helper_words(const std::vector<std::string>& words) {
    HelperWords parsed;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (!word.starts_with('-')) {
            parsed.path = word;
            continue;
        }
        parsed.force = parsed.force || word.find('f') != word.npos;
        parsed.lazy = parsed.lazy || word.find('l') != word.npos;
        if (word == "-N" || word == "-t") ++i;
    }
    return parsed;
}

// Whether this user may look into the mount. Root may not look into what a user mounted for
// himself; all that is left then is the plain system call.
bool may_look(const std::string& path) {
    return access(path.c_str(), F_OK) == 0 || errno != EACCES;
}

Result<void> unmount_for_umount(const HelperWords& words) {
    const MountEntry mount = TRY(mount_of(words.path));
    // umount(8) promises to take away what is dead, and with -l not to wait.
    if (words.lazy || !is_alive(mount)) return unmount(mount.mountpoint, true);
    if (!may_look(mount.mountpoint)) return unmount(mount.mountpoint, false);
    return unmount_in_order(mount, {.force = words.force});
}

}  // namespace

ExitCode umount_helper(const std::vector<std::string>& words) {
    const HelperWords parsed = parse_helper_words(words);
    if (parsed.path.empty()) {
        print_error("umount.fuse.xbucket: no mount point given\n");
        return ExitCode::usage;
    }
    const auto done = unmount_for_umount(parsed);
    if (done) return ExitCode::ok;
    print_error(fmt::format("umount: {}\n", done.error().message));
    return done.error().kind == ErrorKind::io ? ExitCode::changes_lost : ExitCode::system;
}

ExitCode unmount_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("unmount", Arguments::Takes::none);
    UnmountOptions options;
    bool all = false;
    std::string timeout;
    arguments.parser().flag("--all", all);
    arguments.parser().flag("--force", options.force);
    arguments.parser().option("--timeout", timeout);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty() != all) {
        return arguments.usage("name mount points, or give --all");
    }
    if (!timeout.empty()) {
        const auto patience = parse_duration(timeout);
        if (!patience) return arguments.usage(patience.error().message);
        options.patience = *patience;
    }
    const auto mounts = chosen_mounts(arguments.words());
    if (!mounts) return arguments.complain(ExitCode::system, mounts.error().message);
    for (size_t i = 0; i < arguments.words().size(); ++i) {
        // Whoever names a folder of it does not mean all of it.
        const auto named = resolve_path(arguments.words()[i]);
        if (named && *named == (*mounts)[i].mountpoint) continue;
        return arguments.complain(
            ExitCode::system,
            fmt::format("{} is no mount point; the one that it lies in is {}",
                        printable(arguments.words()[i]), printable((*mounts)[i].mountpoint)));
    }
    ExitCode code = ExitCode::ok;
    for (const MountEntry& mount : *mounts) {
        const auto done = unmount_in_order(mount, options);
        if (done) continue;
        const bool changes = done.error().kind == ErrorKind::io;
        code = arguments.complain(changes ? ExitCode::changes_lost : ExitCode::system,
                                  done.error().message);
    }
    return code;
}

}  // namespace xbucket::app
