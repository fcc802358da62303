// SPDX-FileCopyrightText: the xbucket authors
#include "confinement.h"

#include "every_thread.h"

#include "xbucket/base/file_descriptor.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

// Newer than the headers of some systems that this is built on.
constexpr uint64_t kTruncate = uint64_t{1} << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE
constexpr int kMovesVersion = 2;
constexpr int kTruncateVersion = 3;

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                            LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER;
// Everything that there is is forbidden where no rule allows it.
constexpr uint64_t kNever = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                            LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                            LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// What resolvers, TLS and the C library read. Directories, for their files are replaced by renames.
constexpr std::array<const char*, 16> kSystem = {
    "/etc",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/sys/devices/system",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/connman",
    "/run/nscd",
    "/run/avahi-daemon",
    "/var/lib/sss",
    "/var/lib/ca-certificates",
    "/var/db/nscd",
};
constexpr std::array<const char*, 3> kDevices = {"/dev/null", "/dev/random", "/dev/urandom"};

Error no_landlock(std::string_view what) {
    return fail(ErrorKind::unsupported, fmt::format("{}: {}", what, std::strerror(errno)));
}

class Ruleset {
  public:
    explicit Ruleset(uint64_t handled) : handled_(handled) {
        landlock_ruleset_attr attributes{};
        attributes.handled_access_fs = handled;
        fd_ = FileDescriptor(static_cast<int>(
            syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
    }

    int fd() const { return fd_.get(); }

    Result<void> allow(const std::string& path, uint64_t access) const {
        const FileDescriptor place(open(path.c_str(), O_PATH | O_CLOEXEC));
        if (!place.is_open()) return {};
        landlock_path_beneath_attr rule{};
        rule.allowed_access = access & handled_;
        rule.parent_fd = place.get();
        const long added =
            syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
        if (added != 0) return no_landlock(fmt::format("no rule for {}", path));
        return {};
    }

  private:
    const uint64_t handled_;
    FileDescriptor fd_;
};

// In a signal handler from here: nothing but system calls.

int restrict_thread(void* ruleset) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return syscall(SYS_landlock_restrict_self, *static_cast<const int*>(ruleset), 0) == 0 ? 0
                                                                                          : errno;
}

using Capabilities = std::array<__user_cap_data_struct, 2>;

int set_capabilities(void* kept) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    // Until there is no such capability; without CAP_SETPCAP there is nothing to be lost.
    for (unsigned long capability = 0; capability < 64; ++capability) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
    }
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    return syscall(SYS_capset, &header, static_cast<Capabilities*>(kept)->data()) == 0 ? 0 : errno;
}

}  // namespace

std::vector<std::string> directories_of(const std::string& file) {
    namespace stdfs = std::filesystem;
    const std::string parent = stdfs::path(file).parent_path().string();
    if (parent.empty() || parent.front() != '/') return {};
    std::vector<std::string> found{parent};
    std::error_code error;
    const std::string target = stdfs::canonical(file, error).parent_path().string();
    if (!error && target != parent) found.push_back(target);
    return found;
}

Result<void> confine_files(const ReachableFiles& files) {
    const long version =
        syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0) return no_landlock("this kernel has no Landlock");
    if (version < kMovesVersion) {
        return fail(ErrorKind::unsupported, "this kernel's Landlock cannot move files");
    }
    const uint64_t write = kWrite | (version >= kTruncateVersion ? kTruncate : 0);
    const Ruleset rules(kRead | write | kNever);
    if (rules.fd() < 0) return no_landlock("no Landlock here");
    for (const char* path : kSystem) TRY(rules.allow(path, kRead));
    for (const std::string& path : directories_of("/etc/resolv.conf")) {
        TRY(rules.allow(path, kRead));
    }
    for (const char* path : kDevices) {
        TRY(rules.allow(path, kReadFile | LANDLOCK_ACCESS_FS_WRITE_FILE));
    }
    for (const std::string& path : files.read) TRY(rules.allow(path, kRead));
    for (const std::string& path : files.written) TRY(rules.allow(path, kRead | write));
    int fd = rules.fd();
    return in_every_thread(&restrict_thread, &fd);
}

Result<void> drop_rights() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    Capabilities has{};
    if (syscall(SYS_capget, &header, has.data()) != 0) return no_landlock("capabilities");
    // A log that belongs to another user, a folder of a local bucket: root's mount could always
    // open them.
    constexpr uint32_t kKept =
        1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_FOWNER;
    Capabilities kept{};
    kept[0].permitted = kept[0].effective = has[0].permitted & kKept;
    return in_every_thread(&set_capabilities, &kept);
}

}  // namespace xbucket::app
