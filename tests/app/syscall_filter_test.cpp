// SPDX-FileCopyrightText: the xbucket authors
// The filter cannot be taken off again: each test puts it on in a child of its own.
#include "syscall_filter.h"

#include "support/temp_dir.h"

#include "xbucket/base/log.h"
#include "xbucket/base/signals.h"
#include "xbucket/base/sqlite.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xbucket::app {
namespace {

class SyscallFilterTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!SyscallFilter::is_possible()) GTEST_SKIP() << "a sanitizer's runtime needs more";
        const std::string refused = in_child([] {});
        if (refused.starts_with("no filter")) GTEST_SKIP() << refused;
        ASSERT_EQ(refused, "");
    }

    // Runs it under the filter in a child; what the child says with say() before it ends, or how
    // it died.
    std::string in_child(
        const std::function<void()>& under_filter, const std::function<void()>& before = [] {}) {
        const std::string path = temp_ / "said";
        const pid_t child = fork();
        if (child == 0) {
            output_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            before();
            auto filter = SyscallFilter::load();
            if (!filter) say("no filter: " + filter.error().message);
            if (filter) under_filter();
            if (filter) filter->reset();  // the log is complete
            _exit(0);
        }
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
        return read_file(path);
    }
    void say(const std::string& text) const {
        ASSERT_EQ(write(output_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    // Says which call it is, unless it is refused.
    template <class... Arguments>
    void refused(const std::string& name, long number, Arguments... arguments) const {
        errno = 0;
        if (syscall(number, arguments...) == -1 && errno == EPERM) return;
        say(name + " errno " + std::to_string(errno) + "\n");
    }
    void works(const std::string& name, bool done) const {
        if (!done) say(name + ": " + std::strerror(errno) + "\n");
    }
    static std::string read_file(const std::string& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    testing::TempDir temp_;
    int output_ = -1;
};

TEST_F(SyscallFilterTest, no_programs_no_processes_no_tracing) {
    EXPECT_EQ(
        in_child([&] {
            const char* const none[] = {nullptr};
            refused("execve", SYS_execve, "/bin/true", none, none);
            refused("execveat", SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0);
            refused("clone", SYS_clone, SIGCHLD, 0, 0, 0, 0);
            refused("clone of memory", SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
            refused("ptrace", SYS_ptrace, 16, getppid(), 0, 0);
            refused("process_vm_readv", SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0);
            refused("kill", SYS_kill, getppid(), 0);
            refused("tgkill", SYS_tgkill, getppid(), getppid(), 0);
            refused("pidfd_open", SYS_pidfd_open, getppid(), 0);
            works("the C library hears of it", system("true") != 0);
        }),
        "");
}

TEST_F(SyscallFilterTest, no_mounts_namespaces_keys_or_other_ways_into_the_kernel) {
    EXPECT_EQ(in_child([&] {
                  refused("mount", SYS_mount, "none", "/mnt", "tmpfs", 0, nullptr);
                  refused("umount2", SYS_umount2, "/mnt", 0);
                  refused("pivot_root", SYS_pivot_root, "/", "/");
                  refused("chroot", SYS_chroot, "/");
                  refused("unshare", SYS_unshare, CLONE_NEWUSER);
                  refused("setns", SYS_setns, 0, 0);
                  refused("open_by_handle_at", SYS_open_by_handle_at, 0, nullptr, 0);
                  refused("keyctl", SYS_keyctl, 0, 0, 0, 0, 0);
                  refused("bpf", SYS_bpf, 0, nullptr, 0);
                  refused("perf_event_open", SYS_perf_event_open, nullptr, 0, 0, 0, 0);
                  refused("io_uring_setup", SYS_io_uring_setup, 1, nullptr);
                  refused("userfaultfd", SYS_userfaultfd, 0);
                  refused("init_module", SYS_init_module, nullptr, 0, "");
                  refused("clock_settime", SYS_clock_settime, 0, nullptr);
                  refused("setuid", SYS_setuid, 0);
                  refused("personality", SYS_personality, 0);
                  refused("prctl", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
                  refused("mknodat", SYS_mknodat, AT_FDCWD, "/tmp/x", S_IFCHR | 0600, 0);
                  refused("ioctl TIOCSTI", SYS_ioctl, 0, 0x5412, "x");
                  refused("memory to write to and run", SYS_mmap, nullptr, 4096,
                          PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              }),
              "");
}

TEST_F(SyscallFilterTest, no_sockets_but_those_of_the_network_and_this_machine) {
    EXPECT_EQ(in_child([&] {
                  refused("packets", SYS_socket, AF_PACKET, SOCK_RAW, 0);
                  refused("raw", SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);
                  refused("the kernel's crypto", SYS_socket, AF_ALG, SOCK_SEQPACKET, 0);
                  refused("virtual machines", SYS_socket, AF_VSOCK, SOCK_STREAM, 0);
                  refused("the firewall's netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 12);
                  refused("listening", SYS_listen, 0, 1);
                  works("TCP", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) >= 0);
                  works("TCP over IPv6 or none here",
                        socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT);
                  works("DNS", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
                  works("syslog", socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
                  works("addresses of this machine",
                        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0);
                  addrinfo* found = nullptr;
                  works("names", getaddrinfo("localhost", "80", nullptr, &found) == 0);
              }),
              "");
}

TEST_F(SyscallFilterTest, files_threads_and_databases_go_on) {
    EXPECT_EQ(in_child([&] {
                  const std::filesystem::path place = temp_ / "place";
                  works("mkdir", std::filesystem::create_directories(place));
                  const int file = ::open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
                  works("O_TMPFILE", file >= 0);
                  works("pwrite", pwrite(file, "data", 4, 1 << 20) == 4);
                  works("fallocate", fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
                  works("fsync", fsync(file) == 0 && fdatasync(file) == 0);
                  const std::string fd = "/proc/self/fd/" + std::to_string(file);
                  works("linkat", linkat(AT_FDCWD, fd.c_str(), AT_FDCWD, (place / "kept").c_str(),
                                         AT_SYMLINK_FOLLOW) == 0);
                  works("lock", lockf(file, F_TLOCK, 0) == 0);
                  std::error_code error;
                  std::filesystem::copy_file(place / "kept", place / "copy", error);
                  works("copy", !error);
                  std::filesystem::rename(place / "copy", place / "moved", error);
                  works("rename", !error);
                  struct statvfs vfs {};
                  works("statvfs", statvfs(place.c_str(), &vfs) == 0);
                  std::thread([] { prctl(PR_SET_NAME, "thread"); }).join();
                  auto database = sqlite::Connection::open((place / "journal").string(),
                                                           sqlite::Survives::power_loss);
                  works("SQLite", database.has_value() &&
                                      (*database)->execute("CREATE TABLE t (x)").has_value());
                  works("remove", std::filesystem::remove_all(place, error) > 0 && !error);
              }),
              "");
}

TEST_F(SyscallFilterTest, refused_call_is_in_the_log_once_with_its_name) {
    const std::string log = temp_ / "log";
    EXPECT_EQ(in_child(
                  [&] {
                      for (int i = 0; i < 3; ++i) refused("mount", SYS_mount, "", "", "", 0, "");
                      refused("execve", SYS_execve, "/bin/true", nullptr, nullptr);
                  },
                  [&] { (void)init_log({.level = LogLevel::info, .target = log}, nullptr); }),
              "");
    const std::string text = read_file(log);
    const size_t first = text.find("event=syscall_refused call=\"mount\" errno=1");
    ASSERT_NE(first, std::string::npos) << text;
    EXPECT_EQ(text.find("call=\"mount\"", first + 40), std::string::npos) << text;
    EXPECT_NE(text.find("call=\"execve\""), std::string::npos) << text;
}

TEST_F(SyscallFilterTest, threads_of_before_are_under_it_also_where_signals_are_blocked) {
    std::atomic<bool> on{false};
    std::thread worker;
    EXPECT_EQ(in_child(
                  [&] {
                      on = true;
                      worker.join();
                  },
                  [&] {
                      const SignalsBlocked blocked;
                      worker = std::thread([&] {
                          while (!on) std::this_thread::yield();
                          refused("execve", SYS_execve, "/bin/true", nullptr, nullptr);
                      });
                  }),
              "");
}

TEST_F(SyscallFilterTest, abort_still_ends_the_process) {
    EXPECT_EQ(in_child([] { std::abort(); }), "signal " + std::to_string(SIGABRT));
}

}  // namespace
}  // namespace xbucket::app
