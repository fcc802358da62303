// SPDX-FileCopyrightText: the xbucket authors
// The end of a process, but for the exit itself.
#include "ending.h"

#include "support/fake_clock.h"

#include "xbucket/base/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

namespace xbucket::app {
namespace {

using std::chrono::seconds;

class EndingTest : public ::testing::Test {
  protected:
    EndingTest() { set_log_level(LogLevel::off); }
    void ended(ExitCode code) {
        LockGuard lock(mutex_);
        told_ += "ended;";
        code_ = code;
        changed_.notify_all();
    }
    void saved() {
        LockGuard lock(mutex_);
        told_ += "saved;";
    }
    ExitCode wait_for_end() {
        LockGuard lock(mutex_);
        while (!code_) changed_.wait(mutex_);
        return *code_;
    }
    std::string told() {
        LockGuard lock(mutex_);
        return told_;
    }

    // No faster than the thread that watches can be.
    void pass_time() {
        clock_.advance(seconds(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    xbucket::testing::FakeClock clock_;
    std::atomic<int> looks_{0};
    std::atomic<uint64_t> moved_{1000};  // before it ends
    Mutex mutex_;
    CondVar changed_;
    std::string told_ GUARDED_BY(mutex_);
    std::optional<ExitCode> code_ GUARDED_BY(mutex_);
};

TEST_F(EndingTest, what_is_held_is_saved_when_the_time_has_passed_and_the_status_says_so) {
    Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
    const Ending::Holding holding(
        ending, [this] { saved(); }, [this] { return moved_.load(); });
    ending.begin();
    clock_.advance(seconds(70));
    ending.begin();  // asked twice does not mean asked later
    EXPECT_EQ(told(), "");
    clock_.advance(seconds(5));
    EXPECT_EQ(wait_for_end(), ExitCode::changes_lost);
    EXPECT_EQ(told(), "saved;ended;");
}

TEST_F(EndingTest, what_is_done_and_still_going_on_is_cut_off_with_its_own_status) {
    Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
    {
        const Ending::Holding holding(
            ending, [this] { saved(); }, [this] { return moved_.load(); });
        ending.begin();
        ending.done(ExitCode::ok);
    }
    clock_.advance(seconds(76));
    EXPECT_EQ(wait_for_end(), ExitCode::ok);
    EXPECT_EQ(told(), "ended;");
}

TEST_F(EndingTest, after_an_unmount_the_time_begins_again_as_long_as_the_service_takes_something) {
    Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
    const Ending::Holding holding(
        ending, [this] { saved(); },
        [this] {
            ++looks_;
            return moved_.load();
        });
    ending.begin_unmounted();
    for (int i = 0; i < 10; ++i) {
        ++moved_;
        const int looks = looks_;
        while (looks_ == looks) pass_time();
    }
    EXPECT_EQ(told(), "");
    while (told().empty()) pass_time();
    EXPECT_EQ(wait_for_end(), ExitCode::changes_lost);
    EXPECT_EQ(looks_, 12);  // once more, in vain
}

TEST_F(EndingTest, a_signal_after_an_unmount_ends_it_within_the_time_whatever_is_sent) {
    Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
    const Ending::Holding holding(
        ending, [this] { saved(); }, [this] { return ++moved_; });
    ending.begin_unmounted();
    clock_.advance(seconds(70));
    ending.begin();
    clock_.advance(seconds(70));
    EXPECT_EQ(told(), "");
    clock_.advance(seconds(5));
    EXPECT_EQ(wait_for_end(), ExitCode::changes_lost);
}

TEST_F(EndingTest, nothing_ends_that_was_not_asked_to) {
    {
        const Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
        clock_.advance(seconds(1000));
    }
    EXPECT_EQ(told(), "");
}

TEST_F(EndingTest, at_once_saves_too) {
    Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
    const Ending::Holding holding(
        ending, [this] { saved(); }, [this] { return moved_.load(); });
    ending.now();
    EXPECT_EQ(told(), "saved;ended;");
    EXPECT_EQ(wait_for_end(), ExitCode::changes_lost);
}

}  // namespace
}  // namespace xbucket::app
