// SPDX-FileCopyrightText: the xbucket authors
// The end of a process, but for the exit itself.
#include "ending.h"

#include "support/fake_clock.h"

#include "xbucket/base/log.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

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

    xbucket::testing::FakeClock clock_;
    Mutex mutex_;
    CondVar changed_;
    std::string told_ GUARDED_BY(mutex_);
    std::optional<ExitCode> code_ GUARDED_BY(mutex_);
};

TEST_F(EndingTest, what_is_held_is_saved_when_the_time_has_passed_and_the_status_says_so) {
    Ending ending(clock_, seconds(75), [this](ExitCode code) { ended(code); });
    const Ending::Holding holding(ending, [this] { saved(); });
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
        const Ending::Holding holding(ending, [this] { saved(); });
        ending.begin();
        ending.done(ExitCode::ok);
    }
    clock_.advance(seconds(76));
    EXPECT_EQ(wait_for_end(), ExitCode::ok);
    EXPECT_EQ(told(), "ended;");
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
    const Ending::Holding holding(ending, [this] { saved(); });
    ending.now();
    EXPECT_EQ(told(), "saved;ended;");
    EXPECT_EQ(wait_for_end(), ExitCode::changes_lost);
}

}  // namespace
}  // namespace xbucket::app
