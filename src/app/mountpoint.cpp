// SPDX-FileCopyrightText: the xbucket authors
#include "mountpoint.h"

#include "xbucket/base/log.h"

#include <climits>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace xbucket::app {
namespace {

// mountinfo writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool escaped =
            text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3';
        if (!escaped) {
            out += text[i];
            continue;
        }
        out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
        i += 3;
    }
    return out;
}

std::vector<std::string_view> split_blanks(std::string_view line) {
    std::vector<std::string_view> fields;
    while (!line.empty()) {
        const size_t end = std::min(line.find(' '), line.size());
        if (end > 0) fields.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return fields;
}

std::string read_mountinfo() {
    std::ostringstream text;
    text << std::ifstream("/proc/self/mountinfo").rdbuf();
    return text.str();
}

// fusermount3 is setuid: it unmounts what this user mounted.
bool unmount_by_helper(const std::string& path) {
    std::string words[] = {"fusermount3", "-u", "-z", "-q", "--", path};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    if (posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return false;
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_dead(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) != 0 && errno == ENOTCONN;
}

}  // namespace

std::optional<MountEntry> find_mount(std::string_view mountinfo, std::string_view path) {
    std::optional<MountEntry> top;  // later lines lie on top of earlier ones
    while (!mountinfo.empty()) {
        const size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
        const auto fields = split_blanks(mountinfo.substr(0, end));
        mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
        // ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE SUPER (proc(5))
        if (fields.size() < 10 || unescape(fields[4]) != path) continue;
        for (size_t i = 6; i + 2 < fields.size(); ++i) {
            if (fields[i] != "-") continue;
            top =
                MountEntry{std::string(path), std::string(fields[i + 1]), unescape(fields[i + 2])};
            break;
        }
    }
    return top;
}

Result<std::string> resolve_mountpoint(const std::string& path) {
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) != nullptr) {
        // libfuse unmounts by path when it ends, and the root that it found would be the machine's.
        if (std::string_view(resolved) == "/") {
            return fail(ErrorKind::io, "/ cannot be a mount point; give a directory below it");
        }
        struct stat st {};
        if (stat(resolved, &st) == 0 && !S_ISDIR(st.st_mode)) {
            return fail(ErrorKind::not_directory,
                        fmt::format("mount point {} is no directory", path));
        }
        return std::string(resolved);
    }
    const int error = errno;
    if (error == ENOTCONN) {
        std::string text = path;
        while (text.size() > 1 && text.ends_with('/')) text.pop_back();
        const size_t slash = text.rfind('/');
        const std::string parent = slash == std::string::npos ? "." : text.substr(0, slash + 1);
        if (realpath(parent.c_str(), resolved) != nullptr) {
            const std::string_view name = std::string_view(text).substr(slash + 1);
            return fmt::format("{}/{}", std::string_view(resolved) == "/" ? "" : resolved, name);
        }
    }
    return fail(ErrorKind::io,
                error == ENOENT
                    ? fmt::format("mount point {} does not exist; run: mkdir -p {}", path, path)
                    : fmt::format("mount point {}: {}", path, std::strerror(error)));
}

Result<void> clear_mountpoint(const std::string& path) {
    const auto mounted = find_mount(read_mountinfo(), path);
    if (!is_dead(path)) {
        if (mounted && mounted->type == "fuse.xbucket") {
            return fail(ErrorKind::busy, fmt::format("{} is already mounted on {}; unmount it "
                                                     "first: fusermount3 -u {}",
                                                     mounted->source, path, path));
        }
        return {};
    }
    if (!mounted || mounted->type != "fuse.xbucket") {
        return fail(ErrorKind::io, fmt::format("a dead mount{}{} is still on {}; unmount it first: "
                                               "fusermount3 -u {}",
                                               mounted ? " of type " : "",
                                               mounted ? mounted->type : "", path, path));
    }
    const bool gone = umount2(path.c_str(), MNT_DETACH) == 0 || unmount_by_helper(path);
    if (!gone) {
        return fail(ErrorKind::io,
                    fmt::format("the dead mount of {} on {} cannot be removed by you; its owner or "
                                "root runs: fusermount3 -u {}",
                                mounted->source, path, path));
    }
    log_warning("app", "event=dead_mount_removed mountpoint=\"{}\" source=\"{}\"", path,
                mounted->source);
    return {};
}

}  // namespace xbucket::app
