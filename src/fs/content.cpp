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
        file.must_be_new = true;
        file.content = std::move(content);
        file.dirty = true;
        file.staged = std::make_unique<StagedAttributes>(core_.meta.model(), key);
        mark_dirty(inode);
    }
    core_.note_created(key);
    return inode;
}

Result<void> Content::load(const InodePtr& inode, bool to_append) {
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    FileState& file = inode->file_state();
    if (file.content) return {};
    file.busy = true;
    lock.unlock();
    Result<Loaded> loaded = open_base(inode, to_append);
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

Result<void> Content::load_for_change(const InodePtr& inode, bool to_append) {
    Result<void> loaded = load(inode, to_append);
    if (loaded || loaded.error().kind != ErrorKind::not_found) return loaded;
    const ObjectKey key = inode->current_key();
    core_.drop_gone(inode, key);
    return fail(ErrorKind::stale,
                "'" + printable(key.str()) + "' was deleted or renamed while it was open");
}

// Content that starts from the object as it is now, which may be newer than what the kernel knows.
Result<Content::Loaded> Content::open_base(const InodePtr& inode, bool to_append) {
    std::optional<ObjectType> type;
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
        // What is appended to an appendable object needs nothing of it, and leaves it what it is.
        const auto cached = core_.meta.stat_cached(key);
        if (cached && *cached) type = (*cached)->type;
        const bool maybe_appendable = !type && to_append && core_.store.traits().appendable;
        const bool small = base.size != 0 && base.size <= kFetchAtOnceBytes;
        const bool at_once = small && type != ObjectType::appendable && !maybe_appendable;
        if (known && at_once) {
            Loaded loaded{TRY(FileContent::create(*core_.spool, base))};
            Result<void> fetched = core_.uploads->fetch(key, *loaded.content, {0, base.size});
            if (fetched) return loaded;
            if (fetched.error().kind != ErrorKind::stale || attempt == kOpenAttemptsMax) {
                return std::move(fetched).error();
            }
        }
        const ObjectStat now = TRY(core_.meta.stat(key, Freshness::current));
        core_.show(inode, now);
        const bool same = now.etag == base.etag && now.size == base.size;
        type = now.type;
        const bool to_fetch = small && type != ObjectType::appendable;
        if (known && !to_fetch && same) {
            return Loaded{TRY(FileContent::create(*core_.spool, base)),
                          now.type == ObjectType::appendable};
        }
        if (attempt == kOpenAttemptsMax) {
            return fail(ErrorKind::stale,
                        "'" + printable(key.str()) + "' keeps being replaced while it is opened");
        }
    }
}

// A size that no object can have is refused before anything is spent on it.
Result<void> Content::check_size(uint64_t begin, uint64_t bytes) const {
    const StoreTraits& traits = core_.store.traits();
    const uint64_t max = std::max(traits.put_bytes_max, traits.parts_max * traits.part_bytes_max);
    if (begin <= max && bytes <= max - begin) return {};
    return fail(ErrorKind::file_too_large, "the file would be larger than an object can be");
}

Result<void> Content::truncate(const InodePtr& inode, uint64_t size) {
    TRY(check_size(0, size));
    if (size != 0) TRY(load_for_change(inode, false));
    std::shared_ptr<FileContent> fresh;
    if (size == 0) fresh = TRY(FileContent::create(*core_.spool, {}));
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    FileState& file = inode->file_state();
    if (size == 0) {
        // Nothing of the object is left: replacing it undoes nobody's write.
        file.content = std::move(fresh);
        core_.copies.forget(inode);
        file.ahead.reset();
        file.ahead_wanted = false;
        file.must_be_new = false;
        file.pages_lost.reset();
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
    TRY(load_for_change(inode, !offset));
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    if (!inode->file || !inode->file->content) {
        return fail(ErrorKind::stale, "the file was closed during the write");
    }
    FileState& file = *inode->file;
    const uint64_t at = offset.value_or(file.content->size());
    TRY(check_size(at, bytes.size()));
    if (offset) file.append_only = false;
    const size_t written = TRY(file.content->write(at, bytes));
    const ByteRange range{at, at + written};
    file.run = file.run.end == at ? ByteRange{file.run.begin, range.end} : range;
    note_change(inode, range);
    send_ahead(inode);
    return written;
}

Result<void> Content::write_pages(const InodePtr& inode, uint64_t offset, std::string_view bytes) {
    Result<size_t> written = size_t{0};
    for (size_t done = 0; done < bytes.size(); done += *written) {
        written = write(inode, offset + done, bytes.substr(done));
        if (!written) break;
    }
    LockGuard lock(inode->mutex);
    if (!inode->file) return written ? Result<void>() : std::move(written).error();
    FileState& file = *inode->file;
    file.mapped = true;
    if (written) return {};
    // Of a file that is as the object is, the object stands in any case.
    if (file.dirty) {
        file.pages_lost =
            fail(written.error().kind, "what a program wrote to a mapping of '" +
                                           printable(inode->key.str()) +
                                           "' is lost, so the file is not sent; write it anew (" +
                                           written.error().describe() + ")");
    }
    return std::move(written).error();
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
    // What is only appended goes behind the object, which stays what it is.
    if (inode->removed || file.append_only) return;
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

Result<void> Content::upload(const InodePtr& inode, DirectoryMoves::Haste haste) {
    for (;;) {
        ObjectKey key;
        FileContent::Base base;
        {
            LockGuard lock(inode->mutex);
            if (!inode->file || !inode->file->dirty || inode->removed) return {};
            key = inode->key;
            if (inode->file->content) base = inode->file->content->base();
        }
        finish_copies_of(key);
        const DirectoryMoves::Arrival arrival(core_.moves, inode, haste);
        KeyOrder::Turn turn = core_.meta.order().acquire(key);
        // A rename may have gone first.
        if (inode->current_key() != key) continue;
        Result<void> uploaded = upload_in_turn(inode, key);
        turn.release();
        const bool maybe_edited = !uploaded && uploaded.error().kind == ErrorKind::stale &&
                                  !uploaded.error().outcome_unknown && !base.copied_from.empty();
        if (!maybe_edited || !source_was_edited(inode, base)) return uploaded;
    }
}

Result<void> Content::upload_in_turn(const InodePtr& inode, const ObjectKey& key) {
    UploadJob job;
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (!inode->file || !inode->file->dirty || inode->removed) return {};
        FileState& file = *inode->file;
        if (file.pages_lost) {
            file.upload_failed = true;
            file.failure = file.pages_lost->describe();
            return *file.pages_lost;
        }
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
    Shift shift = Shift::nothing;
    {
        LockGuard lock(inode->mutex);
        FileState& file = *inode->file;
        file.busy = false;
        inode->changed.notify_all();
        if (!uploaded) {
            file.upload_failed = true;
            file.failure = uploaded.error().describe();
            if (uploaded.error().outcome_unknown) file.must_be_new = false;
            return std::move(uploaded).error();
        }
        shift = adopt(inode, *uploaded);
    }
    if (shift != Shift::nothing) core_.invalidate_inode(inode, shift == Shift::content);
    if (!uploaded->late.empty()) core_.meta.record_posix(key, uploaded->late);
    return {};
}

Shift Content::adopt(const InodePtr& inode, const Uploaded& uploaded) {
    FileState& file = *inode->file;
    file.dirty = false;
    file.in_bucket = true;
    file.must_be_new = false;
    file.upload_failed = false;
    file.mapped = false;
    file.times_set = false;
    file.staged.reset();
    file.content->uploaded(uploaded.etag);
    file.run = {};
    file.upload_at = TimePoint::never();
    // Somebody else's object by now: the kernel's pages, which are ours, are not of it.
    const bool ours = uploaded.stat.etag == uploaded.etag;
    const Shift shift =
        inode->show(uploaded.stat, core_.config, ours ? Origin::own_upload : Origin::service);
    mark_clean(inode);
    inode->tidy_file_state();
    return shift;
}

UploadJob Content::make_job(const Inode& inode, const ObjectKey& key) const {
    UploadJob job;
    job.key = key;
    job.content = inode.file->content;
    job.times_set = inode.file->times_set;
    job.append_only = inode.file->append_only;
    job.must_be_new = inode.file->must_be_new;
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

void Content::let_replace(const InodePtr& inode) {
    LockGuard lock(inode->mutex);
    inode->wait_until_idle();
    if (inode->file) inode->file->must_be_new = false;
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
        // The object was not changed when this file was: its times are told again.
        inode->shown.last_modified = WallTime{};
        inode->shown.mtime_recorded = false;
        // At once: nobody may open it or ask for its object from here on.
        if (was_new) inode->removed = true;
        mark_clean(inode);
        inode->tidy_file_state();
    }
    core_.table.settle(inode);
    if (!was_new) return core_.invalidate_inode(inode, true);
    core_.table.remove(inode);
    core_.note_removed(key);
    core_.meta.forget(key);  // an object of somebody else's may be why
    core_.invalidate_inode(inode, true);
    core_.invalidate_name(key);
}

void Content::keep_content(const FileState& file, const ObjectKey& key) const {
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

void Content::mark_dirty(const InodePtr& inode) {
    LockGuard lock(mutex_);
    dirty_.emplace(static_cast<uint64_t>(inode->ino), inode);
    core_.files_dirty = dirty_.size();
}

void Content::mark_clean(const InodePtr& inode) {
    core_.copies.forget(inode);
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
