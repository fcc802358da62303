// SPDX-FileCopyrightText: the xbucket authors
// Retention and legal hold of an object, as far as a copy or an upload must carry them.
#pragma once

#include "xbucket/store/object_store.h"

namespace xbucket {

// Whether there is anything in it that a copy without it would lose. Pure.
bool protects(const ObjectLock& lock);
// Services spell times in more than one way; and "no hold" as OFF or not at all. Pure.
bool same_lock(const ObjectLock& a, const ObjectLock& b);
Error lock_would_be_lost(const Error& error);  // what -o preserve=strict says

}  // namespace xbucket
