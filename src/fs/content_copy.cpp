// SPDX-FileCopyrightText: the xbucket authors
// Files that are copies of others: the service copies them when they go up (copy_file_range).
#include "content.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

namespace xbucket {
namespace {

Error only_bytes(const std::string& why) {
    return fail(ErrorKind::unsupported, "the service cannot copy it: " + why);
}

}  // namespace

Result<FileContent::Base> Content::copy_base(const InodePtr& inode) {
    FileContent::Base base;
    {
        LockGuard lock(inode->mutex);
        if (inode->removed || inode->is_new()) return only_bytes("it is not in the bucket");
        if (inode->file && inode->file->dirty) return only_bytes("it is being written");
        base = {inode->shown.etag, inode->shown.size, inode->key, inode->shown.size};
        if (inode->file && inode->file->content) {
            const FileContent::Base own = inode->file->content->base();
            if (!own.is_own()) return only_bytes("it is a copy itself");
            base.etag = own.etag;
            base.size = base.object_size = own.size;
        }
    }
    const ObjectStat now = TRY(core_.meta.stat(base.copied_from, Freshness::current));
    core_.show(inode, now);
    if (now.etag != base.etag || now.size != base.size) return only_bytes("it was replaced");
    const bool plain = now.type != ObjectType::appendable && now.type != ObjectType::symlink;
    if (!plain || is_archived_class(now.storage_class)) return only_bytes("of its kind or class");
    return base;
}

Result<void> Content::become_copy(const InodePtr& inode, const FileContent::Base& from,
                                  ByteRange range) {
    FileContent::Base base = from;
    base.size = range.end;
    std::shared_ptr<FileContent> fresh;
    if (range.begin == 0) fresh = TRY(FileContent::create(*core_.spool, base));
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    FileState& file = inode->file_state();
    const uint64_t size = file.content ? file.content->size() : inode->shown.size;
    if (range.begin != 0) {
        const bool goes_on =
            file.content && size == range.begin && file.content->extend_copy(from, range.end);
        if (!goes_on) return only_bytes("it is not the whole file");
    } else if (size > range.end) {
        return only_bytes("more of the file stays");
    } else {
        file.content = std::move(fresh);
        file.ahead.reset();
        file.ahead_wanted = false;
    }
    file.run = {};
    file.append_only = false;
    note_change(inode, range);
    core_.copies.add(inode, from.copied_from);
    return {};
}

// The service was asked for it while an edit of ours was under way, which tells at its end.
bool Content::source_was_edited(const InodePtr& inode, const FileContent::Base& before) {
    core_.wait_for_changes(before.copied_from);
    LockGuard lock(inode->mutex);
    if (!inode->file || !inode->file->content) return false;
    const FileContent::Base now = inode->file->content->base();
    return now.copied_from == before.copied_from && now.etag != before.etag;
}

void Content::finish_copies_of(const ObjectKey& key) {
    for (const InodePtr& inode : core_.copies.take_up(key)) {
        // The move of a directory may be what changes it.
        const Result<void> uploaded = upload(inode, DirectoryMoves::Haste::urgent);
        core_.copies.put_down(inode);
        if (uploaded) continue;
        log_warning("fs", "key='{}' is a copy of '{}', which changes before it could be made: {}",
                    printable(inode->current_key().str()), printable(key.str()),
                    uploaded.error().describe());
    }
}

}  // namespace xbucket
