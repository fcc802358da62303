// SPDX-FileCopyrightText: the xbucket authors
// An allow-list. Names that this machine's kernel or architecture does not have are passed over.
// Deliberately absent: starting programs, processes and namespaces; tracing and reading others;
// mounts; keys; modules; clocks; handles of files; io_uring, userfaultfd and BPF, the usual first
// steps out of a process.
#include "syscall_rules.h"

#include <cerrno>
#include <initializer_list>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

using Numbers = std::initializer_list<uint64_t>;

constexpr const char* kFiles[] = {
    "access",    "chmod",      "close",    "close_range", "copy_file_range", "creat",
    "dup",       "dup2",       "dup3",     "faccessat",   "faccessat2",      "fadvise64",
    "fallocate", "fchmod",     "fchmodat", "fchown",      "fchown32",        "fcntl",
    "fcntl64",   "fdatasync",  "flock",    "fstat",       "fstat64",         "fstatat64",
    "fstatfs",   "fstatfs64",  "fsync",    "ftruncate",   "ftruncate64",     "getcwd",
    "getdents",  "getdents64", "link",     "linkat",      "lseek",           "_llseek",
    "lstat",     "lstat64",    "mkdir",    "mkdirat",     "newfstatat",      "open",
    "openat",    "pread64",    "preadv",   "preadv2",     "pwrite64",        "pwritev",
    "pwritev2",  "read",       "readlink", "readlinkat",  "readv",           "rename",
    "renameat",  "renameat2",  "rmdir",    "sendfile",    "splice",          "stat",
    "stat64",    "statfs",     "statfs64", "statx",       "sync_file_range", "tee",
    "truncate",  "truncate64", "umask",    "unlink",      "unlinkat",        "utimensat",
    "utimes",    "vmsplice",   "write",    "writev",
};

constexpr const char* kNetworkAndEvents[] = {
    "_newselect",
    "accept",
    "accept4",
    "bind",
    "connect",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "getpeername",
    "getsockname",
    "getsockopt",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pselect6",
    "pselect6_time64",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmmsg_time64",
    "recvmsg",
    "select",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socketpair",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
};

constexpr const char* kMemoryThreadsTime[] = {
    "arch_prctl",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "exit",
    "exit_group",
    "futex",
    "futex_time64",
    "futex_waitv",
    "get_robust_list",
    "getcpu",
    "getegid",
    "getegid32",
    "geteuid",
    "geteuid32",
    "getgid",
    "getgid32",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "gettid",
    "gettimeofday",
    "getuid",
    "getuid32",
    "madvise",
    "membarrier",
    "memfd_create",
    "mincore",
    "mlock",
    "mlock2",
    "mremap",
    "msync",
    "munlock",
    "munmap",
    "nanosleep",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setsid",
    "sigaltstack",
    "sigreturn",
    "sysinfo",
    "time",
    "times",
    "ugetrlimit",
    "uname",
    "wait4",
    "waitid",
};

int allow(scmp_filter_ctx filter, const char* name,
          std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return 0;
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number,
                                  static_cast<unsigned>(conditions.size()), conditions.begin());
}

scmp_arg_cmp equals(unsigned argument, uint64_t value) {
    return scmp_arg_cmp{argument, SCMP_CMP_EQ, value, 0};
}
// The kernel looks at the lower half of these only.
scmp_arg_cmp masked(unsigned argument, uint64_t mask, uint64_t value) {
    return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, mask, value};
}

int allow_sockets(scmp_filter_ctx filter) {
    constexpr uint64_t kInt = UINT32_MAX;
    constexpr uint64_t kType = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK
    for (const uint64_t family : Numbers{AF_UNIX, AF_INET, AF_INET6}) {
        for (const uint64_t type : Numbers{SOCK_STREAM, SOCK_DGRAM}) {
            const int added =
                allow(filter, "socket", {masked(0, kInt, family), masked(1, kType, type)});
            if (added != 0) return added;
        }
    }
    // How the C library asks which addresses this machine has.
    return allow(filter, "socket", {masked(0, kInt, AF_NETLINK), masked(2, kInt, 0)});
}

// Memory is written to or run, never both.
int allow_memory(scmp_filter_ctx filter) {
    for (const char* name : {"mmap", "mmap2", "mprotect"}) {
        for (const uint64_t absent : Numbers{PROT_EXEC, PROT_WRITE}) {
            if (const int added = allow(filter, name, {masked(2, absent, 0)}); added != 0) {
                return added;
            }
        }
    }
    return 0;
}

int fail_with(scmp_filter_ctx filter, int error, const char* name,
              std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return 0;
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), number,
                                  static_cast<unsigned>(conditions.size()), conditions.begin());
}

int allow_threads(scmp_filter_ctx filter) {
    // clone3's flags lie in memory, where no filter sees them; without it the C library uses clone.
    if (const int added = fail_with(filter, ENOSYS, "clone3", {}); added != 0) return added;
    constexpr uint64_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    if (const int added = allow(filter, "clone", {masked(0, kThread, kThread)}); added != 0) {
        return added;
    }
    // The C library makes processes with all signals blocked, SIGSYS with them, which would end
    // this one. It must hear of it from the call alone.
    if (const int added = fail_with(filter, EPERM, "clone", {masked(0, CLONE_THREAD, 0)});
        added != 0) {
        return added;
    }
    for (const char* name : {"fork", "vfork"}) {
        if (const int added = fail_with(filter, EPERM, name, {}); added != 0) return added;
    }
    // To itself only: abort(), pthread_kill().
    return allow(filter, "tgkill", {equals(0, static_cast<uint64_t>(getpid()))});
}

int allow_the_rest(scmp_filter_ctx filter) {
    constexpr uint64_t kInt = UINT32_MAX;
    for (const uint64_t request : Numbers{FIONBIO, FIONREAD, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ,
                                          SIOCGIFCONF, SIOCGIFNAME, SIOCGIFINDEX}) {
        if (const int added = allow(filter, "ioctl", {masked(1, kInt, request)}); added != 0) {
            return added;
        }
    }
    constexpr uint64_t kNameMemory = 0x53564d41;  // PR_SET_VMA, which Debian 12's headers lack
    for (const uint64_t option : Numbers{PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, kNameMemory}) {
        if (const int added = allow(filter, "prctl", {masked(0, kInt, option)}); added != 0) {
            return added;
        }
    }
    // Limits are read, and raised by nobody.
    return allow(filter, "prlimit64", {equals(2, 0)});
}

}  // namespace

int add_syscall_rules(scmp_filter_ctx filter) {
    const auto allow_all = [filter](const auto& names) {
        for (const char* name : names) {
            if (const int added = allow(filter, name, {}); added != 0) return added;
        }
        return 0;
    };
    if (const int added = allow_all(kFiles); added != 0) return added;
    if (const int added = allow_all(kNetworkAndEvents); added != 0) return added;
    if (const int added = allow_all(kMemoryThreadsTime); added != 0) return added;
    for (const auto add : {allow_sockets, allow_memory, allow_threads, allow_the_rest}) {
        if (const int added = add(filter); added != 0) return added;
    }
    return 0;
}

}  // namespace xbucket::app
