// SPDX-FileCopyrightText: the xbucket authors
// SSE-C: objects encrypted with a key that comes with each request (protocol.md 2.2, 3.7, 7). This
// server encrypts nothing; it keeps the key's MD5, as the services do, and answers only who has the
// key.
#pragma once

#include "object_record.h"
#include "outcome.h"
#include "reply.h"

#include <string>

namespace xbucket::local {

// The MD5, in base64, of the key that the request brings; "" where it brings none. `prefix` is ""
// or "copy-source-". Refusals: InvalidArgument for a key that is malformed or lacks one of its
// three headers.
Outcome<std::string> customer_key_of(const Request& request, std::string_view prefix);
// Whether the request may see or use the object. Refusals: InvalidRequest where a key is missing or
// nothing is encrypted, AccessDenied for another key.
Outcome<void> check_customer_key(const Request& request, std::string_view prefix,
                                 const Attributes& attributes);
void take_customer_key(std::string key_md5, Attributes& into);
bool has_customer_key(const Attributes& attributes);
// Of an object encrypted so, the ETag is no MD5 and another one after each write.
void make_etag_opaque(ObjectRecord& record);
void add_customer_key_headers(Reply& reply, const Request& request, const Attributes& attributes);

}  // namespace xbucket::local
