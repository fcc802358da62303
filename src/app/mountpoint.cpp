// SPDX-FileCopyrightText: the xbucket authors
#include "mountpoint.h"

#include "xbucket/base/log.h"

#include <climits>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
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

bool is_dead(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) != 0 && errno == ENOTCONN;
}

// One line of mountinfo: ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE SUPER
// (proc(5)).
std::optional<MountEntry> parse_line(std::string_view line) {
    const auto fields = split_blanks(line);
    for (size_t i = 6; i + 2 < fields.size(); ++i) {
        if (fields[i] != "-") continue;
        return MountEntry{.mountpoint = unescape(fields[4]),
                          .type = std::string(fields[i + 1]),
                          .source = unescape(fields[i + 2]),
                          .options = std::string(fields[5])};
    }
    return std::nullopt;
}

template <class Visit>
void for_each_mount(std::string_view mountinfo, const Visit& visit) {
    while (!mountinfo.empty()) {
        const size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
        if (auto mount = parse_line(mountinfo.substr(0, end))) visit(*std::move(mount));
        mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
    }
}

// Runs a program to its end. Errors: io, with what it said.
Result<void> run_program(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorKind::io, std::strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    const int spawned = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string said(4096, '\0');
    const ssize_t n = spawned == 0 ? read(ends[0], said.data(), said.size()) : 0;
    close(ends[0]);
    if (spawned != 0) {
        return fail(ErrorKind::io, fmt::format("{} cannot be run: {}; is its package installed?",
                                               words[0], std::strerror(spawned)));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    said.resize(n > 0 ? static_cast<size_t>(n) : 0);
    while (said.ends_with('\n')) said.pop_back();
    return fail(ErrorKind::io, said.empty() ? words[0] + " failed" : said);
}

// fusermount3 is setuid: it unmounts what this user mounted.
Result<void> run_unmount_helper(const std::string& path, bool lazily) {
    std::vector<std::string> words = {"fusermount3", "-u"};
    if (lazily) words.emplace_back("-z");
    words.insert(words.end(), {"--", path});
    return run_program(std::move(words));
}

}  // namespace

std::string read_mountinfo() {
    std::ostringstream text;
    text << std::ifstream("/proc/self/mountinfo").rdbuf();
    return text.str();
}

std::optional<MountEntry> find_mount(std::string_view mountinfo, std::string_view path) {
    std::optional<MountEntry> top;  // later lines lie on top of earlier ones
    for_each_mount(mountinfo, [&](MountEntry mount) {
        if (mount.mountpoint == path) top = std::move(mount);
    });
    return top;
}

std::vector<MountEntry> find_mounts(std::string_view mountinfo, std::string_view type) {
    std::vector<MountEntry> mounts;
    for_each_mount(mountinfo, [&](MountEntry mount) {
        if (mount.type == type) mounts.push_back(std::move(mount));
    });
    return mounts;
}

Result<std::string> resolve_path(const std::string& path) {
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) != nullptr) return std::string(resolved);
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
    return fail(error == ENOENT ? ErrorKind::not_found : ErrorKind::io,
                fmt::format("{}: {}", path, std::strerror(error)));
}

Result<std::string> resolve_mountpoint(const std::string& path) {
    auto resolved = resolve_path(path);
    if (!resolved && resolved.error().kind == ErrorKind::not_found) {
        return fail(ErrorKind::io,
                    fmt::format("mount point {} does not exist; run: mkdir -p {}", path, path));
    }
    if (!resolved) return std::move(resolved).error().with_context("mount point");
    // libfuse unmounts by path when it ends, and the root that it found would be the machine's.
    if (*resolved == "/") {
        return fail(ErrorKind::io, "/ cannot be a mount point; give a directory below it");
    }
    struct stat st {};
    if (stat(resolved->c_str(), &st) == 0 && !S_ISDIR(st.st_mode)) {
        return fail(ErrorKind::not_directory, fmt::format("mount point {} is no directory", path));
    }
    return resolved;
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
    if (!unmount(path, true)) {
        return fail(ErrorKind::io,
                    fmt::format("the dead mount of {} on {} cannot be removed by you; its owner or "
                                "root runs: fusermount3 -u {}",
                                mounted->source, path, path));
    }
    log_warning("app", "event=dead_mount_removed mountpoint=\"{}\" source=\"{}\"", path,
                mounted->source);
    return {};
}

Result<void> unmount(const std::string& path, bool lazily) {
    if (umount2(path.c_str(), lazily ? MNT_DETACH : 0) == 0) return {};
    // Only root may call that.
    if (errno != EPERM)
        return fail(ErrorKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
    return run_unmount_helper(path, lazily);
}

void announce_mount(const std::string& source, const std::string& path) {
    constexpr const char* kHelper = "/sbin/umount.fuse.xbucket";
    if (geteuid() != 0 || access(kHelper, X_OK) != 0) return;
    const Result<void> announced = run_program(
        {"mount", "--fake", "--internal-only", "--no-canonicalize", "--types", "fuse.xbucket",
         "--options", "_netdev,uhelper=fuse.xbucket", "--", source, path});
    if (!announced)
        log_warning("app",
                    "event=not_announced mountpoint=\"{}\" reason=\"{}\" note=\"umount(8) "
                    "will not wait for what is pending\"",
                    path, announced.error().message);
}

}  // namespace xbucket::app
