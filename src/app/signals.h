// SPDX-FileCopyrightText: the xbucket authors
// Signals as ordinary calls on a thread of their own, so that nothing has to be async-signal-safe.
#pragma once

#include <functional>
#include <thread>

namespace xbucket::app {

// Make it before any other thread: it blocks SIGTERM, SIGINT and SIGHUP in the calling thread, and
// threads made later inherit that.
class SignalThread {
  public:
    struct Actions {
        std::function<void()> end;        // first SIGTERM or SIGINT
        std::function<void()> end_again;  // every further one
        std::function<void()> hang_up;    // SIGHUP
    };
    SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;
    ~SignalThread();

    // Signals that came before are acted on now.
    void start(Actions actions);

  private:
    std::thread thread_;
};

}  // namespace xbucket::app
