// SPDX-FileCopyrightText: the xbucket authors
// Names and attributes of inodes.
#include "handlers.h"
#include "replies.h"

#include <cerrno>

namespace xbucket::fuse {

namespace {

constexpr unsigned kRenameNoReplace = 1;  // RENAME_NOREPLACE, whose macro is a signed number

std::optional<HandleId> handle_of(const fuse_file_info* file) {
    if (file == nullptr) return std::nullopt;
    return HandleId{file->fh};
}

WallTime from_timespec(const timespec& t) {
    return WallTime::from_seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

void reply_lookup(const RequestPtr& request, fuse_ino_t parent, std::string_view name,
                  const Result<Entry>& result) {
    if (!result && result.error().kind == ErrorKind::not_found) {
        const Duration life = request->mount().fs.absent_for(inode(parent), name);
        fuse_entry_param absent = {};
        absent.entry_timeout = std::chrono::duration<double>(life).count();
        request->answer(fuse_reply_entry, &absent);
        return;
    }
    reply_entry(request, "lookup", result);
}

// The kernel asked by number: its name for the file leads nowhere any more. ESTALE makes it look
// the name up again, so that stat() hears ENOENT and open(O_CREAT) makes a new file.
void reply_attr_of(const RequestPtr& request, const Result<Attr>& result) {
    if (!result && result.error().kind == ErrorKind::not_found) {
        request->answer_error(ESTALE);
        return;
    }
    reply_attr(request, "getattr", result);
}

// The kernel keeps what was so when it heard that the caller was interrupted, or a moment later.
void note_if_unheard(const RequestPtr& request, fuse_ino_t parent, std::string_view name) {
    if (!request->was_heard()) request->mount().fs.name_in_doubt(inode(parent), name);
}

SetAttr to_set_attr(const struct stat& attr, int to_set, WallTime now) {
    SetAttr change;
    if ((to_set & FUSE_SET_ATTR_MODE) != 0) change.mode = attr.st_mode;
    if ((to_set & FUSE_SET_ATTR_UID) != 0) change.uid = attr.st_uid;
    if ((to_set & FUSE_SET_ATTR_GID) != 0) change.gid = attr.st_gid;
    if ((to_set & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<uint64_t>(attr.st_size);
    if ((to_set & FUSE_SET_ATTR_ATIME) != 0) change.atime = from_timespec(attr.st_atim);
    if ((to_set & FUSE_SET_ATTR_MTIME) != 0) change.mtime = from_timespec(attr.st_mtim);
    if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0) change.atime = now;
    if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) change.mtime = now;
    return change;
}

}  // namespace

void on_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
    const RequestPtr request = begin(req);
    guarded(request, "lookup", [&] {
        FileSystem& fs = request->mount().fs;
        if (auto known = fs.lookup_cached(inode(parent), name))
            return reply_lookup(request, parent, name, *known);
        later(request, "lookup", [request, parent, text = std::string(name)] {
            reply_lookup(request, parent, text, request->mount().fs.lookup(inode(parent), text));
        });
    });
}

void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups) {
    mount_of(req).fs.forget(inode(ino), lookups);
    fuse_reply_none(req);
}

void on_forget_multi(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
    for (size_t i = 0; i < count; ++i) {
        mount_of(req).fs.forget(inode(forgets[i].ino), forgets[i].nlookup);
    }
    fuse_reply_none(req);
}

void on_getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
    const RequestPtr request = begin(req);
    guarded(request, "getattr", [&] {
        const std::optional<HandleId> handle = handle_of(file);
        if (auto known = request->mount().fs.getattr_cached(inode(ino), handle)) {
            return reply_attr_of(request, *known);
        }
        later(request, "getattr", [request, ino, handle] {
            reply_attr_of(request, request->mount().fs.getattr(inode(ino), handle));
        });
    });
}

void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                fuse_file_info* file) {
    const RequestPtr request = begin(req);
    const SetAttr change = to_set_attr(*attr, to_set, request->mount().clock.wall_now());
    const std::optional<HandleId> handle = handle_of(file);
    if (handle) request->uses(*handle);
    later(request, "setattr", [request, ino, change, handle] {
        reply_attr(request, "setattr", request->mount().fs.setattr(inode(ino), change, handle));
    });
}

void on_readlink(fuse_req_t req, fuse_ino_t ino) {
    const RequestPtr request = begin(req);
    later(request, "readlink", [request, ino] {
        const Result<std::string> target = request->mount().fs.readlink(inode(ino));
        if (!target) return reply_error(request, "readlink", target.error());
        request->answer(fuse_reply_readlink, target->c_str());
    });
}

void on_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
    const RequestPtr request = begin(req);
    later(request, "mknod", [request, parent, mode, text = std::string(name)] {
        reply_entry(request, "mknod",
                    request->mount().fs.mknod(inode(parent), text, mode, request->caller()));
        note_if_unheard(request, parent, text);
    });
}

void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
    const RequestPtr request = begin(req);
    later(request, "mkdir", [request, parent, mode, text = std::string(name)] {
        reply_entry(request, "mkdir",
                    request->mount().fs.mkdir(inode(parent), text, mode, request->caller()));
        note_if_unheard(request, parent, text);
    });
}

void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
    const RequestPtr request = begin(req);
    later(request, "symlink",
          [request, parent, text = std::string(name), to = std::string(target)] {
              reply_entry(request, "symlink",
                          request->mount().fs.symlink(inode(parent), text, to, request->caller()));
              note_if_unheard(request, parent, text);
          });
}

void on_link(fuse_req_t req, fuse_ino_t, fuse_ino_t, const char*) {
    const RequestPtr request = begin(req);
    // An object has one key. EPERM is what a file system without hard links answers.
    request->answer_error(EPERM);
}

void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
    const RequestPtr request = begin(req);
    later(request, "unlink", [request, parent, text = std::string(name)] {
        reply_done(request, "unlink", request->mount().fs.unlink(inode(parent), text));
        note_if_unheard(request, parent, text);
    });
}

void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
    const RequestPtr request = begin(req);
    later(request, "rmdir", [request, parent, text = std::string(name)] {
        reply_done(request, "rmdir", request->mount().fs.rmdir(inode(parent), text));
        note_if_unheard(request, parent, text);
    });
}

void on_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
    const RequestPtr request = begin(req);
    if ((flags & ~kRenameNoReplace) != 0) {  // EXCHANGE and WHITEOUT: no bucket can do them
        request->answer_error(EINVAL);
        return;
    }
    const bool no_replace = (flags & kRenameNoReplace) != 0;
    later(request, "rename",
          [request, parent, new_parent, no_replace, from = std::string(name),
           to = std::string(new_name)] {
              reply_done(request, "rename",
                         request->mount().fs.rename(inode(parent), from, inode(new_parent), to,
                                                    no_replace));
              note_if_unheard(request, parent, from);
              note_if_unheard(request, new_parent, to);
          });
}

}  // namespace xbucket::fuse
