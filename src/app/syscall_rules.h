// SPDX-FileCopyrightText: the xbucket authors
// The list of system calls that a serving mount may make, as libseccomp takes it.
#pragma once

#include <cstdint>
#include <seccomp.h>

namespace xbucket::app {

// Adds the rules to a filter whose default refuses. 0, or the negative errno of the first failure.
int add_syscall_rules(scmp_filter_ctx filter);

}  // namespace xbucket::app
