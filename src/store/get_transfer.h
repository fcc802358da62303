// SPDX-FileCopyrightText: the xbucket authors
// One GET from first byte to last over as many connections as it takes: checks every reply's range,
// resumes inside the object pinned to the first reply's ETag, and checks what was read whole
// (reliability.md 4 and 5, protocol.md 6).
#pragma once

#include "content_check.h"
#include "requester.h"

#include "xbucket/store/object_store.h"

namespace xbucket {

// Blocks until all is delivered or the last attempt has failed. `request.key` is the whole key;
// `doubts` is null where ETags are known to be MD5s.
Result<ObjectInfo> run_get(Requester& requester, const Dialect& dialect, const GetRequest& request,
                           GetSink& sink, EtagDoubts* doubts, const CallOptions& options);

}  // namespace xbucket
