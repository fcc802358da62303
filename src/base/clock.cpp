// SPDX-FileCopyrightText: the xbucket authors
// The only place that asks the system for the time or puts a thread to sleep.
#include "xbucket/base/clock.h"

#include <thread>

namespace xbucket {

TimePoint SystemClock::now() const {
    return {std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now().time_since_epoch())};
}

WallTime SystemClock::wall_now() const {
    return {std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch())};
}

void SystemClock::sleep_for(Duration d) { std::this_thread::sleep_for(d); }

}  // namespace xbucket
