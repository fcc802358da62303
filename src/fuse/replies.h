// SPDX-FileCopyrightText: the xbucket authors
// Results of the file system as FUSE replies.
#pragma once

#include "mount.h"

#include "xbucket/base/result.h"

#include <optional>
#include <string_view>
#include <sys/stat.h>

namespace xbucket::fuse {

struct stat to_stat(const Attr& attr);
fuse_entry_param to_entry(const Entry& entry);

// How much of `bytes` one call may do: the reply counts with 32 bits, and what more was done would
// be taken for less. As much as read(2) and write(2) do at once; the caller asks for the rest.
size_t within_a_reply(size_t bytes);

// Answers the errno of `error`; logs what a person must know.
void reply_error(const RequestPtr& request, const char* operation, const Error& error);
void reply_done(const RequestPtr& request, const char* operation, const Result<void>& result);
// A missing name becomes a negative entry that the kernel keeps for a while.
void reply_entry(const RequestPtr& request, const char* operation, const Result<Entry>& result);
void reply_attr(const RequestPtr& request, const char* operation, const Result<Attr>& result);
// getxattr and listxattr: size 0 asks for the length; a buffer that is really too small is ERANGE.
void reply_sized(const RequestPtr& request, std::string_view bytes, size_t buffer_bytes);

}  // namespace xbucket::fuse
