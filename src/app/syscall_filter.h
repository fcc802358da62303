// SPDX-FileCopyrightText: the xbucket authors
// What this process may still ask of the kernel once it serves: a list of system calls (seccomp),
// so that who takes it over through a hostile reply cannot start programs, trace others, mount, or
// open sockets of other kinds. What a mount needs beyond that is done by its keeper (keeper.h).
//
// A call that is not on the list fails with EPERM, and the log says which it was, once for each.
#pragma once

#include "xbucket/base/result.h"

#include <memory>
#include <thread>

namespace xbucket::app {

class SyscallFilter {
  public:
    // For all threads of this process, those to come included, and for ever: there is no way back.
    // Takes SIGSYS. Errors: unsupported (this kernel or this container has none).
    static Result<std::unique_ptr<SyscallFilter>> load();
    // The filter stays; refused calls are in no log any more.
    ~SyscallFilter();
    SyscallFilter(const SyscallFilter&) = delete;
    SyscallFilter& operator=(const SyscallFilter&) = delete;

    // False in builds with a sanitizer: what its runtime asks of the kernel is its own affair.
    static bool is_possible();

  private:
    SyscallFilter(int refused_calls, int end);
    void report() const;

    const int refused_calls_;  // numbers of calls, as the signal handler wrote them
    const int end_;
    std::thread reporter_;
};

}  // namespace xbucket::app
