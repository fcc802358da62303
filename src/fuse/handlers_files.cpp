// SPDX-FileCopyrightText: the xbucket authors
// Open files.
#include "handlers.h"
#include "replies.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/uio.h>
#include <vector>

namespace xbucket::fuse {

namespace {

FileSystem::OpenFlags to_open_flags(int flags) {
    return {.write = (flags & O_ACCMODE) != O_RDONLY,
            .truncate = (flags & O_TRUNC) != 0,
            .append = (flags & O_APPEND) != 0};
}

fuse_file_info opened_info(const fuse_file_info& asked, const Opened& opened) {
    fuse_file_info info = asked;
    info.fh = static_cast<uint64_t>(opened.handle);
    info.keep_cache = opened.keep_cache ? 1 : 0;
    info.direct_io = 0;
    return info;
}

// From where the bytes lie (performance.md 1b: replies from memory beat splicing).
void reply_bytes(fuse_req_t req, const Result<ReadBytes>& data) {
    if (!data) return reply_error(req, "read", data.error());
    std::vector<iovec> pieces;
    for (const std::string_view piece : data->pieces()) {
        pieces.push_back({const_cast<char*>(piece.data()), piece.size()});
    }
    fuse_reply_iov(req, pieces.data(), static_cast<int>(pieces.size()));
}

}  // namespace

void on_open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    later(req, "open", [req, ino, asked = *file] {
        FileSystem& fs = mount_of(req).fs;
        const Result<Opened> opened = fs.open(inode(ino), to_open_flags(asked.flags));
        if (!opened) return reply_error(req, "open", opened.error());
        const fuse_file_info info = opened_info(asked, *opened);
        // An interrupted open has no close to come.
        if (fuse_reply_open(req, &info) == -ENOENT) fs.release(inode(ino), opened->handle);
    });
}

void on_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* file) {
    later(req, "create", [req, parent, mode, asked = *file, text = std::string(name)] {
        FileSystem& fs = mount_of(req).fs;
        const auto created = fs.create(inode(parent), text, mode, (asked.flags & O_EXCL) != 0,
                                       to_open_flags(asked.flags), caller_of(req));
        if (!created) return reply_error(req, "create", created.error());
        const fuse_entry_param param = to_entry(created->entry);
        const fuse_file_info info = opened_info(asked, created->opened);
        if (fuse_reply_create(req, &param, &info) == -ENOENT) {
            fs.release(created->entry.attr.ino, created->opened.handle);
            fs.forget(created->entry.attr.ino, 1);
        }
    });
}

void on_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file) {
    Mount& mount = mount_of(req);
    mount.reads.add();
    mount.fs.read(inode(ino), HandleId{file->fh}, static_cast<uint64_t>(offset), bytes,
                  [req, &mount](const Result<ReadBytes>& data) {
                      guarded(req, "read", [&] { reply_bytes(req, data); });
                      mount.reads.done();
                  });
}

void on_write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t bytes, off_t offset,
              fuse_file_info* file) {
    later(req, "write",
          [req, ino, offset, handle = HandleId{file->fh}, copy = std::string(data, bytes)] {
              const Result<size_t> written =
                  mount_of(req).fs.write(inode(ino), handle, static_cast<uint64_t>(offset), copy);
              if (!written) return reply_error(req, "write", written.error());
              fuse_reply_write(req, *written);
          });
}

void on_copy_file_range(fuse_req_t req, fuse_ino_t, off_t from_offset, fuse_file_info* from,
                        fuse_ino_t, off_t to_offset, fuse_file_info* to, size_t bytes, int) {
    later(req, "copy_file_range",
          [req, from_offset, to_offset, bytes, source = HandleId{from->fh},
           target = HandleId{to->fh}] {
              const Result<size_t> copied =
                  mount_of(req).fs.copy_range(source, static_cast<uint64_t>(from_offset), target,
                                              static_cast<uint64_t>(to_offset), bytes);
              // The kernel then copies the bytes itself.
              if (!copied && copied.error().kind == ErrorKind::unsupported) {
                  fuse_reply_err(req, EOPNOTSUPP);
                  return;
              }
              if (!copied) return reply_error(req, "copy_file_range", copied.error());
              fuse_reply_write(req, *copied);
          });
}

void on_flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    later(req, "flush", [req, ino, handle = HandleId{file->fh}] {
        reply_done(req, "flush", mount_of(req).fs.flush(inode(ino), handle));
    });
}

void on_release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    later(req, "release", [req, ino, handle = HandleId{file->fh}] {
        mount_of(req).fs.release(inode(ino), handle);
        fuse_reply_err(req, 0);
    });
}

void on_fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info* file) {
    later(req, "fsync", [req, ino, handle = HandleId{file->fh}] {
        reply_done(req, "fsync", mount_of(req).fs.fsync(inode(ino), handle));
    });
}

}  // namespace xbucket::fuse
