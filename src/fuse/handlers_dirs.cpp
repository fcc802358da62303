// SPDX-FileCopyrightText: the xbucket authors
// Directory streams.
#include "handlers.h"
#include "replies.h"

#include <sys/statvfs.h>
#include <vector>

namespace xbucket::fuse {

namespace {

void read_entries(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, HandleId handle,
                  bool plus) {
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
            plus ? fuse_add_direntry_plus(req, place, left, entry.name.c_str(), &param, next)
                 : fuse_add_direntry(req, place, left, entry.name.c_str(), &param.attr, next);
        if (need > left) return false;
        used += need;
        if (entry.counted) counted.push_back(entry.entry.attr.ino);
        return true;
    };
    FileSystem& fs = mount_of(req).fs;
    const Result<void> done =
        fs.readdir(inode(ino), handle, static_cast<uint64_t>(offset), plus, sink);
    // What was read before a failure is delivered; the next call meets the failure itself.
    if (!done && used == 0) return reply_error(req, "readdir", done.error());
    if (fuse_reply_buf(req, buffer.data(), used) == -ENOENT) {
        for (const InodeNumber number : counted) fs.forget(number, 1);
    }
}

void later_entries(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file,
                   bool plus) {
    later(req, "readdir", [req, ino, bytes, offset, handle = HandleId{file->fh}, plus] {
        read_entries(req, ino, bytes, offset, handle, plus);
    });
}

}  // namespace

void on_opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    later(req, "opendir", [req, ino, info = *file] {
        const Result<Opened> opened = mount_of(req).fs.opendir(inode(ino));
        if (!opened) return reply_error(req, "opendir", opened.error());
        fuse_file_info out = info;
        out.fh = static_cast<uint64_t>(opened->handle);
        if (fuse_reply_open(req, &out) == -ENOENT) mount_of(req).fs.releasedir(opened->handle);
    });
}

void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file) {
    later_entries(req, ino, bytes, offset, file, false);
}

void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset,
                    fuse_file_info* file) {
    later_entries(req, ino, bytes, offset, file, true);
}

void on_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* file) {
    mount_of(req).fs.releasedir(HandleId{file->fh});
    fuse_reply_err(req, 0);
}

void on_fsyncdir(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info*) {
    later(req, "fsyncdir",
          [req, ino] { reply_done(req, "fsyncdir", mount_of(req).fs.fsyncdir(inode(ino))); });
}

void on_statfs(fuse_req_t req, fuse_ino_t) {
    guarded(req, "statfs", [&] {
        const StatFs from = mount_of(req).fs.statfs();
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
        fuse_reply_statfs(req, &to);
    });
}

}  // namespace xbucket::fuse
