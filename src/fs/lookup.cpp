// SPDX-FileCopyrightText: the xbucket authors
// Lookups. Memory first: local files, live inodes, the last listing, meta's cache. Only where none
// of them knows, HEAD of the file's key and LIST of the directory's go out at the same time.
#include "names.h"
#include "path_rules.h"

#include <algorithm>

namespace xbucket {
namespace {

Error no_such_name(std::string_view name) {
    return fail(ErrorKind::not_found, "no file or directory '" + std::string(name) + "'");
}

// As the first page of what is below a name says.
bool is_directory(const Result<ListPage>& below) { return below && !below->objects.empty(); }

}  // namespace

Result<Names::Keys> Names::keys_of(InodeNumber parent, std::string_view name) const {
    const InodePtr directory = TRY(core_.directory(parent));
    const uint64_t bytes_max = core_.store.traits().key_bytes_max;
    Keys keys;
    keys.parent = directory->current_key();
    keys.name = name;
    keys.file = TRY(file_key(keys.parent, name, bytes_max));
    Result<ObjectKey> as_directory = directory_key(keys.parent, name, bytes_max);
    if (as_directory) keys.directory = std::move(*as_directory);
    return keys;
}

std::optional<Result<Entry>> Names::lookup_cached(InodeNumber parent, std::string_view name) {
    Result<Keys> keys = keys_of(parent, name);
    if (!keys) return std::move(keys).error();
    return from_memory(*keys);
}

Result<Entry> Names::lookup(InodeNumber parent, std::string_view name) {
    const Keys keys = TRY(keys_of(parent, name));
    if (std::optional<Result<Entry>> known = from_memory(keys)) return std::move(*known);
    core_.lookups.asked(keys.parent);
    Result<Entry> entry = ask(keys);
    core_.lookups.answered(keys.parent, entry || entry.error().kind != ErrorKind::not_found);
    return entry;
}

Duration Names::absent_for(InodeNumber parent, std::string_view name) {
    const Result<Keys> keys = keys_of(parent, name);
    if (!keys) return Duration::zero();
    const TimePoint now = core_.clock.now();
    const TimePoint until =
        std::min({now + core_.config.negative_life, core_.listings.absent_until(keys->parent),
                  core_.meta.absent_until(keys->file)});
    if (until <= now || !core_.missing.add(parent, name, until)) return Duration::zero();
    return until - now;
}

// With stat=meta a lookup is a reading of attributes.
void Names::touch(const Keys& keys) {
    if (core_.config.stat_mode != StatMode::meta) return;
    core_.walks.touched(keys.file);
    if (keys.directory) core_.walks.touched(*keys.directory);
}

Result<Names::Resolved> Names::resolve(InodeNumber parent, std::string_view name) {
    const Entry entry = TRY(lookup(parent, name));
    Resolved resolved;
    resolved.inode = TRY(core_.inode(entry.attr.ino));
    resolved.pin = Pin(core_.table, resolved.inode);
    core_.table.forget(entry.attr.ino, 1);
    return resolved;
}

std::optional<Result<Entry>> Names::from_memory(const Keys& keys) {
    core_.lookups.used(keys.parent);
    touch(keys);
    if (std::optional<Entry> entry = local_entry(keys.file)) return std::move(*entry);
    if (keys.directory) {
        if (std::optional<Entry> entry = live_entry(*keys.directory)) return std::move(*entry);
    }
    switch (core_.listings.find(keys.parent, keys.name)) {
        case ListingCache::Answer::absent:
            return no_such_name(keys.name);
        case ListingCache::Answer::unlisted:
            if (core_.lookups.only_misses(keys.parent)) return no_such_name(keys.name);
            break;
        case ListingCache::Answer::directory:
            if (auto entry = listed_directory(keys)) return std::move(*entry);
            return std::nullopt;
        case ListingCache::Answer::file:
            if (auto entry = listed_file(keys)) return std::move(*entry);
            break;
        case ListingCache::Answer::unknown:
            break;
    }
    if (std::optional<Entry> entry = live_entry(keys.file)) return std::move(*entry);
    return std::nullopt;
}

// A file whose content is here.
std::optional<Entry> Names::local_entry(const ObjectKey& key) {
    const InodePtr inode = core_.table.find_key(key);
    if (!inode) return std::nullopt;
    {
        LockGuard lock(inode->mutex);
        if (!inode->is_local()) return std::nullopt;
    }
    return core_.entry_of(core_.table.look_up(key, inode->type));
}

// An inode that the kernel has and that may still be shown as it is.
std::optional<Entry> Names::live_entry(const ObjectKey& key) {
    const InodePtr inode = core_.table.find_key(key);
    if (!inode) return std::nullopt;
    const TimePoint now = core_.clock.now();
    {
        LockGuard lock(inode->mutex);
        if (inode->removed || !inode->shown.valid || inode->shown.fresh_until <= now) {
            return std::nullopt;
        }
    }
    return core_.entry_of(core_.table.look_up(key, inode->type));
}

std::optional<Entry> Names::listed_file(const Keys& keys) {
    const std::optional<Result<ObjectStat>> stat = core_.meta.stat_cached(keys.file);
    if (!stat || !*stat) return std::nullopt;
    if (core_.config.stat_mode == StatMode::meta && !(*stat)->complete) return std::nullopt;
    return core_.entry_of(core_.look_up_file(keys.file, **stat));
}

std::optional<Entry> Names::listed_directory(const Keys& keys) {
    if (!keys.directory) return std::nullopt;
    const std::optional<Result<ObjectStat>> stat = core_.meta.stat_cached(*keys.directory);
    const bool complete = stat && (!*stat || (*stat)->complete);
    if (core_.config.stat_mode == StatMode::meta && !complete) return std::nullopt;
    const InodePtr inode = core_.table.look_up(*keys.directory, NodeType::directory);
    if (stat && *stat) core_.show(inode, **stat);
    core_.show_implicit(inode);
    return core_.entry_of(inode);
}

Result<Entry> Names::ask(const Keys& keys) {
    std::optional<Later<Result<ListPage>>> below;
    if (keys.directory) {
        ListRequest request;
        request.prefix = keys.directory->str();
        request.keys_max = 1;
        below = Later<Result<ListPage>>::start(
            core_.helpers, [this, request] { return core_.store.list(request); });
    }
    // What was a directory most likely is one still, and wins over a file of that name: no HEAD.
    std::optional<Result<ListPage>> page;
    if (keys.directory && core_.table.find_key(*keys.directory)) page = below->get();
    if (page && is_directory(*page)) return found_directory(*keys.directory, **page);
    Result<ObjectStat> object = core_.meta.stat(keys.file, core_.freshness());
    std::optional<Error> list_error;
    if (below) {
        if (!page) page = below->get();
        if (is_directory(*page)) return found_directory(*keys.directory, **page);
        if (!*page) list_error = std::move(*page).error();
    }
    if (object) {
        // A key that may not list but may read is still a file.
        return core_.entry_of(core_.look_up_file(keys.file, *object));
    }
    if (object.error().kind != ErrorKind::not_found) return std::move(object).error();
    // A directory with nothing in it yet but files that are on their way.
    if (keys.directory && !core_.table.local_below(keys.directory->str()).empty()) {
        return found_directory(*keys.directory, ListPage{});
    }
    if (list_error) return std::move(*list_error);
    // OSS answers a HEAD of a link whose target is missing with 404; the link is there all the
    // same.
    if (core_.store.traits().native_symlinks && object.error().code == "SymlinkTargetNotExist") {
        return dangling_link(keys);
    }
    return gone(keys);
}

Result<Entry> Names::found_directory(const ObjectKey& key, const ListPage& page) {
    const bool has_marker = !page.objects.empty() && page.objects.front().key == key;
    if (has_marker) {
        core_.meta.observe_listing(page);
    } else if (!page.objects.empty()) {
        core_.meta.observe_absent(key, page.begun);
    }
    const InodePtr inode = core_.table.look_up(key, NodeType::directory);
    if (has_marker) {
        // With stat=list the marker's attributes are shown only where they are known already.
        const Result<ObjectStat> stat = core_.meta.stat(key, core_.freshness());
        if (stat) core_.show(inode, *stat);
    }
    core_.show_implicit(inode);
    return core_.entry_of(inode);
}

Result<Entry> Names::dangling_link(const Keys& keys) {
    ListRequest request;
    request.prefix = keys.file.str();
    request.keys_max = 1;
    const ListPage page = TRY(core_.store.list(request));
    if (page.objects.empty() || page.objects.front().key != keys.file) return gone(keys);
    const ListEntry& entry = page.objects.front();
    ObjectStat stat;
    stat.size = entry.size;
    stat.etag = entry.etag;
    stat.last_modified = entry.last_modified;
    stat.type = ObjectType::symlink;
    stat.expires = core_.entry_expiry();
    return core_.entry_of(core_.look_up_file(keys.file, stat));
}

// Somebody else removed what the kernel may still know; or it is being written here, since this
// lookup began.
Result<Entry> Names::gone(const Keys& keys) {
    const InodePtr file = core_.table.find_key(keys.file);
    if (file && !core_.table.remove_gone(file)) {
        if (std::optional<Entry> entry = local_entry(keys.file)) return std::move(*entry);
    }
    if (keys.directory) {
        const InodePtr directory = core_.table.find_key(*keys.directory);
        if (directory) core_.table.remove(directory);
    }
    return no_such_name(keys.name);
}

}  // namespace xbucket
