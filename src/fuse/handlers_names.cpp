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

void reply_lookup(fuse_req_t req, const Result<Entry>& result) {
    if (!result && result.error().kind == ErrorKind::not_found) {
        fuse_entry_param absent = {};
        absent.entry_timeout = std::chrono::duration<double>(mount_of(req).negative_life).count();
        fuse_reply_entry(req, &absent);
        return;
    }
    reply_entry(req, "lookup", result);
}

// The kernel asked by number: its name for the file leads nowhere any more. ESTALE makes it look
// the name up again, so that stat() hears ENOENT and open(O_CREAT) makes a new file.
void reply_attr_of(fuse_req_t req, const Result<Attr>& result) {
    if (!result && result.error().kind == ErrorKind::not_found) {
        fuse_reply_err(req, ESTALE);
        return;
    }
    reply_attr(req, "getattr", result);
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
    guarded(req, "lookup", [&] {
        FileSystem& fs = mount_of(req).fs;
        if (auto known = fs.lookup_cached(inode(parent), name)) return reply_lookup(req, *known);
        later(req, "lookup", [req, parent, text = std::string(name)] {
            reply_lookup(req, mount_of(req).fs.lookup(inode(parent), text));
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
    guarded(req, "getattr", [&] {
        const std::optional<HandleId> handle = handle_of(file);
        if (auto known = mount_of(req).fs.getattr_cached(inode(ino), handle)) {
            return reply_attr_of(req, *known);
        }
        later(req, "getattr", [req, ino, handle] {
            reply_attr_of(req, mount_of(req).fs.getattr(inode(ino), handle));
        });
    });
}

void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                fuse_file_info* file) {
    const SetAttr change = to_set_attr(*attr, to_set, mount_of(req).clock.wall_now());
    later(req, "setattr", [req, ino, change, handle = handle_of(file)] {
        reply_attr(req, "setattr", mount_of(req).fs.setattr(inode(ino), change, handle));
    });
}

void on_readlink(fuse_req_t req, fuse_ino_t ino) {
    later(req, "readlink", [req, ino] {
        const Result<std::string> target = mount_of(req).fs.readlink(inode(ino));
        if (!target) return reply_error(req, "readlink", target.error());
        fuse_reply_readlink(req, target->c_str());
    });
}

void on_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
    later(req, "mknod", [req, parent, mode, text = std::string(name)] {
        reply_entry(req, "mknod",
                    mount_of(req).fs.mknod(inode(parent), text, mode, caller_of(req)));
    });
}

void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
    later(req, "mkdir", [req, parent, mode, text = std::string(name)] {
        reply_entry(req, "mkdir",
                    mount_of(req).fs.mkdir(inode(parent), text, mode, caller_of(req)));
    });
}

void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
    later(req, "symlink", [req, parent, text = std::string(name), to = std::string(target)] {
        reply_entry(req, "symlink",
                    mount_of(req).fs.symlink(inode(parent), text, to, caller_of(req)));
    });
}

void on_link(fuse_req_t req, fuse_ino_t, fuse_ino_t, const char*) {
    // An object has one key. EPERM is what a file system without hard links answers.
    fuse_reply_err(req, EPERM);
}

void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
    later(req, "unlink", [req, parent, text = std::string(name)] {
        reply_done(req, "unlink", mount_of(req).fs.unlink(inode(parent), text));
    });
}

void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
    later(req, "rmdir", [req, parent, text = std::string(name)] {
        reply_done(req, "rmdir", mount_of(req).fs.rmdir(inode(parent), text));
    });
}

void on_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
    if ((flags & ~kRenameNoReplace) != 0) {  // EXCHANGE and WHITEOUT: no bucket can do them
        fuse_reply_err(req, EINVAL);
        return;
    }
    const bool no_replace = (flags & kRenameNoReplace) != 0;
    later(req, "rename",
          [req, parent, new_parent, no_replace, from = std::string(name),
           to = std::string(new_name)] {
              reply_done(
                  req, "rename",
                  mount_of(req).fs.rename(inode(parent), from, inode(new_parent), to, no_replace));
          });
}

}  // namespace xbucket::fuse
