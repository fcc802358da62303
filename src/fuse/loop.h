// SPDX-FileCopyrightText: the xbucket authors
// The request loop: a fixed number of threads that read requests and process them.
//
// libfuse's own (fuse_session_loop_mt) can only be ended by a signal that interrupts its main
// thread, which loses a race now and then and fails where signals are blocked. Here the device is
// read without blocking, and idle threads wait for it or for an event that stop() raises.
#pragma once

#include "xbucket/base/result.h"

#include <fuse3/fuse_lowlevel.h>

#include <atomic>
#include <memory>

namespace xbucket::fuse {

class Loop {
  public:
    // `session` must be mounted and outlive it. Errors: io.
    static Result<std::unique_ptr<Loop>> create(fuse_session* session);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    // Serves with `threads` threads until unmounted or stop(). Errors: io (the connection failed).
    Result<void> run(unsigned threads);
    // Async-signal-safe; also before run().
    void stop();

  private:
    Loop(fuse_session* session, int stop_event) : session_(session), stop_event_(stop_event) {}
    void serve();
    // Waits for a request; false when the loop is to end.
    bool wait_for_request() const;

    fuse_session* const session_;
    const int stop_event_;
    std::atomic<int> failure_{0};  // errno
};

}  // namespace xbucket::fuse
