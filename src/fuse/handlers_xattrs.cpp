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

void reply_value(const RequestPtr& request, const Result<std::string>& value, size_t bytes) {
    if (!value) return reply_error(request, "getxattr", value.error());
    reply_sized(request, *value, bytes);
}

void reply_names(const RequestPtr& request, const Result<std::vector<std::string>>& names,
                 size_t bytes) {
    if (!names) return reply_error(request, "listxattr", names.error());
    std::string joined;
    for (const std::string& name : *names) joined.append(name).push_back('\0');
    reply_sized(request, joined, bytes);
}

// XATTR_CREATE and XATTR_REPLACE together can only fail; which way depends on the attribute.
void reply_contradiction(const RequestPtr& request, fuse_ino_t ino, const std::string& name) {
    const bool there =
        request->mount().fs.getxattr(inode(ino), name, request->caller()).has_value();
    request->answer_error(there ? EEXIST : ENODATA);
}

}  // namespace

void on_setxattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value, size_t bytes,
                 int flags) {
    const RequestPtr request = begin(req);
    if (is_foreign(name)) {
        request->answer_error(EOPNOTSUPP);
        return;
    }
    later_on(request->mount().edits, request, "setxattr",
             [request, ino, flags, text = std::string(name), copy = std::string(value, bytes)] {
                 if (flags == (XATTR_CREATE | XATTR_REPLACE))
                     return reply_contradiction(request, ino, text);
                 const SetFlag flag = flags == XATTR_CREATE    ? SetFlag::create_only
                                      : flags == XATTR_REPLACE ? SetFlag::replace_only
                                                               : SetFlag::any;
                 reply_done(request, "setxattr",
                            request->mount().fs.setxattr(inode(ino), text, copy, flag));
             });
}

void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t bytes) {
    const RequestPtr request = begin(req);
    if (is_foreign(name)) {
        request->answer_error(ENODATA);
        return;
    }
    guarded(request, "getxattr", [&] {
        if (auto known = request->mount().fs.getxattr_cached(inode(ino), name, request->caller())) {
            return reply_value(request, *known, bytes);
        }
        later(request, "getxattr", [request, ino, bytes, text = std::string(name)] {
            reply_value(request, request->mount().fs.getxattr(inode(ino), text, request->caller()),
                        bytes);
        });
    });
}

void on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t bytes) {
    const RequestPtr request = begin(req);
    guarded(request, "listxattr", [&] {
        if (auto known = request->mount().fs.listxattr_cached(inode(ino))) {
            return reply_names(request, *known, bytes);
        }
        later(request, "listxattr", [request, ino, bytes] {
            reply_names(request, request->mount().fs.listxattr(inode(ino)), bytes);
        });
    });
}

void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char* name) {
    const RequestPtr request = begin(req);
    if (is_foreign(name)) {
        request->answer_error(EOPNOTSUPP);
        return;
    }
    later_on(
        request->mount().edits, request, "removexattr", [request, ino, text = std::string(name)] {
            reply_done(request, "removexattr", request->mount().fs.removexattr(inode(ino), text));
        });
}

}  // namespace xbucket::fuse
