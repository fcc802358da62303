// SPDX-FileCopyrightText: the xbucket authors
#pragma once

#include "xbucket/store/object_types.h"

namespace xbucket {

// Whether the ETag is the MD5 of the content, so that a copy keeps it and an upload can be known by
// it: not for multipart, KMS-encrypted, SSE-C, appendable or symlink objects (protocol.md 2). Pure.
bool etag_is_content_hash(const ObjectInfo& info);

// Whether what is told of two objects shows that their content differs. A copy may have an ETag of
// its own where it is encrypted, made in parts, or made by OSS: that alone shows nothing. Pure.
bool shows_other_content(const ObjectInfo& a, const ObjectInfo& b);

}  // namespace xbucket
