// SPDX-FileCopyrightText: the xbucket authors
#include "pending_record.h"

#include "xbucket/store/content_hash.h"

namespace xbucket {

namespace {

// Metadata edits of others give an object whose ETag is no hash another one.
bool is_other_content(const PosixBase& was, const ObjectInfo& base, const ETag& content) {
    if (base.type == ObjectType::symlink) return false;  // what is told is its target's
    if (was.size != base.size) return true;
    return !was.etag.empty() && was.etag != content && etag_is_content_hash(base);
}

}  // namespace

PosixRecord meant_for(const PendingRecord& pending, const ObjectInfo& base, const ETag& content) {
    PosixRecord meant = pending.record;
    if (pending.times_of && is_other_content(*pending.times_of, base, content)) {
        meant.mtime.reset();
        meant.atime.reset();
        meant.ctime.reset();
    }
    const std::optional<PosixBase>& was = pending.rights_of;
    if (was && was->recorded && is_other_content(*was, base, content)) {
        const PosixRecord theirs = read_posix_record(base.attributes);
        if (theirs.mode != was->recorded->mode) meant.mode.reset();
        if (theirs.uid != was->recorded->uid) meant.uid.reset();
        if (theirs.gid != was->recorded->gid) meant.gid.reset();
    }
    return meant;
}

}  // namespace xbucket
