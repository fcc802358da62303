// SPDX-FileCopyrightText: the xbucket authors
#include "errno_map.h"

#include <cerrno>

namespace xbucket::fuse {

int to_errno(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::not_found:
            return ENOENT;
        case ErrorKind::no_such_attribute:
            return ENODATA;
        case ErrorKind::already_exists:
            return EEXIST;
        case ErrorKind::access_denied:
        case ErrorKind::bad_credentials:
        case ErrorKind::expired_credentials:
        case ErrorKind::tls:
        case ErrorKind::archived:
            return EACCES;
        case ErrorKind::precondition_failed:
        case ErrorKind::stale:
            return ESTALE;
        case ErrorKind::conflict:
        case ErrorKind::busy:
            return EBUSY;
        case ErrorKind::invalid_argument:
        case ErrorKind::invalid_name:
            return EINVAL;
        case ErrorKind::name_too_long:
            return ENAMETOOLONG;
        case ErrorKind::value_too_large:
            return E2BIG;
        case ErrorKind::no_attribute_space:
        case ErrorKind::no_space:
            return ENOSPC;
        case ErrorKind::file_too_large:
            return EFBIG;
        case ErrorKind::read_only:
            return EROFS;
        case ErrorKind::not_permitted:
            return EPERM;
        case ErrorKind::unsupported:
            return EOPNOTSUPP;
        case ErrorKind::is_directory:
            return EISDIR;
        case ErrorKind::not_directory:
            return ENOTDIR;
        case ErrorKind::directory_not_empty:
            return ENOTEMPTY;
        case ErrorKind::symlink_loop:
            return ELOOP;
        case ErrorKind::timed_out:
            return ETIMEDOUT;
        case ErrorKind::cancelled:
            return EINTR;
        case ErrorKind::no_such_bucket:
        case ErrorKind::clock_skew:
        case ErrorKind::not_modified:
        case ErrorKind::bad_range:
        case ErrorKind::wrong_endpoint:
        case ErrorKind::throttled:
        case ErrorKind::server_error:
        case ErrorKind::network:
        case ErrorKind::bad_reply:
        case ErrorKind::checksum_mismatch:
        case ErrorKind::io:
        case ErrorKind::internal:
            return EIO;
    }
    return EIO;
}

bool deserves_log(const Error& error) {
    switch (error.kind) {
        // The number says it, unless it was the service that refused: it has its reasons.
        case ErrorKind::invalid_argument:
        case ErrorKind::invalid_name:
        case ErrorKind::name_too_long:
        case ErrorKind::value_too_large:
        case ErrorKind::no_attribute_space:
        case ErrorKind::unsupported:
            return error.http_status != 0;
        case ErrorKind::not_found:
        case ErrorKind::no_such_attribute:
        case ErrorKind::already_exists:
        case ErrorKind::read_only:
        case ErrorKind::is_directory:
        case ErrorKind::not_directory:
        case ErrorKind::directory_not_empty:
        case ErrorKind::cancelled:
        case ErrorKind::not_modified:
        case ErrorKind::bad_range:
            return false;
        case ErrorKind::not_permitted:
        case ErrorKind::access_denied:
        case ErrorKind::bad_credentials:
        case ErrorKind::expired_credentials:
        case ErrorKind::tls:
        case ErrorKind::archived:
        case ErrorKind::precondition_failed:
        case ErrorKind::stale:
        case ErrorKind::conflict:
        case ErrorKind::busy:
        case ErrorKind::no_space:
        case ErrorKind::file_too_large:
        case ErrorKind::symlink_loop:
        case ErrorKind::timed_out:
        case ErrorKind::no_such_bucket:
        case ErrorKind::clock_skew:
        case ErrorKind::wrong_endpoint:
        case ErrorKind::throttled:
        case ErrorKind::server_error:
        case ErrorKind::network:
        case ErrorKind::bad_reply:
        case ErrorKind::checksum_mismatch:
        case ErrorKind::io:
        case ErrorKind::internal:
            return true;
    }
    return true;
}

}  // namespace xbucket::fuse
