// SPDX-FileCopyrightText: the xbucket authors
// Open files.
#include "handlers.h"
#include "replies.h"

#include <cerrno>
#include <fcntl.h>
#include <optional>
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

// None: behind the end. The kernel appends where it believes that to be; the file system knows.
std::optional<uint64_t> place_of_write(const fuse_file_info& file, off_t offset) {
    if ((file.flags & O_APPEND) != 0) return std::nullopt;
    return static_cast<uint64_t>(offset);
}

// What was written to a shared mapping: it has its place whatever its descriptor appends.
void write_pages(const RequestPtr& request, fuse_ino_t ino, HandleId handle, off_t offset,
                 std::string_view pages) {
    later(request, "write", [request, ino, handle, offset, copy = std::string(pages)] {
        const Result<void> written = request->mount().fs.write_pages(
            inode(ino), handle, static_cast<uint64_t>(offset), copy);
        if (!written) return reply_error(request, "write", written.error());
        request->answer(fuse_reply_write, copy.size());
    });
}

// From where the bytes lie (performance.md 1b: replies from memory beat splicing).
void reply_bytes(const RequestPtr& request, const Result<ReadBytes>& data) {
    if (!data) return reply_error(request, "read", data.error());
    std::vector<iovec> pieces;
    for (const std::string_view piece : data->pieces()) {
        pieces.push_back({const_cast<char*>(piece.data()), piece.size()});
    }
    request->answer(fuse_reply_iov, pieces.data(), static_cast<int>(pieces.size()));
}

}  // namespace

void on_open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    later(request, "open", [request, ino, asked = *file] {
        FileSystem& fs = request->mount().fs;
        const Result<Opened> opened = fs.open(inode(ino), to_open_flags(asked.flags));
        if (!opened) return reply_error(request, "open", opened.error());
        const fuse_file_info info = opened_info(asked, *opened);
        // An interrupted open has no close to come.
        const bool heard = request->answer(fuse_reply_open, &info);
        if (!heard) fs.release(inode(ino), opened->handle);
    });
}

void on_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* file) {
    const RequestPtr request = begin(req);
    later(request, "create", [request, parent, mode, asked = *file, text = std::string(name)] {
        FileSystem& fs = request->mount().fs;
        const auto created = fs.create(inode(parent), text, mode, (asked.flags & O_EXCL) != 0,
                                       to_open_flags(asked.flags), request->caller());
        if (!created) return reply_error(request, "create", created.error());
        const fuse_entry_param param = to_entry(created->entry);
        const fuse_file_info info = opened_info(asked, created->opened);
        const bool heard = request->answer(fuse_reply_create, &param, &info);
        if (!heard) {
            fs.release(created->entry.attr.ino, created->opened.handle);
            fs.forget(created->entry.attr.ino, 1);
            fs.name_in_doubt(inode(parent), text);
        }
    });
}

void on_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    Mount& mount = request->mount();
    mount.reads.add();
    request->uses(HandleId{file->fh});
    mount.interrupts.watch(request, Interrupts::Look::when_interrupted);
    mount.fs.read(inode(ino), HandleId{file->fh}, static_cast<uint64_t>(offset), bytes,
                  [request, &mount](const Result<ReadBytes>& data) {
                      guarded(request, "read", [&] { reply_bytes(request, data); });
                      mount.interrupts.finished(*request);
                      mount.reads.done();
                  });
}

void on_write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t bytes, off_t offset,
              fuse_file_info* file) {
    const RequestPtr request = begin(req);
    const HandleId handle{file->fh};
    request->uses(handle);
    if (file->writepage != 0) return write_pages(request, ino, handle, offset, {data, bytes});
    later(request, "write",
          [request, ino, at = place_of_write(*file, offset), handle,
           copy = std::string(data, bytes)] {
              const Result<size_t> written =
                  request->mount().fs.write(inode(ino), handle, at, copy);
              if (!written) return reply_error(request, "write", written.error());
              request->answer(fuse_reply_write, *written);
          });
}

void on_copy_file_range(fuse_req_t req, fuse_ino_t, off_t from_offset, fuse_file_info* from,
                        fuse_ino_t, off_t to_offset, fuse_file_info* to, size_t bytes, int) {
    const RequestPtr request = begin(req);
    request->uses(HandleId{from->fh});
    request->uses(HandleId{to->fh});
    later(request, "copy_file_range",
          [request, from_offset, to_offset, bytes, source = HandleId{from->fh},
           target = HandleId{to->fh}] {
              const Result<size_t> copied = request->mount().fs.copy_range(
                  source, static_cast<uint64_t>(from_offset), target,
                  static_cast<uint64_t>(to_offset), within_a_reply(bytes));
              // The kernel then copies the bytes itself.
              if (!copied && copied.error().kind == ErrorKind::unsupported) {
                  request->answer_error(EOPNOTSUPP);
                  return;
              }
              if (!copied) return reply_error(request, "copy_file_range", copied.error());
              request->answer(fuse_reply_write, *copied);
          });
}

void on_flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    Mount& mount = request->mount();
    request->uses(HandleId{file->fh});
    mount.interrupts.watch(request, Interrupts::Look::unasked);
    // Also when its caller is gone: what was written is sent, whoever hears of it.
    mount.pool.post([request, &mount, ino, handle = HandleId{file->fh}] {
        guarded(request, "flush",
                [&] { reply_done(request, "flush", mount.fs.flush(inode(ino), handle)); });
        mount.interrupts.finished(*request);
    });
}

void on_release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    Mount& mount = request->mount();
    const HandleId handle{file->fh};
    mount.interrupts.when_unused(handle, [request, &mount, ino, handle] {
        mount.pool.post([request, &mount, ino, handle] {
            guarded(request, "release", [&] {
                mount.fs.release(inode(ino), handle);
                request->answer_error(0);
            });
        });
    });
}

void on_fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    request->uses(HandleId{file->fh});
    later(request, "fsync", [request, ino, handle = HandleId{file->fh}] {
        reply_done(request, "fsync", request->mount().fs.fsync(inode(ino), handle));
    });
}

}  // namespace xbucket::fuse
