// SPDX-FileCopyrightText: the xbucket authors
// A keeper in a child of the test's own; tests/e2e has the one that a mount starts.
#include "keeper.h"

#include "keeper_messages.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xbucket::app {
namespace {

using ::testing::HasSubstr;

class KeeperTest : public ::testing::Test {
  protected:
    KeeperTest() {
        std::array<int, 2> ends{};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
        process_ = fork();
        if (process_ == 0) {
            close(ends[0]);
            serve_keeper(ends[1], temp_ / "not-mounted");
            _exit(0);
        }
        close(ends[1]);
        keeper_ = std::make_unique<Keeper>(ends[0], -1);
    }
    ~KeeperTest() override {
        keeper_.reset();
        if (process_ > 0) waitpid(process_, nullptr, 0);
    }
    Result<std::string> run(const std::string& command, bool shell = true,
                            const ProcessLimits& limits = {}) {
        const Secret output = TRY(keeper_->run_program(command, shell, limits));
        return std::string(output.reveal());
    }

    testing::TempDir temp_;
    pid_t process_ = -1;
    std::unique_ptr<Keeper> keeper_;
};

TEST_F(KeeperTest, programs_run_as_they_would_in_the_mount) {
    EXPECT_EQ(run("printf '%s' \"$0 key\"").value(), "/bin/sh key");
    EXPECT_EQ(run("printf %s-%s a 'b c'", false).value(), "a-b c");
    EXPECT_EQ(run("exit 3").error().kind, ErrorKind::bad_credentials);
    EXPECT_THAT(run("exit 3").error().message, HasSubstr("status 3"));
    EXPECT_EQ(run("'", false).error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(run("head -c 65536 /dev/zero")->size(), 65536u);
    EXPECT_THAT(run("head -c 65537 /dev/zero").error().message, HasSubstr("more than 64 KiB"));
    EXPECT_EQ(run("sleep 1000", true, {.timeout = std::chrono::milliseconds(50)}).error().kind,
              ErrorKind::timed_out);
}

TEST_F(KeeperTest, sealed_it_runs_only_what_it_ran_before) {
    EXPECT_EQ(run("echo one").value(), "one\n");
    keeper_->seal();
    EXPECT_EQ(run("echo one").value(), "one\n");
    EXPECT_EQ(run("echo two").error().kind, ErrorKind::access_denied);
    EXPECT_EQ(run("echo one", false).error().kind, ErrorKind::access_denied);
    EXPECT_THAT(run("echo two").error().message, HasSubstr("mount anew"));
}

TEST_F(KeeperTest, program_that_hangs_holds_up_no_other_and_is_killed_when_told) {
    const std::string pid_file = temp_ / "pid";
    std::atomic<bool> stop{false};
    Result<std::string> hanging = std::string();
    std::thread waiting([&] {
        hanging = run("echo $$ > " + pid_file + ".new; mv " + pid_file + ".new " + pid_file +
                          "; exec sleep 1000",
                      true, {.stopped = [&] { return stop.load(); }});
    });
    while (!std::filesystem::exists(pid_file)) std::this_thread::yield();
    EXPECT_EQ(run("echo other").value(), "other\n");
    // What is asked for at the end of a mount; nothing is mounted here.
    EXPECT_EQ(keeper_->unmount().error().kind, ErrorKind::io);
    stop = true;
    waiting.join();
    EXPECT_EQ(hanging.error().kind, ErrorKind::cancelled);
    pid_t pid = 0;
    std::ifstream(pid_file) >> pid;
    ASSERT_GT(pid, 0);
    while (kill(pid, 0) == 0) std::this_thread::yield();  // its end, or the test's time limit
}

TEST_F(KeeperTest, it_ends_with_the_mount_and_with_no_signal_of_a_terminal) {
    EXPECT_EQ(run("true").value(), "");  // it serves
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) kill(process_, signal);
    EXPECT_EQ(run("echo here").value(), "here\n");
    keeper_.reset();
    int status = -1;
    EXPECT_EQ(waitpid(process_, &status, 0), process_);
    EXPECT_EQ(status, 0);
    process_ = -1;
}

TEST_F(KeeperTest, keeper_that_is_gone_is_an_error_that_says_so) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
    EXPECT_EQ(run("echo").error().kind, ErrorKind::io);
    EXPECT_THAT(run("echo").error().message, HasSubstr("mount anew"));
}

TEST(KeeperMessagesTest, packets_come_back_and_rubbish_is_none) {
    const auto request = parse_packet(to_packet(
        {.kind = KeeperRequest::Kind::shell, .timeout_ms = 60000, .command = "a\nb \xff"}));
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->kind, KeeperRequest::Kind::shell);
    EXPECT_EQ(request->timeout_ms, 60000u);
    EXPECT_EQ(request->command, "a\nb \xff");
    for (const std::string_view packet :
         {"", "\n", "x1\necho", "s\necho", "s1 echo", "s-1\necho", "s99999999999999999999\necho"}) {
        EXPECT_FALSE(parse_packet(packet).has_value()) << packet;
    }
}

TEST(KeeperMessagesTest, reply_that_means_nothing_is_an_error) {
    EXPECT_EQ(parse_reply("k").value().reveal(), "");
    EXPECT_EQ(parse_reply("kkey").value().reveal(), "key");
    EXPECT_EQ(parse_reply("").error().kind, ErrorKind::io);
    EXPECT_EQ(parse_reply("e").error().kind, ErrorKind::io);
    EXPECT_EQ(parse_reply("e\xff!").error().kind, ErrorKind::internal);
}

}  // namespace
}  // namespace xbucket::app
