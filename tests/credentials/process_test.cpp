// SPDX-FileCopyrightText: the xbucket authors
// Programs that print a key: what they are given, and what becomes of those that misbehave.
#include "support/temp_dir.h"

#include "xbucket/base/file_descriptor.h"
#include "xbucket/credentials/kitchen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <poll.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using xbucket::testing::TempDir;

std::string run(const std::string& command, bool shell = true, ProcessLimits limits = {}) {
    SystemClock clock;
    auto output = run_credential_process(command, shell, limits, clock);
    return output ? std::string(output->reveal()) : "ERROR " + output.error().message;
}

TEST(CredentialProcess, output_of_a_shell_command_and_of_words) {
    EXPECT_EQ(run("echo a; echo b"), "a\nb\n");
    EXPECT_EQ(run(R"(/bin/echo 'a  b' "c\"d" e\ f)", false), "a  b c\"d e f\n");
    EXPECT_EQ(run("/bin/echo $HOME ; x", false), "$HOME ; x\n") << "no shell, no variables";
    EXPECT_THAT(run("echo 'a", false), HasSubstr("quote"));
    EXPECT_THAT(run("  ", false), HasSubstr("empty"));
}

TEST(CredentialProcess, failures_are_said_without_what_was_printed) {
    EXPECT_THAT(run("echo hunter2; echo hunter2 >&2; exit 3"), HasSubstr("status 3"));
    EXPECT_THAT(run("echo hunter2; exit 3"), Not(HasSubstr("hunter2")));
    EXPECT_THAT(run("kill -9 $$"), HasSubstr("signal 9"));
    EXPECT_THAT(run("/no/such/program", false), HasSubstr("cannot be started"));
    EXPECT_THAT(run("/no/such/program"), HasSubstr("status 127"));
}

// Whether the process is gone, or about to be: a signal takes a moment, and the grandchild is
// init's to reap.
bool ends(pid_t pid) {
    const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process.is_open()) return errno == ESRCH;
    pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
    constexpr int kPatience_ms = 10'000;
    return ::poll(&end, 1, kPatience_ms) == 1;
}

TEST(CredentialProcess, one_that_hangs_is_killed_with_all_that_it_started) {
    const TempDir home;
    const std::string pids = home / "pids";
    const std::string said =
        run("sleep 1000 & echo $! > " + pids + "; echo $$ >> " + pids + "; sleep 1000", true,
            {.timeout = std::chrono::seconds(3), .output_max = 100});
    EXPECT_THAT(said, HasSubstr("did not end"));
    std::ifstream list(pids);
    pid_t pid = 0;
    int seen = 0;
    while (list >> pid) {
        ++seen;
        EXPECT_TRUE(ends(pid)) << pid;
    }
    EXPECT_EQ(seen, 2);
}

TEST(CredentialProcess, one_that_never_stops_talking_is_killed) {
    EXPECT_THAT(run("yes hunter2", true, {.output_max = 4096}), HasSubstr("more than 4 KiB"));
}

TEST(CredentialProcess, one_that_closes_its_output_and_stays_is_killed) {
    EXPECT_THAT(
        run("exec >/dev/null; sleep 1000", true, {.timeout = std::chrono::milliseconds(300)}),
        HasSubstr("did not end"));
}

TEST(CredentialProcess, one_that_runs_when_the_mount_ends_is_killed) {
    std::atomic<bool> stop{false};
    SystemClock clock;
    std::string said;
    std::thread caller([&] {
        auto output = run_credential_process("sleep 1000", true,
                                             {.stopped = [&] { return stop.load(); }}, clock);
        said = output ? "" : output.error().message;
    });
    stop = true;
    caller.join();
    EXPECT_THAT(said, HasSubstr("killed"));
}

TEST(CredentialProcess, gets_no_other_descriptor_and_no_blocked_signal) {
    EXPECT_EQ(run("ls /proc/self/fd | wc -l"), "4\n") << "0, 1, 2 and the folder that ls reads";
    // glibc keeps 32 and 33 to itself.
    EXPECT_THAT(run("grep -E 'SigBlk|SigIgn' /proc/self/status"),
                ::testing::AnyOf("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
                                 "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n"));
}

}  // namespace
}  // namespace xbucket
