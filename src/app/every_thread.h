// SPDX-FileCopyrightText: the xbucket authors
// For rights that the kernel keeps for each thread and lets a thread give up for itself alone.
#pragma once

#include "xbucket/base/result.h"

namespace xbucket::app {

// Calls `call(data)` in each thread of this process: in this one first, then in the others, in a
// handler of SIGSYS, the one signal that no thread of ours blocks; so it may do only what a signal
// handler may. It returns 0 or an errno. Threads that others start meanwhile are met, too. Stops at
// the first failure in this thread, when nothing has happened in another yet. Takes SIGSYS and
// gives it back. Not for two threads at a time. Errors: io with that errno's text, or when a thread
// does not react within seconds.
Result<void> in_every_thread(int (*call)(void* data), void* data);

}  // namespace xbucket::app
