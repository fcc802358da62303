// SPDX-FileCopyrightText: the xbucket authors
// One small piece of an object, into memory.
#pragma once

#include "xbucket/store/object_store.h"

#include <string>

namespace xbucket {

// One GET of [offset, offset + length), not empty, pinned to `etag` ("" = whatever is there);
// `whole`: that is all of the object. What was damaged on the way is fetched once more. Blocks;
// thread-safe. Errors: get()'s; precondition_failed (replaced), bad_reply (other than `length`
// bytes).
Result<std::string> get_range(ObjectStore& store, const ObjectKey& key, const ETag& etag,
                              uint64_t offset, uint64_t length, bool whole);

// Whether a read or a copy that was pinned to an ETag failed because that content is not there any
// more: replaced, deleted, or cut shorter.
bool is_gone_or_replaced(const Error& error);

}  // namespace xbucket
