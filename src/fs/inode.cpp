// SPDX-FileCopyrightText: the xbucket authors
#include "inode.h"

#include <algorithm>
#include <sys/stat.h>
#include <utility>

namespace xbucket {
namespace {

uint32_t default_mode(NodeType type, const FsConfig& config) {
    switch (type) {
        case NodeType::directory:
            return config.dir_mode;
        case NodeType::file:
            return config.file_mode;
        case NodeType::symlink:
            return 0777;
    }
    return 0;
}

}  // namespace

uint32_t mode_from_bucket(NodeType type, uint32_t mode, const FsConfig& config) {
    return mode & (type == NodeType::file ? 01777U : kModeBits) & ~config.umask;
}

uint32_t type_bits(NodeType type) {
    switch (type) {
        case NodeType::directory:
            return S_IFDIR;
        case NodeType::file:
            return S_IFREG;
        case NodeType::symlink:
            return S_IFLNK;
    }
    return 0;
}

NodeType node_type_of(const ObjectStat& stat) {
    if (stat.type == ObjectType::symlink) return NodeType::symlink;
    // Links of s3fs and of ours on services without native ones. Other recorded types (a pipe, a
    // device, s3fs's old directories) are shown as the plain objects that they are.
    if (stat.posix_known && stat.posix.mode && S_ISLNK(*stat.posix.mode)) return NodeType::symlink;
    return NodeType::file;
}

ObjectKey Inode::current_key() const {
    LockGuard lock(mutex);
    return key;
}

std::optional<Origin> Inode::origin_of(const ObjectStat& stat, bool edit_under_way) const {
    // Of a native link that was made here, the first edit is the first to tell an ETag.
    const bool first_told = is_of_native_link(stat) && shown.native_link && shown.etag.empty();
    if (!stat.edited.empty() && (stat.edited == shown.etag || first_told)) return Origin::own_edit;
    if (!edit_under_way || !stat.edited.empty()) return Origin::service;
    if (type == NodeType::directory || stat.etag == shown.etag) return Origin::own_edit;
    if (shown.valid) return std::nullopt;
    return Origin::service;
}

Shift Inode::show(const ObjectStat& stat, const FsConfig& config, Origin origin) {
    const bool known = shown.valid;
    const bool native = is_of_native_link(stat);
    const bool same_content = known && is_same_content(stat, origin);
    const bool same_object =
        same_content &&
        (native ? origin == Origin::service
                : stat.etag == shown.etag && stat.last_modified == shown.last_modified);
    const bool keeps = known && !shown.outdated;
    shown.fresh_until = stat.expires;
    shown.outdated = false;
    if (native) take_facts_of_link(stat, same_content, keeps);
    // An own edit may be the second one of a second, and is shown all the same.
    if (same_object && keeps && stat.edited.empty()) return Shift::nothing;

    const bool keeps_times = keeps && origin != Origin::service;
    const bool keeps_modes = keeps && (same_content || origin == Origin::own_upload);
    const bool replaced = known && !same_content;
    if (replaced) {
        ++content_version;
        if (origin == Origin::service) link_target.clear();
    }
    const WallTime modified = stat.last_modified;
    // The kernel's pages hold what was written here, or what an edit left as it was.
    const bool pages_hold = same_content && !page_etag.empty() && page_etag == shown.etag;
    page_etag = (origin == Origin::own_upload || pages_hold) ? stat.etag : ETag();
    shown.valid = true;
    if (!native) take_facts(stat);
    if (!keeps_modes) {
        shown.mode = mode_from_bucket(type, default_mode(type, config), config);
        shown.uid = config.uid;
        shown.gid = config.gid;
    }
    if (!keeps_times && !(keeps && same_content && shown.mtime_recorded)) {
        shown.mtime = modified;
        shown.atime = modified;
        shown.mtime_recorded = false;
    }
    // The record of what chmod or utimens set is no change of its own: whoever reads a tree
    // meanwhile (tar) would find it changed.
    const bool is_record = std::exchange(shown.recorded_late, false) && origin == Origin::own_edit;
    if (!is_record || !same_content) shown.ctime = modified;
    if (stat.posix_known && origin != Origin::own_upload) take_recorded(stat.posix, config, keeps);
    if (!known || origin != Origin::service) return Shift::nothing;
    return replaced ? Shift::content : Shift::attributes;
}

bool Inode::is_same_content(const ObjectStat& stat, Origin origin) const {
    if (type == NodeType::directory) return true;
    if (is_of_native_link(stat)) return origin == Origin::own_edit || shows_link(stat);
    return stat.size == shown.size && (stat.etag == shown.etag || origin == Origin::own_edit);
}

void Inode::take_facts(const ObjectStat& stat) {
    shown.native_link = false;
    shown.etag = stat.etag;
    shown.last_modified = stat.last_modified;
    if (type != NodeType::symlink || link_target.empty()) shown.size = stat.size;
}

void Inode::note_link_made(WallTime now) {
    shown.native_link = true;
    shown.etag = ETag();
    shown.last_modified = shown.link_modified = WallTime{};
    shown.link_made = now;
}

bool Inode::shows_link(const ObjectStat& stat) const {
    if (!shown.valid || !shown.native_link) return false;
    if (shown.link_made != WallTime{}) return true;
    const int64_t told = stat.last_modified.seconds();
    const int64_t by_head = shown.last_modified.seconds();
    const int64_t by_listing = shown.link_modified.seconds();
    if (!stat.complete) return by_listing != 0 ? told == by_listing : told <= by_head;
    // The first HEAD may tell the target's time: take_facts_of_link().
    return by_head != 0 ? told == by_head : told >= by_listing;
}

// Where others may have made the link anew, unseen, its text is read again: one request.
void Inode::take_facts_of_link(const ObjectStat& stat, bool same_link, bool keeps) {
    const int64_t told = stat.last_modified.seconds();
    const bool first_head = stat.complete && shown.last_modified == WallTime{};
    const bool in_doubt = shown.link_made != WallTime{}
                              ? told > shown.link_made.seconds() + 1
                              : first_head && told != shown.link_modified.seconds();
    if (!same_link) {
        // More likely the target was changed, where a HEAD tells it.
        if (!stat.complete || !shown.native_link) shown.size = 0;
        shown.etag = ETag();
        shown.last_modified = shown.link_modified = WallTime{};
    }
    if (!same_link || !keeps || in_doubt) {
        link_target.clear();
        ++content_version;
    }
    shown.native_link = true;
    shown.link_made = WallTime{};
    if (stat.complete) {
        shown.etag = stat.etag;
        shown.last_modified = stat.last_modified;
        // What was listed before an edit of ours is not the link's time any more.
        if (!stat.edited.empty()) shown.link_modified = WallTime{};
    } else {
        shown.link_modified = stat.last_modified;
    }
}

void Inode::take_recorded(const PosixRecord& posix, const FsConfig& config, bool keeps) {
    if (posix.mode && type != NodeType::symlink) {
        const uint32_t recorded = mode_from_bucket(type, *posix.mode, config);
        // What chmod set here stays when its own record comes back.
        const bool own = keeps && mode_from_bucket(type, shown.mode, config) == recorded;
        if (!own) shown.mode = recorded;
    }
    if (posix.uid && !config.uid_stands) shown.uid = *posix.uid;
    if (posix.gid && !config.gid_stands) shown.gid = *posix.gid;
    if (posix.mtime) {
        shown.mtime = *posix.mtime;
        shown.atime = *posix.mtime;
        shown.mtime_recorded = true;
    }
    if (posix.atime) shown.atime = *posix.atime;
}

void Inode::show_implicit(const FsConfig& config, TimePoint fresh_until) {
    shown.fresh_until = fresh_until;
    if (shown.valid) return;
    shown.valid = true;
    shown.mode = mode_from_bucket(type, default_mode(type, config), config);
    shown.uid = config.uid;
    shown.gid = config.gid;
    shown.last_modified = shown.mtime = shown.atime = shown.ctime = config.mount_time;
}

void Inode::show_created(const FirstAttributes& first, WallTime now, TimePoint fresh_until) {
    shown = Shown{};
    shown.valid = true;
    shown.mode = first.mode & kModeBits;
    shown.uid = first.uid;
    shown.gid = first.gid;
    shown.last_modified = shown.mtime = shown.atime = shown.ctime = now;
    shown.mtime_recorded = true;
    shown.fresh_until = fresh_until;
}

Attr Inode::attr(TimePoint now) const {
    Attr attr;
    attr.ino = ino;
    attr.mode = type_bits(type) | shown.mode;
    // One link for directories too: "unknown", so that no tree walker counts subdirectories by it.
    attr.nlink = removed ? 0 : 1;
    attr.uid = shown.uid;
    attr.gid = shown.gid;
    attr.size = shown.size;
    if (type == NodeType::directory) attr.size = 4096;
    if (type == NodeType::symlink && !link_target.empty()) attr.size = link_target.size();
    if (file && file->content) attr.size = file->content->size();
    attr.atime = shown.atime;
    attr.mtime = shown.mtime;
    attr.ctime = shown.ctime;
    attr.timeout = std::max(Duration::zero(), shown.fresh_until - now);
    return attr;
}

FirstAttributes Inode::first_of(NodeType made, uint32_t mode, const Caller& caller) const {
    FirstAttributes first{mode, caller.uid, caller.gid};
    LockGuard lock(mutex);
    if ((shown.mode & S_ISGID) == 0) return first;
    first.gid = shown.gid;
    if (made == NodeType::directory) first.mode |= S_ISGID;
    return first;
}

FileState& Inode::file_state() {
    if (!file) file = std::make_unique<FileState>();
    return *file;
}

void Inode::tidy_file_state() {
    if (!file || file->busy || file->open_handles != 0 || file->dirty) return;
    if (!file->in_bucket && !removed) return;
    file.reset();
}

void Inode::wait_until_idle() {
    while (file && file->busy) changed.wait(mutex);
}

}  // namespace xbucket
