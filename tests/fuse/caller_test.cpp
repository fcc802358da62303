// SPDX-FileCopyrightText: the xbucket authors
// Goal: a request is given up only for a program that must end (reliability.md 2, row 38).
#include "caller.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace xbucket::fuse {
namespace {

constexpr uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }

struct Signals {
    uint64_t thread = 0, process = 0, blocked = 0, ignored = 0, caught = 0;
};

std::string status(const Signals& s) {
    return fmt::format(
        "Name:\tSigPnd:\nState:\tD (disk sleep)\nThreads:\t1\nSigQ:\t1/3\nSigPnd:\t{:016x}\n"
        "ShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\nCapInh:\t0\n",
        s.thread, s.process, s.blocked, s.ignored, s.caught);
}

TEST(Caller, without_a_pending_signal_it_goes_on) { EXPECT_FALSE(is_dying(status({}))); }

TEST(Caller, sigkill_ends_it_whatever_it_blocks_or_handles) {
    const uint64_t all = ~uint64_t{0};
    EXPECT_TRUE(
        is_dying(status({.thread = bit(SIGKILL), .blocked = all, .ignored = all, .caught = all})));
    EXPECT_TRUE(is_dying(status({.process = bit(SIGKILL)})));
}

TEST(Caller, a_signal_with_its_default_effect_ends_it) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM, SIGPIPE, SIGPROF,
                             SIGVTALRM, SIGXCPU, SIGRTMIN}) {
        EXPECT_TRUE(is_dying(status({.process = bit(signal)}))) << signal;
        EXPECT_TRUE(is_dying(status({.thread = bit(signal)}))) << signal;
    }
}

TEST(Caller, one_that_it_blocks_ignores_or_handles_does_not) {
    for (const int signal : {SIGTERM, SIGINT, SIGURG, SIGPROF, SIGALRM, SIGRTMIN + 3}) {
        EXPECT_FALSE(is_dying(status({.process = bit(signal), .caught = bit(signal)}))) << signal;
        EXPECT_FALSE(is_dying(status({.thread = bit(signal), .blocked = bit(signal)}))) << signal;
        EXPECT_FALSE(is_dying(status({.process = bit(signal), .ignored = bit(signal)}))) << signal;
    }
}

TEST(Caller, one_that_does_nothing_by_default_or_stops_it_does_not) {
    for (const int signal :
         {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU})
        EXPECT_FALSE(is_dying(status({.thread = bit(signal), .process = bit(signal)}))) << signal;
}

TEST(Caller, what_cannot_be_read_changes_nothing) {
    const std::string whole = status({.thread = bit(SIGKILL)});
    EXPECT_FALSE(is_dying(""));
    EXPECT_FALSE(is_dying(whole.substr(0, whole.find("SigCgt"))));
    EXPECT_FALSE(is_dying("SigPnd:\t0000zzzz\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n"));
    EXPECT_FALSE(is_dying(pid_t{0}));
    EXPECT_FALSE(is_dying(pid_t{-1}));
    EXPECT_FALSE(is_dying(getpid()));
}

}  // namespace
}  // namespace xbucket::fuse
