// SPDX-FileCopyrightText: the xbucket authors
// Making directories, removing files and directories.
#include "names.h"

#include "path_rules.h"

#include "xbucket/base/encoding.h"

#include <sys/stat.h>

namespace xbucket {

Result<Entry> Names::mkdir(InodeNumber parent, std::string_view name, uint32_t mode,
                           const Caller& caller) {
    TRY(core_.check_writable());
    const InodePtr directory = TRY(core_.directory(parent));
    const DirectoryMoves::Arrival arrival(core_.moves, directory);
    const ObjectKey key =
        TRY(directory_key(directory->current_key(), name, core_.store.traits().key_bytes_max));
    const ObjectKey file =
        TRY(file_key(directory->current_key(), name, core_.store.traits().key_bytes_max));
    const FirstAttributes first = directory->first_of(NodeType::directory, mode & 07777, caller);
    PosixRecord posix;
    if (first.mode != (core_.config.dir_mode & 07777)) posix.mode = S_IFDIR | first.mode;
    if (first.uid != core_.config.uid) posix.uid = first.uid;
    if (first.gid != core_.config.gid) posix.gid = first.gid;

    const KeyOrder::Turn turn = core_.meta.order().acquire(key);
    // It would hide an object of that name, which others may have made since the kernel looked.
    TRY(core_.check_free(file));
    const ObjectStat stat = TRY(put_marker(key, posix));
    core_.moves.forget_broken_off(key);
    const InodePtr inode = core_.table.look_up(key, NodeType::directory);
    {
        LockGuard lock(inode->mutex);
        inode->show_created(first, core_.clock.wall_now(), core_.entry_expiry());
        inode->show(stat, core_.config, Origin::own_upload);
    }
    core_.note_created(key);
    return core_.entry_of(inode);
}

// An empty object `dir/`, only where there is none. No HEAD before: must_not_exist is the guard.
Result<ObjectStat> Names::put_marker(const ObjectKey& key, const PosixRecord& posix) {
    UploadPlan plan;
    plan.attributes[HttpField::content_type] = AttributeModel::default_content_type(key);
    core_.meta.model().apply_posix(posix, plan.attributes);
    PutRequest request;
    request.key = key;
    request.attributes = plan.attributes;
    request.must_not_exist = true;
    Result<PutReply> reply = core_.store.put(request);
    if (!reply && reply.error().outcome_unknown) {
        // If it is there now, it was this request or somebody else's same wish; either will do.
        const HeadReply head = TRY(core_.store.head(key));
        PutReply made;
        made.etag = head.info.etag;
        made.version_id = head.info.version_id;
        made.date = head.info.date;
        reply = std::move(made);
    }
    if (!reply) return std::move(reply).error();
    return core_.meta.finish_upload(key, plan, *reply, 0).result();
}

Result<void> Names::unlink(InodeNumber parent, std::string_view name) {
    TRY(core_.check_writable());
    const Keys keys = TRY(keys_of(parent, name));
    content_.finish_copies_of(keys.file);
    const KeyOrder::Turn turn = core_.meta.order().acquire(keys.file);
    const InodePtr inode = core_.table.find_key(keys.file);
    bool is_new = false;
    if (inode) {
        LockGuard lock(inode->mutex);
        is_new = inode->is_new();
    }
    if (!is_new) {
        if (inode) content_.keep_for_handles(inode);
        TRY(core_.meta.remove(keys.file));
    }
    if (inode) {
        core_.table.remove(inode);
        content_.discard(inode);
    }
    core_.note_removed(keys.file);
    return {};
}

Result<void> Names::rmdir(InodeNumber parent, std::string_view name) {
    TRY(core_.check_writable());
    const Keys keys = TRY(keys_of(parent, name));
    if (!keys.directory) return fail(ErrorKind::not_found, "no such directory");
    const ObjectKey& key = *keys.directory;
    const KeyOrder::Turn turn = core_.meta.order().acquire(key);
    TRY(check_empty(key));
    // Also where there is no marker: what is pending for it must not make one.
    TRY(core_.meta.remove(key));
    core_.moves.forget_broken_off(key);
    if (const InodePtr inode = core_.table.find_key(key)) core_.table.remove(inode);
    core_.listings.drop_below(key.str());
    core_.note_removed(key);
    return {};
}

Result<void> Names::check_empty(const ObjectKey& directory) {
    const auto not_empty = [&] {
        return fail(ErrorKind::directory_not_empty,
                    "'" + printable(directory.str()) + "' is not empty");
    };
    if (!core_.table.local_below(directory.str()).empty()) return not_empty();
    ListRequest request;
    request.prefix = directory.str();
    request.keys_max = 2;  // the marker and one more
    const ListPage page = TRY(core_.store.list(request));
    for (const ListEntry& entry : page.objects) {
        if (entry.key != directory) return not_empty();
    }
    return {};
}

}  // namespace xbucket
