// SPDX-FileCopyrightText: the xbucket authors
#include "mount_view.h"

#include "json_text.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <future>
#include <optional>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <thread>

namespace xbucket::app {
namespace {

constexpr std::string_view kType = "fuse.xbucket";
// What is asked here a mount answers from memory.
constexpr auto kPatience = std::chrono::seconds(5);

// What `call` gives, or nullopt when it takes too long: a daemon that hangs must not take whoever
// looks for it along. The thread that waits is left behind.
template <class T>
std::optional<T> within_patience(std::function<T()> call) {
    std::packaged_task<T()> task(std::move(call));
    std::future<T> result = task.get_future();
    std::thread(std::move(task)).detach();
    if (result.wait_for(kPatience) != std::future_status::ready) return std::nullopt;
    return result.get();
}

struct RawText {
    std::string text;
    int error = 0;
};

RawText read_attribute(const std::string& mountpoint, const char* name) {
    RawText raw;
    raw.text.resize(65536);
    const ssize_t n = getxattr(mountpoint.c_str(), name, raw.text.data(), raw.text.size());
    if (n < 0) raw.error = errno;
    raw.text.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return raw;
}

// What a mount says in one of its own attributes. Errors: as stats_of().
Result<Json> ask(const MountEntry& mount, const char* name) {
    const auto raw = within_patience<RawText>(
        [path = mount.mountpoint, name] { return read_attribute(path, name); });
    if (!raw) {
        return fail(ErrorKind::timed_out,
                    fmt::format("{}: its daemon does not answer", mount.mountpoint));
    }
    if (raw->error != 0) {
        return fail(ErrorKind::io,
                    raw->error == ENOTCONN
                        ? fmt::format("{}: its daemon is gone; run: xbucket unmount --force {}",
                                      mount.mountpoint, mount.mountpoint)
                        : fmt::format("{}: {}", mount.mountpoint, std::strerror(raw->error)));
    }
    Json parsed = Json::parse(raw->text, nullptr, false);
    if (parsed.is_discarded()) {
        return fail(ErrorKind::io, fmt::format("{}: its {} is no JSON; is its daemon of another "
                                               "version?",
                                               mount.mountpoint, name));
    }
    return parsed;
}

}  // namespace

std::vector<MountEntry> xbucket_mounts() { return find_mounts(read_mountinfo(), kType); }

Result<MountEntry> mount_of(const std::string& path) {
    const std::string resolved = TRY(resolve_path(path));
    const std::string mountinfo = read_mountinfo();
    // The mount point itself, or the nearest one above.
    for (std::string at = resolved;; at = at.substr(0, at.rfind('/'))) {
        const auto mount = find_mount(mountinfo, at.empty() ? "/" : at);
        if (mount && mount->type == kType) return *mount;
        if (mount || at.empty()) break;
    }
    return fail(
        ErrorKind::not_found,
        fmt::format("{} is not inside a mount of xbucket; see: xbucket mounts", printable(path)));
}

Result<std::vector<MountEntry>> chosen_mounts(const std::vector<std::string>& paths) {
    if (paths.empty()) return xbucket_mounts();
    std::vector<MountEntry> mounts;
    for (const std::string& path : paths) mounts.push_back(TRY(mount_of(path)));
    return mounts;
}

bool is_alive(const MountEntry& mount) {
    const auto alive = within_patience<bool>([path = mount.mountpoint] {
        struct statvfs st {};
        return statvfs(path.c_str(), &st) == 0 || errno != ENOTCONN;
    });
    return alive.value_or(true);
}

Result<Json> stats_of(const MountEntry& mount) {
    Json stats = TRY(ask(mount, "user.xbucket.stats"));
    if (!stats.is_object()) {
        return fail(ErrorKind::io,
                    fmt::format("{}: its statistics are no JSON object", mount.mountpoint));
    }
    return stats;
}

Result<Json> failures_of(const MountEntry& mount) {
    Json failures = TRY(ask(mount, "user.xbucket.failures"));
    if (!failures.is_array()) {
        return fail(ErrorKind::io,
                    fmt::format("{}: its list of failures is no JSON array", mount.mountpoint));
    }
    return failures;
}

std::string text_member(const Json& note, const char* name) {
    const auto found = note.find(name);
    return found != note.end() && found->is_string() ? found->get<std::string>() : "";
}

uint64_t number_at(const Json& stats, std::string_view path) {
    const Json* at = &stats;
    while (true) {
        const size_t dot = path.find('.');
        const auto found = at->is_object() ? at->find(std::string(path.substr(0, dot))) : at->end();
        if (found == at->end()) return 0;
        at = &*found;
        if (dot == std::string_view::npos) break;
        path.remove_prefix(dot + 1);
    }
    return at->is_number_unsigned() ? at->get<uint64_t>() : 0;
}

}  // namespace xbucket::app
