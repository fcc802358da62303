// SPDX-FileCopyrightText: the xbucket authors
// The end of a mount's process: so long it may take, from when it was asked for, and no longer.
// What stands after that is what a network that is away would hold up for minutes, until somebody
// kills the process with all that is not in the bucket.
#pragma once

#include "daemonize.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

#include <cstdint>
#include <functional>
#include <thread>

namespace xbucket::app {

// Thread-safe.
class Ending {
  public:
    // `end` ends the process. Starts a thread.
    Ending(Clock& clock, Duration at_most, std::function<void(ExitCode)> end);
    // Time does not count any more.
    ~Ending();
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

    // Something that must not be lost, while it lives: `save` is called before the process ends.
    // `progress` grows as long as the service takes what it is sent.
    class Holding {
      public:
        Holding(Ending& ending, std::function<void()> save, std::function<uint64_t()> progress);
        ~Holding();
        Holding(const Holding&) = delete;
        Holding& operator=(const Holding&) = delete;

      private:
        Ending& ending_;
    };

    // The end is asked for; the first time counts. When the time has passed, now() is called.
    void begin() EXCLUDES(mutex_);
    // As begin(), where nobody waits for the end to kill the process: the time begins again as long
    // as there is progress in it. A begin() after that is the first.
    void begin_unmounted() EXCLUDES(mutex_, ending_);
    // Saves what is to be saved, and ends the process. Whoever comes second waits for its end.
    void now() EXCLUDES(ending_);
    // All is done that can be: what is still going on may be cut off, with this status.
    void done(ExitCode code) EXCLUDES(ending_);

  private:
    void watch() EXCLUDES(mutex_, ending_);
    bool goes_on() EXCLUDES(mutex_, ending_);
    uint64_t progress() EXCLUDES(ending_);

    Clock& clock_;
    const Duration at_most_;
    const std::function<void(ExitCode)> end_;
    Mutex ending_;  // held to the end of the process
    std::function<void()> save_ GUARDED_BY(ending_);
    std::function<uint64_t()> progress_ GUARDED_BY(ending_);
    ExitCode code_ GUARDED_BY(ending_) = ExitCode::changes_lost;
    Mutex mutex_;
    CondVar changed_;
    TimePoint deadline_ GUARDED_BY(mutex_) = TimePoint::never();
    bool patient_ GUARDED_BY(mutex_) = false;  // with a deadline: as begin_unmounted() says
    uint64_t seen_ GUARDED_BY(mutex_) = 0;     // of the progress
    bool over_ GUARDED_BY(mutex_) = false;
    std::thread thread_;  // last: it uses what stands above
};

}  // namespace xbucket::app
