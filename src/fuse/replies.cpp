// SPDX-FileCopyrightText: the xbucket authors
#include "replies.h"

#include "errno_map.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::fuse {

namespace {

timespec to_timespec(WallTime t) {
    const int64_t seconds = t.seconds();
    return {seconds, static_cast<long>((t - WallTime::from_seconds(seconds)).count())};
}

// What Linux makes of a larger count (MAX_RW_COUNT).
constexpr size_t kBytesAtOnce = 0x7ffff000;

double to_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

size_t within_a_reply(size_t bytes) { return std::min(bytes, kBytesAtOnce); }

struct stat to_stat(const Attr& attr) {
    struct stat st = {};
    st.st_ino = static_cast<ino_t>(attr.ino);
    st.st_mode = attr.mode;
    st.st_nlink = attr.nlink;
    st.st_uid = attr.uid;
    st.st_gid = attr.gid;
    st.st_size = static_cast<off_t>(attr.size);
    st.st_blksize = 1 << 20;  // what programs should read at a time
    st.st_blocks = static_cast<blkcnt_t>((attr.size + 511) / 512);
    st.st_atim = to_timespec(attr.atime);
    st.st_mtim = to_timespec(attr.mtime);
    st.st_ctim = to_timespec(attr.ctime);
    return st;
}

fuse_entry_param to_entry(const Entry& entry) {
    fuse_entry_param param = {};
    param.ino = static_cast<fuse_ino_t>(entry.attr.ino);
    param.generation = entry.generation;
    param.attr = to_stat(entry.attr);
    param.attr_timeout = to_seconds(entry.attr.timeout);
    param.entry_timeout = to_seconds(entry.timeout);
    return param;
}

void reply_error(const RequestPtr& request, const char* operation, const Error& error) {
    const int number = to_errno(error.kind);
    if (deserves_log(error)) {
        Mount& mount = request->mount();
        if (const auto left_out = mount.log_limit.admit(number, mount.clock.now())) {
            log_warning("fuse", "op={} errno={} {}{}", operation, number, error.describe(),
                        *left_out == 0 ? "" : fmt::format(" left_out={}", *left_out));
        }
    } else {
        log_debug("fuse", "op={} errno={} {}", operation, number, error.describe());
    }
    request->answer_error(number);
}

void reply_done(const RequestPtr& request, const char* operation, const Result<void>& result) {
    if (result) {
        request->answer_error(0);
    } else {
        reply_error(request, operation, result.error());
    }
}

void reply_entry(const RequestPtr& request, const char* operation, const Result<Entry>& result) {
    if (result) {
        const fuse_entry_param param = to_entry(*result);
        // An interrupted caller never learns of the entry: its lookup does not count.
        const bool heard = request->answer(fuse_reply_entry, &param);
        if (!heard) request->mount().fs.forget(result->attr.ino, 1);
        return;
    }
    reply_error(request, operation, result.error());
}

void reply_attr(const RequestPtr& request, const char* operation, const Result<Attr>& result) {
    if (!result) return reply_error(request, operation, result.error());
    const struct stat st = to_stat(*result);
    request->answer(fuse_reply_attr, &st, to_seconds(result->timeout));
}

void reply_sized(const RequestPtr& request, std::string_view bytes, size_t buffer_bytes) {
    if (buffer_bytes == 0) {
        request->answer(fuse_reply_xattr, bytes.size());
    } else if (bytes.size() > buffer_bytes) {
        request->answer_error(ERANGE);
    } else {
        request->answer(fuse_reply_buf, bytes.data(), bytes.size());
    }
}

}  // namespace xbucket::fuse
