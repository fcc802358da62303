// SPDX-FileCopyrightText: the xbucket authors
#include "core.h"

#include "directories.h"
#include "path_rules.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

Core::Core(const FsConfig& fs_config, MetaEngine& meta_engine, ObjectStore& object_store,
           Clock& the_clock, std::unique_ptr<SpoolSpace> spool_space)
    : config(fs_config),
      meta(meta_engine),
      store(object_store),
      clock(the_clock),
      spool(std::move(spool_space)),
      reading(make_reading({.memory_bytes_max = config.read_bytes_max}, store)),
      uploads(spool ? make_uploads({.part_bytes = config.part_bytes,
                                    .parallel_per_file = config.upload_parallel,
                                    .source = config.source_name},
                                   store, *spool, clock)
                    : nullptr),
      listings(clock, {.positive_life = config.entry_life, .negative_life = config.negative_life}),
      walks(meta, store, helpers, WalkAhead::Limits{}),
      lookups(*this),
      missing(clock),
      helpers("fs-helper", 32) {
    const InodePtr& root = table.root();
    LockGuard lock(root->mutex);
    root->show_implicit(config, TimePoint::never());
}

Result<InodePtr> Core::inode(InodeNumber ino) const {
    InodePtr found = table.find(ino);
    if (!found) return fail(ErrorKind::stale, "the inode is not known any more");
    return found;
}

Result<InodePtr> Core::directory(InodeNumber ino) const {
    InodePtr found = TRY(inode(ino));
    if (found->type != NodeType::directory) {
        return fail(ErrorKind::not_directory, "not a directory");
    }
    return found;
}

Result<void> Core::check_writable() const {
    if (config.read_only) return fail(ErrorKind::read_only, "mounted read-only");
    return {};
}

Freshness Core::freshness() const {
    return config.stat_mode == StatMode::meta ? Freshness::complete : Freshness::cached;
}

void Core::show(const InodePtr& inode, const ObjectStat& stat) {
    Shift shift = Shift::nothing;
    {
        LockGuard lock(inode->mutex);
        if (inode->removed) return;
        if (inode->is_local()) {
            // The content here is what counts; but our own edit may have given the object that it
            // started from a new ETag (multipart and KMS objects).
            const std::shared_ptr<FileContent>& content = inode->file->content;
            const FileContent::Base base = content ? content->base() : FileContent::Base{};
            if (!stat.edited.empty() && base.is_own() && base.etag == stat.edited) {
                content->rename_base(stat.etag);
                inode->shown.etag = stat.etag;
                inode->shown.last_modified = stat.last_modified;
            }
            return;
        }
        // Whoever changes an object holds its turn until meta has told what came of it.
        const bool under_way = meta.order().is_held(inode->key);
        const std::optional<Origin> origin = inode->origin_of(stat, under_way);
        if (origin) {
            shift = inode->show(stat, config, *origin);
        } else {
            // Whoever looks asks, and nobody opens the kernel's pages as those of what is there.
            inode->shown.fresh_until = TimePoint{};
            inode->page_etag = ETag();
            shift = Shift::attributes;
        }
    }
    if (shift != Shift::nothing) invalidate_inode(inode, shift == Shift::content);
}

bool Core::may_show(const InodePtr& inode, const ObjectStat& stat) const {
    if (config.stat_mode == StatMode::list || stat.complete) return true;
    if (stat.type != ObjectType::symlink || inode->type != NodeType::symlink) return false;
    LockGuard lock(inode->mutex);
    return inode->shows_link(stat);
}

void Core::hear(const ObjectKey& key, const ObjectStat& stat) {
    if (!stat.edited.empty()) rename_copied(key, stat);
    const InodePtr inode = table.find_key(key);
    if (!inode) return;
    // A directory's key ends in '/', a link is told from a file by its attributes: what the kernel
    // has as one kind cannot become another.
    if (inode->type == NodeType::file && node_type_of(stat) != NodeType::file) return;
    if (may_show(inode, stat)) {
        show(inode, stat);
        return;
    }
    // A listing tells that it changed, and not all that this mount shows: whoever looks asks.
    {
        LockGuard lock(inode->mutex);
        if (inode->is_local() || inode->removed) return;
        inode->shown.fresh_until = TimePoint{};
    }
    invalidate_inode(inode, false);
}

// What files are copies of has another ETag since our own edit.
void Core::rename_copied(const ObjectKey& source, const ObjectStat& stat) {
    for (const InodePtr& copy : copies.of(source)) {
        LockGuard lock(copy->mutex);
        if (!copy->file || !copy->file->content) continue;
        FileContent& content = *copy->file->content;
        const FileContent::Base base = content.base();
        if (base.copied_from == source && base.etag == stat.edited) content.rename_base(stat.etag);
    }
}

void Core::show_implicit(const InodePtr& inode) {
    LockGuard lock(inode->mutex);
    inode->show_implicit(config, entry_expiry());
}

InodePtr Core::look_up_file(const ObjectKey& key, const ObjectStat& stat) {
    NodeType type = node_type_of(stat);
    // A listing does not say that an object is a link where links are objects with a recorded mode.
    if (type == NodeType::file && !stat.posix_known) {
        const InodePtr known = table.find_key(key);
        if (known && known->type == NodeType::symlink) {
            LockGuard lock(known->mutex);
            if (known->shown.valid && known->shown.etag == stat.etag) type = NodeType::symlink;
        }
    }
    InodePtr inode = table.look_up(key, type);
    show(inode, stat);
    return inode;
}

Entry Core::entry_of(const InodePtr& inode) const {
    Entry entry;
    entry.attr = attr_of(inode);
    entry.timeout = entry.attr.timeout;
    return entry;
}

Attr Core::attr_of(const InodePtr& inode) const {
    const TimePoint now = clock.now();
    LockGuard lock(inode->mutex);
    Attr attr = inode->attr(now);
    // Only this mount changes what is local or has no object.
    if (inode->is_local() || inode->ino == kRootInode) attr.timeout = config.entry_life;
    return attr;
}

std::string Core::stats_json() const {
    const auto uptime = clock.wall_now().seconds() - config.mount_time.seconds();
    // Behind its opening brace, what meta says.
    return fmt::format(
        R"({{{}{}"uptime_seconds":{},"inodes":{},"files_dirty":{},"spool_bytes":{},{})",
        config.stats_head, config.stats_head.empty() ? "" : ",", std::max<int64_t>(uptime, 0),
        table.size(), files_dirty.load(), spool ? spool->bytes_used() : 0,
        meta.stats_json().substr(1));
}

void Core::note_created(const ObjectKey& key) {
    const bool is_directory = is_directory_key(key);
    const ObjectKey parent = parent_key(key);
    const std::string name = name_of(key);
    listings.note(parent, name,
                  is_directory ? ListingCache::Answer::directory : ListingCache::Answer::file);
    if (directories != nullptr) directories->note_created(parent, name);
}

void Core::note_removed(const ObjectKey& key) {
    const ObjectKey parent = parent_key(key);
    const std::string name = name_of(key);
    // Whether something else shows under the name now (a file that a directory hid) must be asked.
    listings.note(parent, name, ListingCache::Answer::unknown);
    if (directories != nullptr) directories->note_removed(parent, name);
}

Result<void> Core::check_free(const ObjectKey& key) {
    const Result<ObjectStat> there = meta.stat(key, Freshness::current);
    // OSS answers a HEAD of a link whose target is missing with 404.
    const bool dangling = !there && there.error().code == "SymlinkTargetNotExist";
    if (there || dangling) {
        return fail(ErrorKind::already_exists, "'" + printable(key.str()) + "' exists");
    }
    if (there.error().kind == ErrorKind::not_found) return {};
    return there.error();
}

void Core::drop_gone(const InodePtr& inode, const ObjectKey& key) {
    {
        // Whoever renames or uploads it here has made the answer an old one.
        const KeyOrder::Turn turn = meta.order().acquire(key);
        if (inode->current_key() != key) return;
        const std::optional<Result<ObjectStat>> known = meta.stat_cached(key);
        if ((known && *known) || !table.remove_gone(inode)) return;
        note_removed(key);
    }
    invalidate_name(key);
}

void Core::invalidate_name(const ObjectKey& key) {
    if (const InodePtr parent = table.find_key(parent_key(key))) {
        invalidate_entry(parent->ino, name_of(key));
    }
}

void Core::invalidate_entry(InodeNumber parent, std::string_view name) {
    if (KernelNotifier* const kernel = notifier.load()) {
        kernel->invalidate_entry(parent, std::string(name));
    }
}

bool Core::invalidate_inode(const InodePtr& inode, bool data_too) {
    KernelNotifier* const kernel = notifier.load();
    return kernel == nullptr || kernel->invalidate_inode(inode->ino, data_too);
}

bool Core::wait_until_kernel_knows(Duration at_most) {
    KernelNotifier* const kernel = notifier.load();
    return kernel == nullptr || kernel->wait_until_told(at_most);
}

}  // namespace xbucket
