// SPDX-FileCopyrightText: the xbucket authors
#include "content.h"

#include "path_rules.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/data/get_range.h"

#include <algorithm>
#include <sys/stat.h>

namespace xbucket {
namespace {

constexpr uint64_t kFetchPieceBytes = 4U << 20;
constexpr int kFetchAttemptsMax = 3;

bool was_replaced(const Error& error) {
    return error.kind == ErrorKind::precondition_failed || error.kind == ErrorKind::bad_range;
}

}  // namespace

Result<InodePtr> Content::create(const ObjectKey& key, uint32_t mode, uint32_t uid, uint32_t gid) {
    std::unique_ptr<Spool> spool = TRY(Spool::create(*core_.spool));
    InodePtr inode = core_.table.create_local(key);
    {
        LockGuard lock(inode->mutex);
        inode->show_created(mode, uid, gid, core_.clock.wall_now(), core_.entry_expiry());
        FileState& file = inode->file_state();
        file.in_bucket = false;
        file.spool = std::move(spool);
        file.dirty = true;
        file.staged = std::make_unique<StagedAttributes>(core_.meta.model(), key);
        mark_dirty(inode);
    }
    core_.note_created(key);
    return inode;
}

Result<void> Content::load(const InodePtr& inode) {
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    FileState& file = inode->file_state();
    if (file.spool) return {};
    file.busy = true;
    lock.unlock();
    ETag etag;
    Result<std::unique_ptr<Spool>> spool = fetch(inode, etag);
    lock.lock();
    file.busy = false;
    inode->changed.notify_all();
    if (!spool) {
        inode->tidy_file_state();
        return std::move(spool).error();
    }
    file.spool = std::move(*spool);
    file.base_etag = etag;
    return {};
}

// The whole object, pinned to one ETag; anew where it is replaced meanwhile.
Result<std::unique_ptr<Spool>> Content::fetch(const InodePtr& inode, ETag& etag) {
    for (int attempt = 1;; ++attempt) {
        ObjectKey key;
        uint64_t size = 0;
        bool known = false;
        {
            LockGuard lock(inode->mutex);
            if (inode->removed) return fail(ErrorKind::stale, "the file was deleted");
            key = inode->key;
            etag = inode->shown.etag;
            size = inode->shown.size;
            known = inode->shown.valid && !etag.empty();
        }
        Result<void> fetched;
        if (known) {
            std::unique_ptr<Spool> spool = TRY(Spool::create(*core_.spool));
            for (uint64_t offset = 0; fetched && offset < size; offset += kFetchPieceBytes) {
                const uint64_t length = std::min(kFetchPieceBytes, size - offset);
                Result<std::string> piece = get_range(core_.store, key, etag, offset, length);
                fetched = piece ? spool->write(offset, *piece) : std::move(piece).error();
            }
            if (fetched) return spool;
            const bool again = was_replaced(fetched.error()) && attempt < kFetchAttemptsMax;
            if (!again) return std::move(fetched).error();
        }
        core_.show(inode, TRY(core_.meta.stat(key, Freshness::current)), Origin::service);
        if (attempt >= kFetchAttemptsMax) {
            return fail(ErrorKind::stale,
                        "'" + printable(key.str()) + "' keeps being replaced while it is read");
        }
    }
}

Result<void> Content::truncate(const InodePtr& inode, uint64_t size) {
    if (size != 0) TRY(load(inode));
    std::unique_ptr<Spool> fresh = TRY(Spool::create(*core_.spool));
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        FileState& file = inode->file_state();
        if (!file.spool && size != 0) {
            return fail(ErrorKind::stale, "the file was closed while it was truncated");
        }
        if (!file.spool) file.spool = std::move(fresh);
        TRY(file.spool->resize(size));
        // Nothing of the object is left: replacing it undoes nobody's write.
        if (size == 0) file.base_etag = ETag();
        file.dirty = true;
        file.upload_failed = false;
        inode->shown.mtime = inode->shown.ctime = core_.clock.wall_now();
        inode->shown.mtime_recorded = true;
        mark_dirty(inode);
    }
    return {};
}

Result<size_t> Content::write(const InodePtr& inode, std::optional<uint64_t> offset,
                              std::string_view bytes) {
    TRY(load(inode));
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (!inode->file || !inode->file->spool) {
            return fail(ErrorKind::stale, "the file was closed during the write");
        }
        FileState& file = *inode->file;
        TRY(file.spool->write(offset.value_or(file.spool->size()), bytes));
        file.dirty = true;
        file.upload_failed = false;
        inode->shown.mtime = inode->shown.ctime = core_.clock.wall_now();
        inode->shown.mtime_recorded = true;
        mark_dirty(inode);
    }
    return bytes.size();
}

Result<void> Content::upload(const InodePtr& inode) {
    for (;;) {
        ObjectKey key;
        {
            LockGuard lock(inode->mutex);
            if (!inode->file || !inode->file->dirty || inode->removed) return {};
            key = inode->key;
        }
        const KeyOrder::Turn turn = core_.meta.order().acquire(key);
        // A rename may have gone first.
        if (inode->current_key() == key) return upload_in_turn(inode, key);
    }
}

Result<void> Content::upload_in_turn(const InodePtr& inode, const ObjectKey& key) {
    UploadJob job;
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (!inode->file || !inode->file->dirty || inode->removed) return {};
        job = make_job(*inode, key);
        inode->file->busy = true;
    }
    Result<ObjectStat> uploaded = uploader_.upload(job);
    if (uploaded) core_.table.settle(inode);
    {
        LockGuard lock(inode->mutex);
        FileState& file = *inode->file;
        file.busy = false;
        inode->changed.notify_all();
        if (!uploaded) {
            file.upload_failed = true;
            return std::move(uploaded).error();
        }
        file.dirty = false;
        file.in_bucket = true;
        file.upload_failed = false;
        file.staged.reset();
        file.base_etag = uploaded->etag;
        file.upload_at = TimePoint::never();
        inode->show(*uploaded, core_.config, Origin::own_upload);
        mark_clean(inode);
        inode->tidy_file_state();
    }
    return {};
}

UploadJob Content::make_job(const Inode& inode, const ObjectKey& key) const {
    UploadJob job;
    job.key = key;
    job.spool = inode.file->spool.get();
    job.base_etag = inode.file->base_etag;
    // Always recorded: Last-Modified would be the time of the upload, and rsync would send the
    // file again for it.
    job.staged.posix.mtime = inode.shown.mtime;
    if (!inode.file->staged) return job;
    job.staged.changes = inode.file->staged->changes();
    const Shown& shown = inode.shown;
    if (shown.mode != (core_.config.file_mode & 07777))
        job.staged.posix.mode = S_IFREG | shown.mode;
    if (shown.uid != core_.config.uid) job.staged.posix.uid = shown.uid;
    if (shown.gid != core_.config.gid) job.staged.posix.gid = shown.gid;
    return job;
}

Result<void> Content::upload_below(const std::string& prefix, bool open_too) {
    Result<void> result;
    for (const InodePtr& inode : dirty_inodes()) {
        {
            LockGuard lock(inode->mutex);
            if (!inode->key.str().starts_with(prefix) || inode->removed || !inode->file) continue;
            if (!open_too && inode->file->open_handles != 0) continue;
        }
        Result<void> uploaded = upload(inode);
        if (!uploaded && result) result = std::move(uploaded);
    }
    return result;
}

void Content::upload_due() {
    const TimePoint now = core_.clock.now();
    for (const InodePtr& inode : dirty_inodes()) {
        {
            LockGuard lock(inode->mutex);
            if (!inode->file || inode->file->open_handles != 0) continue;
            if (inode->file->upload_at > now) continue;
            inode->file->upload_at = TimePoint::never();
        }
        const Result<void> uploaded = upload(inode);
        if (uploaded) continue;
        log_error("fs", "{}", uploaded.error().describe());
        rescue(inode, false);
    }
}

TimePoint Content::next_due() const {
    TimePoint next = TimePoint::never();
    for (const InodePtr& inode : dirty_inodes()) {
        LockGuard lock(inode->mutex);
        if (inode->file) next = std::min(next, inode->file->upload_at);
    }
    return next;
}

void Content::set_due(const InodePtr& inode, TimePoint at) {
    LockGuard lock(inode->mutex);
    if (inode->file) inode->file->upload_at = at;
}

void Content::keep_for_handles(const InodePtr& inode) {
    {
        LockGuard lock(inode->mutex);
        if (!inode->file || inode->file->open_handles == 0 || inode->file->spool) return;
    }
    const Result<void> loaded = load(inode);
    if (loaded) return;
    log_warning("fs", "key='{}' is deleted while open and could not be kept for its readers: {}",
                printable(inode->current_key().str()), loaded.error().describe());
}

void Content::discard(const InodePtr& inode) {
    LockGuard lock(inode->mutex);
    if (!inode->file || inode->file->open_handles != 0) return;
    inode->wait_until_idle();
    if (!inode->file) return;
    inode->file->dirty = false;
    mark_clean(inode);
    inode->tidy_file_state();
}

void Content::add_handle(const InodePtr& inode) {
    LockGuard lock(inode->mutex);
    FileState& file = inode->file_state();
    ++file.open_handles;
    file.upload_at = TimePoint::never();
}

void Content::drop_handle(const InodePtr& inode) {
    bool try_again = false;
    {
        LockGuard lock(inode->mutex);
        if (!inode->file || --inode->file->open_handles != 0) return;
        inode->wait_until_idle();
        if (inode->file && inode->removed) inode->file->dirty = false;
        try_again = inode->file && inode->file->dirty && !inode->file->upload_failed;
    }
    if (try_again) {
        // Written after the last close: pages of a shared mapping. Nobody is left to be told.
        const Result<void> uploaded = upload(inode);
        if (!uploaded) log_error("fs", "{}", uploaded.error().describe());
    }
    rescue(inode, false);
    LockGuard lock(inode->mutex);
    if (!inode->file || !inode->file->dirty) mark_clean(inode);
    inode->tidy_file_state();
}

void Content::rescue_all() {
    for (const InodePtr& inode : dirty_inodes()) rescue(inode, true);
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
        mark_clean(inode);
        inode->tidy_file_state();
    }
    core_.table.settle(inode);
    core_.invalidate_inode(inode, true);
    if (!was_new) return;
    core_.table.remove(inode);
    core_.note_removed(key);
    core_.invalidate_name(key);
}

void Content::keep_content(const FileState& file, const ObjectKey& key) const {
    RecoveryNote note;
    note.key = key;
    note.base_etag = file.base_etag;
    note.error = "the upload failed; see the log";
    note.time = core_.clock.wall_now();
    if (file.staged) note.attributes = file.staged->named_values();
    const Result<std::string> kept = file.spool->keep(note);
    if (kept) {
        log_error("fs", "key='{}' was not uploaded; its content is kept in {}",
                  printable(key.str()), *kept);
    } else {
        log_error("fs", "key='{}' was not uploaded and could not be kept: {}", printable(key.str()),
                  kept.error().describe());
    }
}

void Content::mark_dirty(const InodePtr& inode) {
    LockGuard lock(mutex_);
    dirty_.emplace(static_cast<uint64_t>(inode->ino), inode);
}

void Content::mark_clean(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto found = dirty_.find(static_cast<uint64_t>(inode->ino));
    if (found != dirty_.end() && found->second == inode) dirty_.erase(found);
}

std::vector<InodePtr> Content::dirty_inodes() const {
    LockGuard lock(mutex_);
    std::vector<InodePtr> all;
    for (const auto& [number, inode] : dirty_) all.push_back(inode);
    return all;
}

}  // namespace xbucket
