// SPDX-FileCopyrightText: the xbucket authors
// Whether the program behind a request must end: the kernel tells only that a signal came, not
// which, and tells it once.
#pragma once

#include <string_view>
#include <sys/types.h>

namespace xbucket::fuse {

// `status` is the text of /proc/PID/status. True when a signal is pending that ends the program and
// that it neither blocks, ignores nor handles, or has already ended it. Whatever cannot be read is
// false.
bool is_dying(std::string_view status);

// The same for a thread of any process; false where it cannot be seen (another PID namespace,
// hidepid). Reads /proc; does not block on the network.
bool is_dying(pid_t thread);

}  // namespace xbucket::fuse
