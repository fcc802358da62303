// SPDX-FileCopyrightText: the xbucket authors
// ErrorKind to errno: the only place where the two meet (DESIGN 1, protocol.md 8).
#pragma once

#include "xbucket/base/error.h"

namespace xbucket::fuse {

// Never 0 and never ENOSYS: one ENOSYS turns a call off for the whole mount.
int to_errno(ErrorKind kind);

// True where something outside the caller's request went wrong, or the service refused it: these
// are logged where they become an errno, since an errno cannot say what to do.
bool deserves_log(const Error& error);

}  // namespace xbucket::fuse
