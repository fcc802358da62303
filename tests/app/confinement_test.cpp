// SPDX-FileCopyrightText: the xbucket authors
// None of it can be taken off again: each test confines a child of its own.
#include "confinement.h"

#include "every_thread.h"
#include "support/temp_dir.h"
#include "syscall_filter.h"

#include "xbucket/base/signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xbucket::app {
namespace {

namespace stdfs = std::filesystem;
using ::testing::ElementsAre;

std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// "OK", or the name of the errno that opening it gives.
std::string opening(const std::string& path, int flags = O_RDONLY) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) return strerrorname_np(errno);
    close(fd);
    return "OK";
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// A thread that does what it is given, whenever that was started.
class OtherThread {
  public:
    OtherThread() {
        const SignalsBlocked blocked;  // as all threads of a mount
        thread_ = std::thread([this] {
            while (!begin_) std::this_thread::yield();
            work_();
        });
    }
    void run(std::function<void()> work) {
        work_ = std::move(work);
        begin_ = true;
        thread_.join();
    }

  private:
    std::function<void()> work_;
    std::atomic<bool> begin_{false};
    std::thread thread_;
};

class ConfinementTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!SyscallFilter::is_possible()) GTEST_SKIP() << "a sanitizer's runtime needs more";
        stdfs::create_directories(own_);
        stdfs::create_directories(keys_);
        write_file(keys_ + "/key", "old");
        write_file(temp_ / "others", "secret");
    }

    // What a child says with say() before it ends, or how it died.
    std::string in_child(const std::function<void()>& work) {
        const std::string path = temp_ / "said";
        const pid_t child = fork();
        if (child == 0) {
            output_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            work();
            _exit(0);
        }
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
        return text_of(path);
    }
    void say(const std::string& text) const {
        ASSERT_EQ(write(output_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void expect(const std::string& what, const std::string& got, const std::string& wanted) const {
        if (got != wanted) say(what + ": " + got + ", not " + wanted + "\n");
    }
    // In a child; false where this kernel cannot do it.
    bool confined() const {
        const auto done = confine_files({.written = {own_}, .read = {keys_, temp_ / "none"}});
        if (!done) say("none here: " + done.error().message);
        return done.has_value();
    }
    void skip_without_landlock() {
        const std::string said = in_child([&] { (void)confined(); });
        if (said.starts_with("none here")) GTEST_SKIP() << said;
    }

    testing::TempDir temp_;
    const std::string own_ = temp_ / "own";
    const std::string keys_ = temp_ / "keys";
    int output_ = -1;
};

TEST_F(ConfinementTest, files_of_the_mount_can_be_used_and_no_others) {
    skip_without_landlock();
    EXPECT_EQ(
        in_child([&] {
            const int before = open((temp_ / "others").c_str(), O_RDONLY | O_CLOEXEC);
            if (!confined()) return;
            expect("others' file", opening(temp_ / "others"), "EACCES");
            expect("their directory", opening(temp_.path(), O_RDONLY | O_DIRECTORY), "EACCES");
            expect("new file there", opening(temp_ / "new", O_WRONLY | O_CREAT), "EACCES");
            expect("writing a key", opening(keys_ + "/key", O_WRONLY), "EACCES");
            expect("shadow's backup to be", opening("/etc/new", O_WRONLY | O_CREAT), "EACCES");
            char byte = 0;
            expect("what is open", read(before, &byte, 1) == 1 ? "OK" : "closed", "OK");
            expect("key", text_of(keys_ + "/key"), "old");
            for (const char* path : {"/etc/hosts", "/etc/nsswitch.conf", "/dev/null",
                                     "/dev/urandom", "/proc/self/status", "/usr/bin"}) {
                if (stdfs::exists(path)) expect(path, opening(path), "OK");
            }
            expect("writing to /dev/null", opening("/dev/null", O_WRONLY), "OK");
        }),
        "");
}

TEST_F(ConfinementTest, all_that_a_spool_does_goes_on) {
    skip_without_landlock();
    EXPECT_EQ(in_child([&] {
                  if (!confined()) return;
                  const auto works = [&](const std::string& name, bool done) {
                      if (!done) say(name + ": " + std::strerror(errno) + "\n");
                  };
                  works("mkdir", mkdir((own_ + "/recovery").c_str(), 0700) == 0);
                  const int fd = open(own_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
                  works("file without a name", fd >= 0 && write(fd, "data", 4) == 4);
                  const std::string unnamed = "/proc/self/fd/" + std::to_string(fd);
                  works("name for it",
                        linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD,
                               (own_ + "/recovery/kept").c_str(), AT_SYMLINK_FOLLOW) == 0);
                  works("move",
                        rename((own_ + "/recovery/kept").c_str(), (own_ + "/moved").c_str()) == 0);
                  works("truncate", truncate((own_ + "/moved").c_str(), 2) == 0);
                  works("content", text_of(own_ + "/moved") == "da");
                  works("unlink", unlink((own_ + "/moved").c_str()) == 0);
                  works("rmdir", rmdir((own_ + "/recovery").c_str()) == 0);
              }),
              "");
}

TEST_F(ConfinementTest, key_that_is_replaced_by_a_rename_is_read) {
    skip_without_landlock();
    EXPECT_EQ(in_child([&] {
                  int ends[2] = {};
                  if (pipe2(ends, O_CLOEXEC) != 0) return say("no pipe");
                  const pid_t other = fork();
                  if (other == 0) {  // another program, which is not confined
                      char byte = 0;
                      (void)!read(ends[0], &byte, 1);
                      write_file(keys_ + "/new", "fresh");
                      stdfs::rename(keys_ + "/new", keys_ + "/key");
                      _exit(0);
                  }
                  if (!confined()) return;
                  (void)!write(ends[1], "x", 1);
                  waitpid(other, nullptr, 0);
                  expect("key", text_of(keys_ + "/key"), "fresh");
              }),
              "");
}

TEST_F(ConfinementTest, threads_of_before_and_after_are_confined_and_survive_it) {
    skip_without_landlock();
    EXPECT_EQ(in_child([&] {
                  std::vector<std::unique_ptr<OtherThread>> before;
                  for (unsigned i = 0; i < 20; ++i)
                      before.push_back(std::make_unique<OtherThread>());
                  if (!confined()) return;
                  OtherThread after;
                  const auto look = [&] {
                      expect("others' file", opening(temp_ / "others"), "EACCES");
                      expect("key", opening(keys_ + "/key"), "OK");
                  };
                  for (const auto& thread : before) thread->run(look);
                  after.run(look);
              }),
              "");
}

TEST_F(ConfinementTest, sleeping_threads_sleep_on) {
    skip_without_landlock();
    EXPECT_EQ(in_child([&] {
                  int ends[2] = {};
                  if (pipe2(ends, O_CLOEXEC) != 0) return say("no pipe");
                  std::atomic<int> got{0};
                  std::thread reader;
                  {
                      const SignalsBlocked blocked;
                      reader = std::thread([&] {
                          char byte = 0;
                          got = static_cast<int>(read(ends[0], &byte, 1));
                      });
                  }
                  if (!confined()) return;
                  (void)!write(ends[1], "x", 1);
                  reader.join();
                  expect("read", std::to_string(got), "1");
              }),
              "");
}

TEST_F(ConfinementTest, no_program_is_run) {
    skip_without_landlock();
    EXPECT_EQ(in_child([&] {
                  if (!confined()) return;
                  const char* const none[] = {nullptr};
                  syscall(SYS_execve, "/bin/true", none, none);
                  expect("execve", strerrorname_np(errno), "EACCES");
              }),
              "");
}

std::string status_line(const std::string& name) {
    std::ifstream in("/proc/thread-self/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
    }
    return "";
}

TEST_F(ConfinementTest, rights_of_root_are_gone_in_every_thread_but_those_to_open_files) {
    EXPECT_EQ(in_child([&] {
                  OtherThread before;
                  if (const auto done = drop_rights(); !done) return say(done.error().message);
                  const auto look = [&] {
                      expect("new privileges", status_line("NoNewPrivs"), "1");
                      // CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER: bits 1 to 3.
                      constexpr uint64_t kFiles = 0xe;
                      for (const char* name : {"CapEff", "CapPrm", "CapInh"}) {
                          const uint64_t has = std::stoull(status_line(name), nullptr, 16);
                          expect(name, (has & ~kFiles) == 0 ? "few" : status_line(name), "few");
                      }
                      if (geteuid() == 0)
                          expect("CapBnd", status_line("CapBnd"), "0000000000000000");
                  };
                  look();
                  before.run(look);
              }),
              "");
}

TEST_F(ConfinementTest, call_that_fails_here_is_made_nowhere_else) {
    EXPECT_EQ(in_child([&] {
                  OtherThread other;
                  static std::atomic<int> calls{0};
                  const auto done = in_every_thread(
                      [](void*) {
                          ++calls;
                          return ENOSYS;
                      },
                      nullptr);
                  expect("outcome", done ? "OK" : "failed", "failed");
                  expect("calls", std::to_string(calls), "1");
                  other.run([] {});
              }),
              "");
}

TEST_F(ConfinementTest, directories_of_a_file_are_its_own_and_that_of_what_it_points_to) {
    EXPECT_THAT(directories_of(keys_ + "/key"), ElementsAre(keys_));
    EXPECT_THAT(directories_of(keys_ + "/not-yet"), ElementsAre(keys_));
    stdfs::create_symlink(keys_ + "/key", own_ + "/link");
    EXPECT_THAT(directories_of(own_ + "/link"), ElementsAre(own_, keys_));
    EXPECT_THAT(directories_of("syslog"), ElementsAre());
    EXPECT_THAT(directories_of(""), ElementsAre());
}

}  // namespace
}  // namespace xbucket::app
