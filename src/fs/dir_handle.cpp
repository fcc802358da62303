// SPDX-FileCopyrightText: the xbucket authors
#include "dir_handle.h"

#include "directories.h"
#include "path_rules.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <algorithm>
#include <iterator>
#include <sys/stat.h>

namespace xbucket {
namespace {

constexpr uint64_t kFirstNumber = 3;  // behind "." and ".."
// How far ahead attributes are asked for with stat=meta, and how many at a time.
constexpr size_t kStatsAhead = 128;
constexpr size_t kStatsAtOnce = 32;
constexpr size_t kPageStartsMax = 1000;

ObjectStat stat_of(const ListEntry& entry, TimePoint expires) {
    ObjectStat stat;
    stat.size = entry.size;
    stat.etag = entry.etag;
    stat.last_modified = entry.last_modified;
    stat.type = entry.type;
    stat.storage_class = entry.storage_class;
    stat.expires = expires;
    return stat;
}

}  // namespace

DirHandle::DirHandle(Core& core, InodePtr directory)
    : core_(core), directory_(std::move(directory)), pin_(core.table, directory_) {}

DirHandle::~DirHandle() = default;

Result<void> DirHandle::read(uint64_t offset, bool plus, const DirSink& sink) {
    {
        LockGuard lock(mutex_);
        while (reading_) changed_.wait(mutex_);
        reading_ = true;
    }
    Result<void> result = read_turn(offset, plus, sink);
    LockGuard lock(mutex_);
    reading_ = false;
    changed_.notify_one();
    return result;
}

Result<void> DirHandle::read_turn(uint64_t offset, bool plus, const DirSink& sink) {
    const bool behind = std::max(offset + 1, kFirstNumber) < window_start_;
    if (offset == 0) starts_.clear();
    if (listing_ && (offset == 0 || behind)) go_back(offset + 1);
    bool any = false;
    for (uint64_t number = offset + 1;; ++number) {
        if (number < kFirstNumber) {
            if (!emit_dot(number == 1 ? "." : "..", number, sink)) return {};
            continue;
        }
        while (number >= window_start_ + window_.size()) {
            // What there is goes out before the next page is waited for. Whoever took a whole page
            // will come back.
            if (any && !listing_->done()) ask_ahead();
            if (any || (listing_ && listing_->done())) return {};
            TRY(fetch_page());
            // A page far ahead of a seek is passed over and dropped.
            if (number >= window_start_ + window_.size()) {
                window_start_ += window_.size();
                window_.clear();
            }
        }
        const size_t index = static_cast<size_t>(number - window_start_);
        // So will whoever comes back for more of one.
        if (index != 0 && !any) ask_ahead();
        if (core_.config.stat_mode == StatMode::meta && plus) ask_attributes(index);
        if (was_removed(window_[index].listed.name)) continue;
        if (!emit(window_[index], number, plus, sink)) return {};
        any = true;
    }
}

void DirHandle::note_created(const std::string& name) {
    LockGuard lock(mutex_);
    removed_.erase(name);
}

void DirHandle::note_removed(const std::string& name) {
    LockGuard lock(mutex_);
    removed_.insert_or_assign(name, pages_asked_);
}

bool DirHandle::was_removed(const std::string& name) const {
    LockGuard lock(mutex_);
    return removed_.contains(name);
}

void DirHandle::go_back(uint64_t number) {
    window_.clear();
    attributes_asked_ = 0;
    // Keys of a directory that was renamed meanwhile are no more.
    if (directory_->current_key() != listing_->directory()) starts_.clear();
    while (!starts_.empty() && starts_.back().number > number) starts_.pop_back();
    if (starts_.empty()) {
        window_start_ = kFirstNumber;
        local_names_.clear();
        listing_.reset();
        return;
    }
    const PageStart& start = starts_.back();
    window_start_ = start.number;
    listing_ = std::make_unique<DirListing>(core_, listing_->directory(), start.place);
}

// Every second of the older ones is left out where there are too many: whoever goes back to one
// lists a little more.
void DirHandle::note_page() {
    if (!starts_.empty() && starts_.back().number >= window_start_) return;
    if (starts_.size() >= kPageStartsMax) {
        std::vector<PageStart> kept;
        for (size_t i = 0; i < starts_.size(); i += 2) kept.push_back(std::move(starts_[i]));
        starts_ = std::move(kept);
    }
    starts_.push_back({window_start_, listing_->place()});
}

void DirHandle::ask_ahead() {
    if (!listing_->ask_ahead()) return;
    LockGuard lock(mutex_);
    ++pages_asked_;
}

Result<void> DirHandle::fetch_page() {
    // Everything in the window went out; keep nothing but the page that comes.
    window_start_ += window_.size();
    window_.clear();
    attributes_asked_ = 0;
    if (listing_) {
        note_page();
    } else {
        const ObjectKey key = directory_->current_key();
        listing_ = std::make_unique<DirListing>(core_, key, ListingCache::For::program);
        for (const ObjectKey& local : core_.table.local_in(key)) {
            Item item;
            item.listed.name = name_of(local);
            item.local = true;
            local_names_.insert(item.listed.name);
            append(std::move(item));
        }
    }
    ask_ahead();
    {
        // The service lists what there is when it is asked: what was removed before this page was
        // asked for cannot come back.
        LockGuard lock(mutex_);
        std::erase_if(removed_,
                      [asked = pages_asked_](const auto& entry) { return entry.second < asked; });
    }
    for (ListedName& name : TRY(listing_->next())) {
        if (local_names_.contains(name.name)) continue;
        Item item;
        item.listed = std::move(name);
        append(std::move(item));
    }
    if (listing_->done()) log_unshown();
    return {};
}

void DirHandle::log_unshown() {
    const bool news = core_.directories->is_news(listing_->directory(), listing_->skipped(),
                                                 listing_->shadowed());
    if (!news || (listing_->skipped() == 0 && listing_->shadowed() == 0)) return;
    log_warning("fs",
                "directory='{}' unshown_keys={} hidden_files={}: keys that no path can express "
                "(empty, '.', '..', over 255 bytes) and files that a directory of the same name "
                "hides are not shown; other tools reach them by key",
                printable(listing_->directory().str()), listing_->skipped(), listing_->shadowed());
}

// With stat=meta an entry's mode and times come from its attributes: asked for many at once, a
// stretch ahead of what is given out.
void DirHandle::ask_attributes(size_t index) {
    const auto key_of = [&](const Item& item) {
        return ObjectKey(listing_->directory().str() + item.listed.name +
                         (item.listed.directory ? "/" : ""));
    };
    // A native link's attributes are those of what it points to, which may not be there.
    const auto has_own = [](const Item& item) {
        return !item.local && item.listed.entry.type != ObjectType::symlink;
    };
    const size_t wanted = std::min(window_.size(), index + kStatsAhead);
    attributes_asked_ = std::max(attributes_asked_, index);
    if (wanted >= attributes_asked_ + kStatsAtOnce ||
        (wanted == window_.size() && attributes_asked_ < wanted)) {
        std::vector<ObjectKey> keys;
        for (; attributes_asked_ < wanted; ++attributes_asked_)
            if (has_own(window_[attributes_asked_]))
                keys.push_back(key_of(window_[attributes_asked_]));
        core_.meta.prefetch(keys, MetaEngine::Ahead::metadata);
    }
    Item& item = window_[index];
    if (!item.stat && has_own(item))
        item.stat.emplace(core_.meta.stat(key_of(item), Freshness::complete));
}

bool DirHandle::emit_dot(const std::string& name, uint64_t number, const DirSink& sink) {
    DirEntry entry;
    entry.name = name;
    entry.next_offset = number;
    const InodePtr parent =
        name == "." ? directory_ : core_.table.find_key(parent_key(directory_->current_key()));
    entry.entry.attr.ino = parent ? parent->ino : directory_->ino;
    entry.entry.attr.mode = S_IFDIR;
    return sink(entry);
}

bool DirHandle::emit(const Item& item, uint64_t number, bool plus, const DirSink& sink) {
    const std::string ending = item.listed.directory ? "/" : "";
    const ObjectKey key(listing_->directory().str() + item.listed.name + ending);
    DirEntry entry;
    entry.name = item.listed.name;
    entry.next_offset = number;
    // Gone between the listing and now; readdir says nothing rather than something wrong.
    if (item.stat && !*item.stat && !item.listed.directory &&
        item.stat->error().kind == ErrorKind::not_found) {
        return true;
    }
    if (plus) fill_plus(item, key, entry);
    if (!entry.counted) {
        entry.entry.attr.ino = core_.table.number_for(key);
        entry.entry.attr.mode = S_IFREG;
        if (item.listed.directory) {
            entry.entry.attr.mode = S_IFDIR;
        } else if (const InodePtr known = core_.table.find_key(key)) {
            entry.entry.attr.mode = type_bits(known->type);
        } else if (item.listed.entry.type == ObjectType::symlink) {
            entry.entry.attr.mode = S_IFLNK;
        } else if (core_.config.stat_mode == StatMode::meta) {
            entry.entry.attr.mode = 0;  // only its attributes say whether it is a link
        }
    }
    if (sink(entry)) return true;
    if (entry.counted) core_.table.forget(entry.entry.attr.ino, 1);
    return false;
}

// Makes the entry a counted lookup, unless the table is full or nothing is known.
void DirHandle::fill_plus(const Item& item, const ObjectKey& key, DirEntry& entry) {
    if (core_.table.size() >= core_.config.inodes_max) return;
    if (item.stat && !*item.stat && !item.listed.directory) return;
    InodePtr inode;
    if (item.local) {
        const InodePtr local = core_.table.find_key(key);
        if (!local || local->type != NodeType::file) return;
        inode = core_.table.look_up(key, NodeType::file);
    } else if (item.listed.directory) {
        inode = core_.table.look_up(key, NodeType::directory);
        const auto known = item.stat ? item.stat : core_.meta.stat_cached(key);
        if (known && *known) {
            core_.show(inode, **known);
        }
        core_.show_implicit(inode);
    } else {
        ObjectStat stat = stat_of(item.listed.entry, core_.entry_expiry());
        const auto known = item.stat ? item.stat : core_.meta.stat_cached(key);
        if (known && *known) stat = **known;
        // A link is looked up then: its own HEAD tells what is recorded of it.
        if (stat.type == ObjectType::symlink) {
            const InodePtr link = core_.table.find_key(key);
            if (core_.config.stat_mode == StatMode::meta && (!link || !core_.may_show(link, stat)))
                return;
        }
        inode = core_.look_up_file(key, stat);
    }
    entry.entry = core_.entry_of(inode);
    entry.counted = true;
}

}  // namespace xbucket
