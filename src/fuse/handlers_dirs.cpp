// SPDX-FileCopyrightText: the xbucket authors
// Directory streams.
#include "handlers.h"
#include "replies.h"

#include "xbucket/fuse/session.h"

#include <cerrno>
#include <sys/statvfs.h>
#include <vector>

namespace xbucket::fuse {

namespace {

void read_entries(const RequestPtr& request, fuse_ino_t ino, size_t bytes, off_t offset,
                  HandleId handle, bool plus) {
    std::vector<char> buffer(bytes);
    size_t used = 0;
    std::vector<InodeNumber> counted;  // lookups to give back if the reply does not arrive
    const DirSink sink = [&](const DirEntry& entry) {
        fuse_entry_param param = to_entry(entry.entry);
        // Without a counted lookup the kernel gets the name alone: node 0 makes no inode of it.
        if (!entry.counted) param.ino = 0;
        char* const place = buffer.data() + used;
        const size_t left = buffer.size() - used;
        const off_t next = static_cast<off_t>(entry.next_offset);
        const size_t need =
            plus ? fuse_add_direntry_plus(nullptr, place, left, entry.name.c_str(), &param, next)
                 : fuse_add_direntry(nullptr, place, left, entry.name.c_str(), &param.attr, next);
        if (need > left) return false;
        used += need;
        if (entry.counted) counted.push_back(entry.entry.attr.ino);
        return true;
    };
    FileSystem& fs = request->mount().fs;
    const Result<void> done =
        fs.readdir(inode(ino), handle, static_cast<uint64_t>(offset), plus, sink);
    // What was read before a failure is delivered; the next call meets the failure itself.
    if (!done && used == 0) return reply_error(request, "readdir", done.error());
    const bool heard = request->answer(fuse_reply_buf, buffer.data(), used);
    if (!heard) {
        for (const InodeNumber number : counted) fs.forget(number, 1);
    }
}

void later_entries(const RequestPtr& request, fuse_ino_t ino, size_t bytes, off_t offset,
                   fuse_file_info* file, bool plus) {
    later(request, "readdir", [request, ino, bytes, offset, handle = HandleId{file->fh}, plus] {
        read_entries(request, ino, bytes, offset, handle, plus);
    });
}

}  // namespace

void on_opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    later(request, "opendir", [request, ino, info = *file] {
        const Result<Opened> opened = request->mount().fs.opendir(inode(ino));
        if (!opened) return reply_error(request, "opendir", opened.error());
        fuse_file_info out = info;
        out.fh = static_cast<uint64_t>(opened->handle);
        const bool heard = request->answer(fuse_reply_open, &out);
        if (!heard) request->mount().fs.releasedir(opened->handle);
    });
}

void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    later_entries(request, ino, bytes, offset, file, false);
}

void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset,
                    fuse_file_info* file) {
    const RequestPtr request = begin(req);
    later_entries(request, ino, bytes, offset, file, true);
}

void on_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    request->mount().fs.releasedir(HandleId{file->fh});
    request->answer_error(0);
}

void on_fsyncdir(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info*) {
    const RequestPtr request = begin(req);
    later(request, "fsyncdir", [request, ino] {
        reply_done(request, "fsyncdir", request->mount().fs.fsyncdir(inode(ino)));
    });
}

void on_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void*, fuse_file_info*,
              unsigned flags, const void*, size_t, size_t) {
    const RequestPtr request = begin(req);
    const bool refresh = command == kRefreshIoctl;
    const bool sync = command == kSyncIoctl && (flags & FUSE_IOCTL_DIR) != 0;
    if (!refresh && !sync) {
        request->answer_error(ENOTTY);
        return;
    }
    later(request, "ioctl", [request, ino, refresh] {
        FileSystem& fs = request->mount().fs;
        const Result<void> done =
            refresh ? fs.refresh(inode(ino), request->caller()) : fs.sync_below(inode(ino));
        if (!done) return reply_error(request, "ioctl", done.error());
        request->answer(fuse_reply_ioctl, 0, nullptr, size_t{0});
    });
}

void on_statfs(fuse_req_t req, fuse_ino_t) {
    const RequestPtr request = begin(req);
    guarded(request, "statfs", [&] {
        const StatFs from = request->mount().fs.statfs();
        struct statvfs to = {};
        to.f_bsize = from.block_bytes;
        to.f_frsize = from.block_bytes;
        to.f_blocks = from.blocks;
        to.f_bfree = from.blocks_free;
        to.f_bavail = from.blocks_free;
        to.f_files = from.files;
        to.f_ffree = from.files_free;
        to.f_favail = from.files_free;
        to.f_namemax = from.name_bytes_max;
        request->answer(fuse_reply_statfs, &to);
    });
}

}  // namespace xbucket::fuse
