// SPDX-FileCopyrightText: the xbucket authors
#include "replies.h"

#include "errno_map.h"

namespace xbucket::fuse {

namespace {

timespec to_timespec(WallTime t) {
    const int64_t seconds = t.seconds();
    return {seconds, static_cast<long>((t - WallTime::from_seconds(seconds)).count())};
}

double to_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

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

void reply_error(fuse_req_t req, const char* operation, const Error& error) {
    const int number = to_errno(error.kind);
    if (deserves_log(error.kind)) {
        log_warning("fuse", "op={} errno={} {}", operation, number, error.describe());
    } else {
        log_debug("fuse", "op={} errno={} {}", operation, number, error.describe());
    }
    fuse_reply_err(req, number);
}

void reply_done(fuse_req_t req, const char* operation, const Result<void>& result) {
    if (result) {
        fuse_reply_err(req, 0);
    } else {
        reply_error(req, operation, result.error());
    }
}

void reply_entry(fuse_req_t req, const char* operation, const Result<Entry>& result) {
    if (result) {
        const fuse_entry_param param = to_entry(*result);
        // An interrupted caller never learns of the entry: its lookup does not count.
        if (fuse_reply_entry(req, &param) == -ENOENT) mount_of(req).fs.forget(result->attr.ino, 1);
        return;
    }
    reply_error(req, operation, result.error());
}

void reply_attr(fuse_req_t req, const char* operation, const Result<Attr>& result) {
    if (!result) return reply_error(req, operation, result.error());
    const struct stat st = to_stat(*result);
    fuse_reply_attr(req, &st, to_seconds(result->timeout));
}

void reply_sized(fuse_req_t req, std::string_view bytes, size_t buffer_bytes) {
    if (buffer_bytes == 0) {
        fuse_reply_xattr(req, bytes.size());
    } else if (bytes.size() > buffer_bytes) {
        fuse_reply_err(req, ERANGE);
    } else {
        fuse_reply_buf(req, bytes.data(), bytes.size());
    }
}

}  // namespace xbucket::fuse
