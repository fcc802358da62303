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
    core_.show(inode, now, Origin::service);
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
    LockGuard own_lock(mutex_);
    copies_.emplace(from.copied_from, inode);
    return {};
}

void Content::finish_copies_of(const ObjectKey& key) {
    std::vector<InodePtr> copies;
    {
        LockGuard lock(mutex_);
        const auto [begin, end] = copies_.equal_range(key);
        for (auto it = begin; it != end; ++it) copies.push_back(it->second);
        copies_.erase(begin, end);
    }
    for (const InodePtr& inode : copies) {
        {
            LockGuard lock(inode->mutex);
            if (!inode->file || !inode->file->dirty || !inode->file->content) continue;
            if (inode->file->content->base().copied_from != key) continue;
        }
        const Result<void> uploaded = upload(inode);
        if (uploaded) continue;
        log_warning("fs", "key='{}' is a copy of '{}', which changes before it could be made: {}",
                    printable(inode->current_key().str()), printable(key.str()),
                    uploaded.error().describe());
    }
}

}  // namespace xbucket
