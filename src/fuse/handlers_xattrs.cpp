// SPDX-FileCopyrightText: the xbucket authors
// Extended attributes. The kernel asks security.capability before every write and
// system.posix_acl_* for every `ls -l`: names outside user. are answered here, at once, and never
// leave this file.
#include "handlers.h"
#include "replies.h"

#include <sys/xattr.h>

namespace xbucket::fuse {

namespace {

bool is_foreign(std::string_view name) { return !name.starts_with("user."); }

void reply_value(fuse_req_t req, const Result<std::string>& value, size_t bytes) {
    if (!value) return reply_error(req, "getxattr", value.error());
    reply_sized(req, *value, bytes);
}

void reply_names(fuse_req_t req, const Result<std::vector<std::string>>& names, size_t bytes) {
    if (!names) return reply_error(req, "listxattr", names.error());
    std::string joined;
    for (const std::string& name : *names) joined.append(name).push_back('\0');
    reply_sized(req, joined, bytes);
}

// XATTR_CREATE and XATTR_REPLACE together can only fail; which way depends on the attribute.
void reply_contradiction(fuse_req_t req, fuse_ino_t ino, const std::string& name) {
    const bool there = mount_of(req).fs.getxattr(inode(ino), name, caller_of(req)).has_value();
    fuse_reply_err(req, there ? EEXIST : ENODATA);
}

}  // namespace

void on_setxattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value, size_t bytes,
                 int flags) {
    if (is_foreign(name)) {
        fuse_reply_err(req, EOPNOTSUPP);
        return;
    }
    later(req, "setxattr",
          [req, ino, flags, text = std::string(name), copy = std::string(value, bytes)] {
              if (flags == (XATTR_CREATE | XATTR_REPLACE))
                  return reply_contradiction(req, ino, text);
              const SetFlag flag = flags == XATTR_CREATE    ? SetFlag::create_only
                                   : flags == XATTR_REPLACE ? SetFlag::replace_only
                                                            : SetFlag::any;
              reply_done(req, "setxattr", mount_of(req).fs.setxattr(inode(ino), text, copy, flag));
          });
}

void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t bytes) {
    if (is_foreign(name)) {
        fuse_reply_err(req, ENODATA);
        return;
    }
    guarded(req, "getxattr", [&] {
        if (auto known = mount_of(req).fs.getxattr_cached(inode(ino), name, caller_of(req))) {
            return reply_value(req, *known, bytes);
        }
        later(req, "getxattr", [req, ino, bytes, text = std::string(name)] {
            reply_value(req, mount_of(req).fs.getxattr(inode(ino), text, caller_of(req)), bytes);
        });
    });
}

void on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t bytes) {
    guarded(req, "listxattr", [&] {
        if (auto known = mount_of(req).fs.listxattr_cached(inode(ino))) {
            return reply_names(req, *known, bytes);
        }
        later(req, "listxattr", [req, ino, bytes] {
            reply_names(req, mount_of(req).fs.listxattr(inode(ino)), bytes);
        });
    });
}

void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char* name) {
    if (is_foreign(name)) {
        fuse_reply_err(req, EOPNOTSUPP);
        return;
    }
    later(req, "removexattr", [req, ino, text = std::string(name)] {
        reply_done(req, "removexattr", mount_of(req).fs.removexattr(inode(ino), text));
    });
}

}  // namespace xbucket::fuse
