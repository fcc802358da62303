// SPDX-FileCopyrightText: the xbucket authors
// Errors as values. An Error says what kind of thing went wrong (what a caller switches on), what
// failed in words (what a person reads), and what the service said (what support asks for).
// errno exists only in fuse/: see src/fuse/errno_map.h.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace xbucket {

// What went wrong, in terms a caller can act on. Never switch on message text.
enum class ErrorKind {
    not_found,            // no such key, version, upload, attribute target
    no_such_bucket,       // the bucket itself is missing
    no_such_attribute,    // the object is there, the attribute is not (ENODATA)
    already_exists,       // create-only request on something that exists
    access_denied,        // authenticated, not allowed
    bad_credentials,      // unknown key id or wrong signature
    expired_credentials,  // token or key past its life
    clock_skew,           // request time too far from the service's
    precondition_failed,  // a condition that we sent was false (412)
    conflict,             // a concurrent change won; read again and decide
    not_modified,         // 304
    invalid_argument,     // bad input that no retry mends
    invalid_name,         // a name or key that cannot exist here (EINVAL)
    name_too_long,        // key, component or attribute name over its limit
    value_too_large,      // one value that alone can never fit (E2BIG)
    no_attribute_space,   // the total of metadata would be over the limit (ENOSPC)
    file_too_large,       // size over what the service or this mount can store or copy (EFBIG)
    no_space,             // local spool or journal is full, or quota (ENOSPC)
    read_only,            // the mount or the attribute cannot be written (EROFS / EPERM by place)
    not_permitted,        // refused by rule, not by right: fixed attributes, WORM (EPERM)
    unsupported,          // the service or this mount does not do that (EOPNOTSUPP)
    archived,             // must be restored before it can be read or copied
    bad_range,            // range outside the object (416)
    is_directory,
    not_directory,
    directory_not_empty,
    stale,              // the object was replaced while open, or a handle outlived it (ESTALE)
    symlink_loop,       // link to a link
    wrong_endpoint,     // bucket lives elsewhere: Error::hint may name the region or endpoint
    throttled,          // 429, 503 SlowDown and relatives
    server_error,       // 5xx, or 200 with an <Error> body
    timed_out,          // connect, stall or total deadline
    network,            // resolve, connect, reset
    tls,                // certificate or handshake
    bad_reply,          // the reply does not parse or contradicts itself
    checksum_mismatch,  // bytes differ from what the service says it has
    busy,               // in use, try again (EBUSY)
    cancelled,          // the mount is going down or the caller was interrupted
    io,                 // local I/O error
    internal,           // a bug that was caught
};

// The enumerator's own spelling, for logs.
std::string_view to_string(ErrorKind kind);

struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string
        message;  // what failed and, where known, what to do; no secrets, no trailing period

    // What the service said; empty or 0 where there was no reply.
    int http_status = 0;
    std::string code;        // e.g. "NoSuchKey"
    std::string request_id;  // x-oss-request-id, x-amz-request-id
    std::string hint;  // wrong_endpoint: the region or endpoint; clock_skew: the server's Date
    std::chrono::milliseconds retry_after{0};

    // The request may have been applied although we have no success reply (DESIGN 3.6): timeouts
    // and resets after the first byte was sent. Always false for reads.
    bool outcome_unknown = false;

    Error() = default;
    Error(ErrorKind k, std::string m) : kind(k), message(std::move(m)) {}

    // One line: message, then kind, HTTP status, code and request id where there are any.
    std::string describe() const;
    // The same error with `context` and ": " in front of its message.
    Error with_context(std::string_view context) &&;
};

}  // namespace xbucket
