// SPDX-FileCopyrightText: the xbucket authors
// Signals are for the threads that wait for them, and must not interrupt others. A thread inherits
// its creator's mask.
#pragma once

#include <csignal>

namespace xbucket {

// No signal for the calling thread and those that it makes. One exception: SIGSYS, by which a
// filter of system calls (app) answers the very thread that made a call; blocked, it would end the
// process.
void block_signals();

// The same while it lives: for whoever starts threads and wants signals himself.
class SignalsBlocked {
  public:
    SignalsBlocked();
    ~SignalsBlocked();
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t before_{};
};

}  // namespace xbucket
