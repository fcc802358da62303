// SPDX-FileCopyrightText: the xbucket authors
// A progress bar on a terminal: how many of how many, never more than there are, and an end that is
// the truth.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace xbucket::app {

struct Counts {
    uint64_t found = 0;
    bool all_found = false;
    uint64_t done = 0;  // of those found, failures and what was skipped included
    uint64_t failed = 0;
    uint64_t skipped = 0;  // of those done: finished by an earlier run, which says nothing of speed
};

// "[#######             ] 3,120 of 7,000+  842/s  2 failed  about 12 s left". Pure.
std::string progress_line(const Counts& counts, Duration elapsed, size_t columns);
// "1,234,567"
std::string with_commas(uint64_t number);
// "1 object", "1,234 objects": what is counted may have more words behind, with its plural in -s.
std::string counted(uint64_t number, std::string_view one, std::string_view behind = "");
// "6.2 s", "3 min 20 s", "2 h 05 min"
std::string short_duration(Duration time);

// Thread-safe. Draws on standard error, at most ten times a second, only where that is a terminal.
class Progress {
  public:
    Progress(Clock& clock, bool wanted);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void update(const Counts& counts) EXCLUDES(mutex_);
    // Draws the last state and goes to the next line.
    void end(const Counts& counts) EXCLUDES(mutex_);
    // Takes the bar away, so that `text` can stand on a line of standard error by itself.
    void say(const std::string& text) EXCLUDES(mutex_);
    Duration elapsed() const { return clock_.now() - begun_; }

  private:
    void draw(const Counts& counts) REQUIRES(mutex_);

    Clock& clock_;
    const bool shown_;
    const TimePoint begun_;
    Mutex mutex_;
    TimePoint next_ GUARDED_BY(mutex_);
    bool drawn_ GUARDED_BY(mutex_) = false;
};

}  // namespace xbucket::app
