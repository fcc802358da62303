// SPDX-FileCopyrightText: the xbucket authors
#include "attributes.h"

#include "path_rules.h"

namespace xbucket {

std::optional<Result<Attr>> Attributes::getattr_cached(InodeNumber ino) {
    Result<InodePtr> found = core_.inode(ino);
    if (!found) return std::move(found).error();
    const InodePtr& inode = *found;
    ObjectKey key;
    {
        LockGuard lock(inode->mutex);
        const bool may_be_shown =
            inode->removed || inode->is_local() ||
            (inode->shown.valid && core_.clock.now() < inode->shown.fresh_until);
        if (may_be_shown) {
            key = ObjectKey();
        } else {
            key = inode->key;
        }
    }
    if (key.empty()) return core_.attr_of(inode);
    const std::optional<Result<ObjectStat>> stat = core_.meta.stat_cached(key);
    if (!stat || !*stat) return std::nullopt;
    if (core_.config.stat_mode == StatMode::meta && !(*stat)->complete) return std::nullopt;
    core_.show(inode, **stat);
    return core_.attr_of(inode);
}

Result<Attr> Attributes::getattr(InodeNumber ino) {
    if (std::optional<Result<Attr>> known = getattr_cached(ino)) return std::move(*known);
    const InodePtr inode = TRY(core_.inode(ino));
    Result<void> fresh = refresh(inode);
    if (!fresh) {
        if (fresh.error().kind == ErrorKind::not_found) {
            // Somebody else deleted it. The kernel drops the name when it hears of it.
            const ObjectKey key = inode->current_key();
            if (!core_.table.remove_gone(inode)) return core_.attr_of(inode);
            core_.invalidate_name(key);
        }
        return std::move(fresh).error();
    }
    return core_.attr_of(inode);
}

Result<void> Attributes::refresh(const InodePtr& inode) {
    const ObjectKey key = inode->current_key();
    if (inode->type != NodeType::directory) {
        core_.show(inode, TRY(core_.meta.stat(key, core_.freshness())));
        return {};
    }
    // A directory is there as long as any key starts with it.
    ListRequest request;
    request.prefix = key.str();
    request.keys_max = 1;
    const ListPage page = TRY(core_.store.list(request));
    if (page.objects.empty() && core_.table.local_below(key.str()).empty()) {
        return fail(ErrorKind::not_found, "the directory is gone");
    }
    if (!page.objects.empty() && page.objects.front().key == key) {
        core_.meta.observe_listing(page);
        const Result<ObjectStat> stat = core_.meta.stat(key, core_.freshness());
        if (stat) core_.show(inode, *stat);
    }
    core_.show_implicit(inode);
    return {};
}

Result<Attr> Attributes::setattr(InodeNumber ino, const SetAttr& change, bool has_handle) {
    TRY(core_.check_writable());
    const InodePtr inode = TRY(core_.inode(ino));
    if (change.size) TRY(resize(inode, *change.size, !has_handle));
    const DirectoryMoves::Change change_of_directory(core_.moves, inode);
    ObjectKey key;
    PosixRecord record;
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (inode->leads_nowhere()) return fail(ErrorKind::stale, "the file was deleted");
        record = change_shown(*inode, change);
        key = inode->key;
        if (inode->removed || inode->is_new() || ino == kRootInode) record = PosixRecord{};
    }
    if (!record.empty()) core_.meta.record_posix(key, record);
    return core_.attr_of(inode);
}

// Shows the change, and says what of it is to be recorded now. What a dirty or new file shows
// travels with its upload.
PosixRecord Attributes::change_shown(Inode& inode, const SetAttr& change) {
    Shown& shown = inode.shown;
    PosixRecord record;
    const bool uploads_later = inode.file && inode.file->dirty;
    if (change.mode && inode.type != NodeType::symlink) {
        shown.mode = *change.mode & kModeBits;
        record.mode = type_bits(inode.type) | shown.mode;
    }
    if (change.uid) record.uid = shown.uid = *change.uid;
    if (change.gid) record.gid = shown.gid = *change.gid;
    // Recording anything moves Last-Modified: a time that stood for it must be recorded as well,
    // or a chmod would change the file's mtime, and a chown a link's.
    const bool keep_mtime =
        !record.empty() && inode.type != NodeType::directory && !shown.mtime_recorded;
    if (change.mtime || keep_mtime) {
        if (change.mtime) shown.mtime = *change.mtime;
        shown.mtime_recorded = true;
        if (change.mtime && inode.file) inode.file->times_set = true;
        if (!uploads_later) record.mtime = shown.mtime;
    }
    // Shown while the inode lives and not recorded: every backup would rewrite every object.
    if (change.atime) shown.atime = *change.atime;
    if (change.mode || change.uid || change.gid || change.mtime || change.atime) {
        shown.ctime = core_.clock.wall_now();
        shown.recorded_late = !record.empty();
    }
    return record;
}

Result<void> Attributes::resize(const InodePtr& inode, uint64_t size, bool upload_now) {
    if (inode->type == NodeType::directory) return fail(ErrorKind::is_directory, "is a directory");
    if (inode->type == NodeType::symlink) {
        return fail(ErrorKind::invalid_argument, "a symbolic link has no size to set");
    }
    // As if somebody opened it, so that the content stays until it is uploaded.
    TRY(content_.add_handle(inode));
    Result<void> done = content_.truncate(inode, size);
    if (done && upload_now) done = content_.upload(inode);
    content_.drop_handle(inode);
    return done;
}

}  // namespace xbucket
