// SPDX-FileCopyrightText: the xbucket authors
// From method, address and sub-resources to the operation that is meant.
#pragma once

#include "faults.h"
#include "lookup.h"
#include "site.h"

namespace xbucket::local {

enum class BodyUse { none, text, data };

struct Operation {
    Handler handler;
    RequestKind kind;
    Access access;
    BodyUse body;
    // Waits for the writer or works long: runs on a worker, not on the connection's thread.
    bool blocking;
};

// Refusals: MethodNotAllowed, NotImplemented (a sub-resource that this server does not know).
Outcome<const Operation*> find_operation(const Request& request);

}  // namespace xbucket::local
