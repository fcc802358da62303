// SPDX-FileCopyrightText: the xbucket authors
#include "xattrs.h"

#include "path_rules.h"

namespace xbucket {
namespace {

constexpr std::string_view kRefresh = "refresh";
constexpr std::string_view kStats = "stats";
constexpr std::string_view kFailures = "failures";

Error no_attribute(std::string_view name) {
    return fail(ErrorKind::no_such_attribute, "no attribute " + std::string(name));
}

bool is_mount_wide(const AttrName& name) {
    return name.kind == AttrKind::control && name.bare == kStats;
}

bool lists_failures(const AttrName& name) {
    return name.kind == AttrKind::control && name.bare == kFailures;
}

bool is_owner_or_root(const Inode& inode, const Caller& caller) REQUIRES(inode.mutex) {
    return caller.uid == 0 || caller.uid == inode.shown.uid;
}

// Attributes that only an object that exists can take: they have requests of their own.
bool needs_object(AttrKind kind) { return kind == AttrKind::acl || kind == AttrKind::restore; }

}  // namespace

template <class T>
Result<T> Xattrs::noticed(const InodePtr& inode, const ObjectKey& key, Result<T> result) {
    const bool gone = !result && result.error().kind == ErrorKind::not_found;
    if (gone && inode->type != NodeType::directory) core_.drop_gone(inode, key);
    return result;
}

Result<std::string> Xattrs::get(InodeNumber ino, std::string_view name, const Caller& caller) {
    const AttrName parsed = TRY(AttrName::parse(name));
    const InodePtr inode = TRY(core_.inode(ino));
    if (auto here = get_here(inode, parsed, caller)) return std::move(*here);
    const ObjectKey key = inode->current_key();
    core_.walks.touched(key);
    return noticed(inode, key, core_.meta.get_attribute(key, name));
}

std::optional<Result<std::string>> Xattrs::get_cached(InodeNumber ino, std::string_view name,
                                                      const Caller& caller) {
    Result<AttrName> parsed = AttrName::parse(name);
    if (!parsed) return std::move(parsed).error();
    Result<InodePtr> inode = core_.inode(ino);
    if (!inode) return std::move(inode).error();
    if (auto here = get_here(*inode, *parsed, caller)) return here;
    const ObjectKey key = (*inode)->current_key();
    auto known = core_.meta.get_attribute_cached(key, name);
    if (known) core_.walks.touched(key);
    return known;
}

std::optional<Result<std::string>> Xattrs::get_here(const InodePtr& inode, const AttrName& name,
                                                    const Caller& caller) {
    if (name.kind == AttrKind::foreign) return no_attribute(name.full);
    if (is_mount_wide(name)) return core_.stats_json();
    if (inode->type == NodeType::symlink) return no_attribute(name.full);
    LockGuard lock(inode->mutex);
    // A presigned URL gives away what the mode protects: only who could change the mode gets it.
    // Failures name what others set.
    const bool is_private = name.kind == AttrKind::url || lists_failures(name);
    if (is_private && !is_owner_or_root(*inode, caller)) {
        return fail(ErrorKind::access_denied,
                    "only the file's owner and root may read " + name.full);
    }
    if (lists_failures(name)) return core_.meta.failures_json(inode->key);
    if (inode->is_new() && inode->file->staged) return inode->file->staged->get(name);
    if (inode->removed) return fail(ErrorKind::stale, "the file was deleted");
    return std::nullopt;
}

Result<std::vector<std::string>> Xattrs::list(InodeNumber ino) {
    const InodePtr inode = TRY(core_.inode(ino));
    if (auto here = list_here(inode)) return std::move(*here);
    const ObjectKey key = inode->current_key();
    core_.walks.touched(key);
    return noticed(inode, key, core_.meta.list_attributes(key));
}

std::optional<Result<std::vector<std::string>>> Xattrs::list_cached(InodeNumber ino) {
    Result<InodePtr> inode = core_.inode(ino);
    if (!inode) return std::move(inode).error();
    if (auto here = list_here(*inode)) return std::move(*here);
    const ObjectKey key = (*inode)->current_key();
    auto known = core_.meta.list_attributes_cached(key);
    if (known) core_.walks.touched(key);
    return known;
}

std::optional<Result<std::vector<std::string>>> Xattrs::list_here(const InodePtr& inode) {
    // The kernel refuses user.* on links, so nothing that is listed could be read.
    if (inode->type == NodeType::symlink) return std::vector<std::string>();
    LockGuard lock(inode->mutex);
    if (inode->is_new() && inode->file->staged) return inode->file->staged->list();
    if (inode->removed) return fail(ErrorKind::stale, "the file was deleted");
    return std::nullopt;
}

Result<void> Xattrs::change(InodeNumber ino, std::string_view name,
                            std::optional<std::string> value, SetFlag flag) {
    const AttrName parsed = TRY(AttrName::parse(name));
    const InodePtr inode = TRY(core_.inode(ino));
    if (parsed.kind == AttrKind::foreign) {
        if (!value) return no_attribute(name);
        return fail(ErrorKind::unsupported, "only attributes named user.* can be set");
    }
    if (parsed.kind == AttrKind::control && parsed.bare == kRefresh) {
        if (!value) return fail(ErrorKind::not_permitted, "user.xbucket.refresh can only be set");
        return refresh(inode);
    }
    TRY(core_.check_writable());
    if (lists_failures(parsed))
        return core_.meta.change_attribute(inode->current_key(), name, std::move(value), flag);
    if (inode->type == NodeType::symlink) {
        return fail(ErrorKind::not_permitted, "symbolic links have no attributes");
    }
    if (needs_object(parsed.kind)) TRY(make_object(inode));
    if (auto staged = change_staged(inode, parsed, value, flag)) return std::move(*staged);
    const DirectoryMoves::Change change_of_directory(core_.moves, inode);
    const ObjectKey key = inode->current_key();
    if (key.empty()) {
        return fail(ErrorKind::unsupported,
                    "the root of a bucket is no object and takes no attributes");
    }
    {
        LockGuard lock(inode->mutex);
        inode->shown.recorded_late = false;  // this is a change of its own, whatever goes along
    }
    // A journal wants to know the value before; an update at once reads its own base.
    if (core_.meta.durability() == Durability::timed) core_.walks.touched(key);
    return noticed(inode, key, core_.meta.change_attribute(key, name, std::move(value), flag));
}

// Where there is an object already it stands until the file that is being written is closed.
Result<void> Xattrs::make_object(const InodePtr& inode) {
    {
        LockGuard lock(inode->mutex);
        inode->wait_until_idle();
        if (!inode->is_new()) return {};
    }
    return content_.upload(inode);
}

std::optional<Result<void>> Xattrs::change_staged(const InodePtr& inode, const AttrName& name,
                                                  const std::optional<std::string>& value,
                                                  SetFlag flag) {
    LockGuard lock(inode->mutex);
    // What is on its way carries what was set before it left.
    inode->wait_until_idle();
    if (inode->removed && !inode->is_new()) return fail(ErrorKind::stale, "the file was deleted");
    if (!inode->is_new() || !inode->file->staged) return std::nullopt;
    return inode->file->staged->change(name, value, flag);
}

Result<void> Xattrs::refresh(InodeNumber ino, const Caller& caller) {
    const InodePtr inode = TRY(core_.inode(ino));
    {
        LockGuard lock(inode->mutex);
        if (!is_owner_or_root(*inode, caller)) {
            return fail(ErrorKind::access_denied, "only the file's owner and root may refresh it");
        }
    }
    return refresh(inode);
}

// Drops what is remembered of a file, or of a directory and everything below it.
Result<void> Xattrs::refresh(const InodePtr& inode) {
    const ObjectKey key = inode->current_key();
    const bool tree = inode->type == NodeType::directory;
    core_.meta.forget_below(key.str());
    std::vector<InodePtr> inodes = {inode};
    std::vector<ObjectKey> names;
    if (tree) {
        core_.listings.drop_below(key.str());
        inodes = core_.table.below(key.str());
    } else {
        core_.listings.note(parent_key(key), name_of(key), ListingCache::Answer::unknown);
    }
    for (const InodePtr& below : inodes) {
        {
            LockGuard lock(below->mutex);
            if (below->ino == kRootInode || below->is_local()) continue;
            below->shown.outdated = true;
            below->shown.fresh_until = TimePoint{};
            below->page_etag = ETag();
            if (below != inode) names.push_back(below->key);
        }
        core_.invalidate_inode(below, true);
    }
    // Who looks after this sees what is there now. Names are not waited for: the kernel holds the
    // directory's lock for this very call.
    core_.wait_until_kernel_knows(std::chrono::seconds(1));
    for (const ObjectKey& name : names) core_.invalidate_name(name);
    if (tree) forget_missing(key.str());
    return {};
}

// What was not there may be there now.
void Xattrs::forget_missing(const std::string& prefix) {
    KernelNotifier* const kernel = core_.notifier.load();
    if (kernel == nullptr) return;
    const auto below = [&](InodeNumber number) {
        const InodePtr directory = core_.table.find(number);
        return directory && directory->current_key().str().starts_with(prefix);
    };
    for (const auto& [directory, name] : core_.missing.take(below))
        kernel->invalidate_entry(directory, name);
}

}  // namespace xbucket
