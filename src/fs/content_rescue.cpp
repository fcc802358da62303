// SPDX-FileCopyrightText: the xbucket authors
// Content that is not going to be uploaded any more: it goes to the recovery folder.
#include "content.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <utility>

namespace xbucket {
namespace {

// Of a service that does not answer, which costs every request all the time that it has.
bool is_out_of_reach(const Error& error) {
    return error.kind == ErrorKind::network || error.kind == ErrorKind::timed_out;
}

}  // namespace

Result<void> Content::upload_last() {
    struct Outcome {
        std::atomic<bool> out_of_reach{false};
        Mutex mutex;
        Result<void> first GUARDED_BY(mutex);
    } outcome;
    const std::vector<InodePtr> dirty = dirty_inodes();
    for_each_parallel(core_.helpers, dirty.size(), kParallelRequests, [&](size_t i) {
        if (!outcome.out_of_reach) {
            Result<void> uploaded = upload(dirty[i]);
            if (uploaded) return;
            if (is_out_of_reach(uploaded.error())) outcome.out_of_reach = true;
            LockGuard lock(outcome.mutex);
            if (outcome.first) outcome.first = std::move(uploaded);
        }
        rescue(dirty[i], true);
    });
    LockGuard lock(outcome.mutex);
    return std::move(outcome.first);
}

size_t Content::keep_unsent() {
    size_t kept = 0;
    for (const InodePtr& inode : dirty_inodes()) {
        LockGuard lock(inode->mutex);
        if (!inode->file || !inode->file->dirty || inode->removed) continue;
        if (inode->file->failure.empty()) {
            inode->file->failure = "the mount ended before it was uploaded";
        }
        keep_content(*inode->file, inode->key);
        ++kept;
    }
    return kept;
}

// Gives up a dirty file: its content goes to the recovery folder, and the name shows again what
// the bucket has.
void Content::rescue(const InodePtr& inode, bool open_too) {
    ObjectKey key;
    bool was_new = false;
    {
        LockGuard lock(inode->mutex);
        if (!inode->file || !inode->file->dirty || inode->file->busy || inode->removed) return;
        if (inode->file->open_handles != 0 && !open_too) return;
        key = inode->key;
        was_new = !inode->file->in_bucket;
        keep_content(*inode->file, key);
        inode->file->dirty = false;
        inode->file->in_bucket = true;
        inode->shown.fresh_until = TimePoint{};
        // The object was not changed when this file was: its times are told again.
        inode->shown.last_modified = WallTime{};
        inode->shown.mtime_recorded = false;
        // At once: nobody may open it or ask for its object from here on.
        if (was_new) inode->removed = true;
        mark_clean(inode);
        inode->tidy_file_state();
    }
    core_.table.settle(inode);
    if (!was_new) {
        core_.invalidate_inode(inode, true);
        return;
    }
    core_.table.remove(inode);
    core_.note_removed(key);
    core_.meta.forget(key);  // an object of somebody else's may be why
    core_.invalidate_inode(inode, true);
    core_.invalidate_name(key);
}

void Content::keep_content(FileState& file, const ObjectKey& key) {
    if (std::exchange(file.kept, true)) return;
    ++core_.files_kept;
    RecoveryNote note;
    note.source = core_.config.source_text;
    note.key = key;
    note.base_etag = file.content->base().etag;
    note.error = file.failure.empty() ? "it was not uploaded" : file.failure;
    note.time = core_.clock.wall_now();
    if (file.staged) note.attributes = file.staged->named_values();
    const Result<KeptContent> kept = file.content->keep(note);
    if (kept && kept->damage.empty()) {
        log_error("fs", "key='{}' was not uploaded; its content is kept in {}: {}",
                  printable(key.str()), kept->path, note.error);
    } else if (kept) {
        log_error("fs", "key='{}' was not uploaded; what is left of it is kept in {}: {}",
                  printable(key.str()), kept->path, kept->damage);
    } else {
        log_error("fs", "key='{}' was not uploaded and could not be kept: {}", printable(key.str()),
                  kept.error().describe());
    }
}

}  // namespace xbucket
