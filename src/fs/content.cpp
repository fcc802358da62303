// SPDX-FileCopyrightText: the xbucket authors
#include "content.h"

#include "path_rules.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <algorithm>
#include <sys/stat.h>

namespace xbucket {
namespace {

// Up to here an object is fetched when its file is first written to: it goes up again as one PUT,
// which needs all of it.
constexpr uint64_t kFetchAtOnceBytes = 1U << 20;
constexpr int kOpenAttemptsMax = 3;

}  // namespace

Result<InodePtr> Content::create(const ObjectKey& key, uint32_t mode, uint32_t uid, uint32_t gid) {
    std::shared_ptr<FileContent> content = TRY(FileContent::create(*core_.spool, {}));
    InodePtr inode = core_.table.create_local(key);
    {
        LockGuard lock(inode->mutex);
        inode->show_created(mode, uid, gid, core_.clock.wall_now(), core_.entry_expiry());
        FileState& file = inode->file_state();
        file.in_bucket = false;
        file.content = std::move(content);
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
    if (file.content) return {};
    file.busy = true;
    lock.unlock();
    Result<Loaded> loaded = open_base(inode);
    lock.lock();
    file.busy = false;
    inode->changed.notify_all();
    if (!loaded) {
        inode->tidy_file_state();
        return std::move(loaded).error();
    }
    file.content = std::move(loaded->content);
    file.append_only = loaded->appendable;
    return {};
}

// Content that starts from the object as it is now, which may be newer than what the kernel knows.
Result<Content::Loaded> Content::open_base(const InodePtr& inode) {
    for (int attempt = 1;; ++attempt) {
        ObjectKey key;
        FileContent::Base base;
        bool known = false;
        {
            LockGuard lock(inode->mutex);
            if (inode->removed) return fail(ErrorKind::stale, "the file was deleted");
            key = inode->key;
            base = {inode->shown.etag, inode->shown.size, {}, inode->shown.size};
            known = inode->shown.valid && !base.etag.empty();
        }
        // What is appended to an appendable object needs nothing of it.
        const auto cached = core_.meta.stat_cached(key);
        const bool appendable = cached && *cached && (*cached)->type == ObjectType::appendable;
        const bool at_once = base.size != 0 && base.size <= kFetchAtOnceBytes && !appendable;
        if (known && at_once) {
            Loaded loaded{TRY(FileContent::create(*core_.spool, base))};
            Result<void> fetched = core_.uploads->fetch(key, *loaded.content, {0, base.size});
            if (fetched) return loaded;
            if (fetched.error().kind != ErrorKind::stale || attempt == kOpenAttemptsMax) {
                return std::move(fetched).error();
            }
        }
        const ObjectStat now = TRY(core_.meta.stat(key, Freshness::current));
        core_.show(inode, now, Origin::service);
        if (known && !at_once && now.etag == base.etag && now.size == base.size) {
            return Loaded{TRY(FileContent::create(*core_.spool, base)),
                          now.type == ObjectType::appendable};
        }
        if (attempt == kOpenAttemptsMax) {
            return fail(ErrorKind::stale,
                        "'" + printable(key.str()) + "' keeps being replaced while it is opened");
        }
    }
}

Result<void> Content::truncate(const InodePtr& inode, uint64_t size) {
    if (size != 0) TRY(load(inode));
    std::shared_ptr<FileContent> fresh;
    if (size == 0) fresh = TRY(FileContent::create(*core_.spool, {}));
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    FileState& file = inode->file_state();
    if (size == 0) {
        // Nothing of the object is left: replacing it undoes nobody's write.
        file.content = std::move(fresh);
        file.ahead.reset();
        file.ahead_wanted = false;
    } else if (!file.content) {
        return fail(ErrorKind::stale, "the file was closed while it was truncated");
    } else {
        TRY(file.content->resize(size));
    }
    file.run = {};
    file.append_only = false;
    note_change(inode, {size, UINT64_MAX});
    return {};
}

Result<size_t> Content::write(const InodePtr& inode, std::optional<uint64_t> offset,
                              std::string_view bytes) {
    TRY(load(inode));
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    if (!inode->file || !inode->file->content) {
        return fail(ErrorKind::stale, "the file was closed during the write");
    }
    FileState& file = *inode->file;
    const uint64_t at = offset.value_or(file.content->size());
    if (offset) file.append_only = false;
    const size_t written = TRY(file.content->write(at, bytes));
    const ByteRange range{at, at + written};
    file.run = file.run.end == at ? ByteRange{file.run.begin, range.end} : range;
    note_change(inode, range);
    send_ahead(inode);
    return written;
}

void Content::note_change(const InodePtr& inode, ByteRange range) {
    FileState& file = *inode->file;
    if (file.ahead) file.ahead->upload->changed(range);
    file.dirty = true;
    file.upload_failed = false;
    file.times_set = false;
    inode->shown.mtime = inode->shown.ctime = core_.clock.wall_now();
    inode->shown.mtime_recorded = true;
    mark_dirty(inode);
}

void Content::send_ahead(const InodePtr& inode) {
    FileState& file = *inode->file;
    // Deleted or renamed meanwhile: what was begun leads nowhere.
    if (file.ahead && (inode->removed || file.ahead->upload->key() != inode->key)) {
        file.ahead.reset();
    }
    if (file.ahead) return file.ahead->upload->send_ahead(file.run);
    if (inode->removed) return;
    if (file.ahead_wanted || file.ahead_refused) return;
    if (!core_.uploads->worth_sending_ahead(file.run.size())) return;
    file.ahead_wanted = true;
    core_.helpers.post([this, inode] { begin_ahead(inode); });
}

// Under the key's turn, like every request that plans with an object's metadata. Whoever uploads
// the file first has made it superfluous.
void Content::begin_ahead(const InodePtr& inode) {
    const ObjectKey key = inode->current_key();
    const KeyOrder::Turn turn = core_.meta.order().acquire(key);
    UploadJob job;
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (!inode->file || !inode->file->ahead_wanted) return;
        if (inode->removed || inode->key != key || !inode->file->dirty) {
            inode->file->ahead_wanted = false;
            return;
        }
        job = make_job(*inode, key);
    }
    Result<AheadUpload> begun = uploader_.begin_ahead(job);
    LockGuard lock(inode->mutex);
    if (!inode->file || !inode->file->ahead_wanted || inode->file->content != job.content) return;
    FileState& file = *inode->file;
    file.ahead_wanted = false;
    if (!begun) {
        log_info("fs", "key='{}' goes up when it is closed: {}", printable(key.str()),
                 begun.error().describe());
        file.ahead_refused = true;
        return;
    }
    file.ahead = std::make_shared<AheadUpload>(std::move(*begun));
    send_ahead(inode);
}

Result<void> Content::upload(const InodePtr& inode) {
    for (;;) {
        ObjectKey key;
        {
            LockGuard lock(inode->mutex);
            if (!inode->file || !inode->file->dirty || inode->removed) return {};
            key = inode->key;
        }
        finish_copies_of(key);
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
        FileState& file = *inode->file;
        job = make_job(*inode, key);
        job.ahead = std::move(file.ahead);
        file.ahead.reset();
        file.ahead_wanted = file.ahead_refused = false;
        file.busy = true;
    }
    Result<Uploaded> uploaded = uploader_.upload(job);
    if (uploaded) {
        // A directory that was listed since the file was made lacks it.
        core_.note_created(key);
        core_.table.settle(inode);
    }
    {
        LockGuard lock(inode->mutex);
        FileState& file = *inode->file;
        file.busy = false;
        inode->changed.notify_all();
        if (!uploaded) {
            file.upload_failed = true;
            return std::move(uploaded).error();
        }
        adopt(inode, *uploaded);
    }
    if (!uploaded->late.empty()) core_.meta.record_posix(key, uploaded->late);
    return {};
}

void Content::adopt(const InodePtr& inode, const Uploaded& uploaded) {
    FileState& file = *inode->file;
    file.dirty = false;
    file.in_bucket = true;
    file.upload_failed = false;
    file.times_set = false;
    file.staged.reset();
    forget_copy(inode, file.content->base().copied_from);
    file.content->uploaded(uploaded.etag);
    file.run = {};
    file.upload_at = TimePoint::never();
    inode->show(uploaded.stat, core_.config, Origin::own_upload);
    mark_clean(inode);
    inode->tidy_file_state();
}

UploadJob Content::make_job(const Inode& inode, const ObjectKey& key) const {
    UploadJob job;
    job.key = key;
    job.content = inode.file->content;
    job.times_set = inode.file->times_set;
    job.append_only = inode.file->append_only;
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
        if (!inode->file || inode->file->open_handles == 0) return;
    }
    Result<void> loaded = load(inode);
    if (loaded) loaded = fetch_all(inode);
    if (loaded) return;
    log_warning("fs", "key='{}' is deleted while open and could not be kept for its readers: {}",
                printable(inode->current_key().str()), loaded.error().describe());
}

Result<void> Content::fetch_all(const InodePtr& inode) {
    std::shared_ptr<FileContent> content;
    ObjectKey key;
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (!inode->file || !inode->file->content) return {};
        content = inode->file->content;
        key = inode->key;
        inode->file->busy = true;
    }
    Result<void> fetched = core_.uploads->fetch(key, *content, {0, content->size()});
    LockGuard lock(inode->mutex);
    inode->file->busy = false;
    inode->changed.notify_all();
    return fetched;
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

Result<void> Content::add_handle(const InodePtr& inode) {
    LockGuard lock(inode->mutex);
    // The kernel looks the name up again when it hears this. Who has the deleted file open may
    // open it once more, through /proc/self/fd.
    if (inode->leads_nowhere()) return fail(ErrorKind::stale, "the file was deleted");
    FileState& file = inode->file_state();
    ++file.open_handles;
    file.upload_at = TimePoint::never();
    return {};
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
        // At once: nobody may open it or ask for its object from here on.
        if (was_new) inode->removed = true;
        mark_clean(inode);
        inode->tidy_file_state();
    }
    core_.table.settle(inode);
    if (!was_new) return core_.invalidate_inode(inode, true);
    core_.table.remove(inode);
    core_.note_removed(key);
    core_.invalidate_inode(inode, true);
    core_.invalidate_name(key);
}

void Content::keep_content(const FileState& file, const ObjectKey& key) const {
    RecoveryNote note;
    note.key = key;
    note.base_etag = file.content->base().etag;
    note.error = "the upload failed; see the log";
    note.time = core_.clock.wall_now();
    if (file.staged) note.attributes = file.staged->named_values();
    const Result<KeptContent> kept = file.content->keep(note);
    if (kept && kept->damage.empty()) {
        log_error("fs", "key='{}' was not uploaded; its content is kept in {}",
                  printable(key.str()), kept->path);
    } else if (kept) {
        log_error("fs", "key='{}' was not uploaded; what is left of it is kept in {}: {}",
                  printable(key.str()), kept->path, kept->damage);
    } else {
        log_error("fs", "key='{}' was not uploaded and could not be kept: {}", printable(key.str()),
                  kept.error().describe());
    }
}

void Content::forget_copy(const InodePtr& inode, const ObjectKey& from) {
    if (from.empty()) return;
    LockGuard lock(mutex_);
    const auto [begin, end] = copies_.equal_range(from);
    for (auto it = begin; it != end;) it = it->second == inode ? copies_.erase(it) : std::next(it);
}

void Content::mark_dirty(const InodePtr& inode) {
    LockGuard lock(mutex_);
    dirty_.emplace(static_cast<uint64_t>(inode->ino), inode);
    core_.files_dirty = dirty_.size();
}

void Content::mark_clean(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto found = dirty_.find(static_cast<uint64_t>(inode->ino));
    if (found != dirty_.end() && found->second == inode) dirty_.erase(found);
    core_.files_dirty = dirty_.size();
}

std::vector<InodePtr> Content::dirty_inodes() const {
    LockGuard lock(mutex_);
    std::vector<InodePtr> all;
    for (const auto& [number, inode] : dirty_) all.push_back(inode);
    return all;
}

}  // namespace xbucket
