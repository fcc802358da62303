// SPDX-FileCopyrightText: the xbucket authors
#include "../mountpoint.h"
#include "../spool_place.h"
#include "doctor_checks.h"
#include "mount_view.h"
#include "progress.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

using Level = Finding::Level;

void check_device(const FindingSink& found) {
    const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        found({Level::bad, "fuse", fmt::format("/dev/fuse: {}", std::strerror(errno)),
               errno == ENOENT ? "run: modprobe fuse; in a container pass --device /dev/fuse "
                                 "--cap-add SYS_ADMIN"
                               : "its mode must let you read and write it"});
    } else {
        close(fd);
        found({Level::good, "fuse", "/dev/fuse can be opened", ""});
    }
}

// What mounts for those who are not root.
void check_helper(const FindingSink& found) {
    bool helper = false;
    bool privileged = false;
    for (const char* path :
         {"/usr/bin/fusermount3", "/bin/fusermount3", "/usr/local/bin/fusermount3"}) {
        struct stat st {};
        if (stat(path, &st) != 0) continue;
        helper = true;
        privileged = privileged || (st.st_uid == 0 && (st.st_mode & S_ISUID) != 0);
    }
    if (helper && !privileged && geteuid() != 0) {
        found({Level::bad, "fusermount3", "is not set-user-id root, so only root can mount",
               "install the package fuse3 anew, or as root: chmod u+s \"$(command -v "
               "fusermount3)\""});
    } else if (helper || geteuid() == 0) {
        found({Level::good, "fusermount3", helper ? "is there" : "is not there; root needs none",
               ""});
    } else {
        found({Level::bad, "fusermount3", "is not there", "install the package fuse3"});
    }
}

void check_fuse(const Config& config, const FindingSink& found) {
    check_device(found);
    check_helper(found);
    if (!config.allow_other || geteuid() == 0) return;
    std::ifstream conf("/etc/fuse.conf");
    std::string line;
    while (std::getline(conf, line)) {
        if (trim_ows(line) == "user_allow_other") return;
    }
    found({Level::bad, "allow_other", "needs user_allow_other in /etc/fuse.conf",
           "add that line, as root"});
}

void check_spool(const Config& config, const Environment& environment, const FindingSink& found) {
    auto place = spool_path(config, environment, geteuid() == 0);
    if (!place) {
        found({Level::bad, "spool", place.error().message, ""});
        return;
    }
    const auto there = examine_spool(config, *place);
    struct statvfs st {};
    if (!there || statvfs(there->c_str(), &st) != 0) {
        found({Level::bad, "spool",
               there ? fmt::format("{}: {}", *there, std::strerror(errno)) : there.error().message,
               std::string(kSpoolAdvice)});
        return;
    }
    const uint64_t free = static_cast<uint64_t>(st.f_bavail) * st.f_frsize;
    const bool small = free < (1ULL << 30U);
    found({small ? Level::note : Level::good, "spool",
           fmt::format("{} has {} MiB free", *place, free >> 20U),
           small ? "files lie there while they are written: --spool names another place" : ""});
    if (const size_t kept = count_kept_files(*place); kept != 0) {
        found({Level::note, "recovery", counted(kept, "file", " that could not be uploaded"),
               "xbucket status names them"});
    }
}

}  // namespace

void check_machine(const Config& config, const Environment& environment, const FindingSink& found) {
    check_fuse(config, found);
    if (!config.read_only) check_spool(config, environment, found);
}

void check_mountpoint(const std::string& path, const FindingSink& found) {
    const auto resolved = resolve_mountpoint(path);
    if (!resolved) {
        found({Level::bad, "mountpoint", resolved.error().message, ""});
        return;
    }
    const auto there = find_mount(read_mountinfo(), *resolved);
    if (there && there->type == "fuse.xbucket") {
        const bool dead = !is_alive(*there);
        found({dead ? Level::note : Level::bad, "mountpoint",
               fmt::format("{} is mounted there{}", there->source,
                           dead ? ", and its daemon is gone" : " already"),
               dead ? std::string("the next mount takes it away")
                    : fmt::format("unmount it first: xbucket unmount {}", path)});
        return;
    }
    const bool writable = geteuid() == 0 || access(resolved->c_str(), W_OK) == 0;
    std::error_code ignored;
    const bool empty = std::filesystem::is_empty(*resolved, ignored);
    found({!writable ? Level::bad
           : empty   ? Level::good
                     : Level::note,
           "mountpoint",
           !writable
               ? fmt::format("{} is not yours to write to, and fusermount3 asks for that", path)
               : fmt::format("{} is {}", path, empty ? "there and empty" : "not empty"),
           !writable ? "give a directory of your own"
           : empty   ? ""
                     : "what is in it cannot be seen while something is mounted on it"});
}

std::optional<std::unique_ptr<Bucket>> check_setup(const Config& config,
                                                   const Environment& environment,
                                                   const FindingSink& found) {
    auto bucket = Bucket::open(config, environment);
    if (!bucket) {
        const bool to_be_made = config.source.local && config.source.bucket.empty() &&
                                bucket.error().kind == ErrorKind::no_such_bucket;
        found({to_be_made ? Level::note : Level::bad, "settings", bucket.error().message, ""});
        return std::nullopt;
    }
    const Config& full = (*bucket)->config();
    found({Level::good, "settings",
           fmt::format("bucket {}, endpoint {}, region {}", full.source.bucket,
                       full.endpoint.empty() ? "by region" : full.endpoint,
                       full.region.empty() ? "by the endpoint" : full.region),
           ""});
    const auto key = (*bucket)->credentials().get();
    if (!key) {
        found({Level::bad, "credentials", key.error().message, ""});
        return std::nullopt;
    }
    std::string what = key->access_key_id.empty()
                           ? std::string("anonymous")
                           : fmt::format("{} from {}", key->access_key_id, key->source);
    if (key->expiration) what += fmt::format(", until {}", format_iso8601(*key->expiration));
    found({Level::good, "credentials", what, ""});
    return *std::move(bucket);
}

}  // namespace xbucket::app
