// SPDX-FileCopyrightText: the xbucket authors
#include "rename.h"

#include "path_rules.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <atomic>

namespace xbucket {
namespace {

// How often a directory is listed again for what came into it while it moved.
constexpr int kRoundsMax = 10;
// What comes waits for the next listing once a round has found so few that the next will be short,
// or where it comes as fast as it moves.
constexpr size_t kFewObjects = 100;
constexpr int kOpenRoundsMax = 4;

Error exists(const ObjectKey& key) {
    return fail(ErrorKind::already_exists, "'" + printable(key.str()) + "' exists");
}

}  // namespace

Result<void> Renamer::rename(InodeNumber parent, std::string_view name, InodeNumber new_parent,
                             std::string_view new_name, bool no_replace) {
    TRY(core_.check_writable());
    const InodePtr from_parent = TRY(core_.directory(parent));
    const InodePtr to_parent = TRY(core_.directory(new_parent));
    const DirectoryMoves::Arrival arrival(core_.moves, from_parent, to_parent);
    const Names::Resolved source = TRY(names_.resolve(parent, name));
    const ObjectKey from = source.inode->current_key();
    const uint64_t bytes_max = core_.store.traits().key_bytes_max;
    const ObjectKey to_file = TRY(file_key(to_parent->current_key(), new_name, bytes_max));
    const Result<ObjectKey> to_directory =
        directory_key(to_parent->current_key(), new_name, bytes_max);
    // What stands at the target is what the kernel was told a moment ago. That it was told nothing
    // may be wrong by the life of a negative entry: where that matters the service is asked.
    const InodePtr target_directory =
        to_directory ? core_.table.find_key(*to_directory) : InodePtr();
    const InodePtr target_file = core_.table.find_key(to_file);

    if (source.inode->type != NodeType::directory) {
        if (from == to_file) return {};
        if (target_directory) {
            if (no_replace) return exists(*to_directory);
            return fail(ErrorKind::is_directory, "the target is a directory");
        }
        if (target_file && no_replace) return exists(to_file);
        return rename_file(source.inode, from, to_file, no_replace);
    }
    if (!to_directory) return to_directory.error();
    if (from == *to_directory) return {};
    if (to_directory->str().starts_with(from.str())) {
        return fail(ErrorKind::invalid_argument, "a directory cannot move into itself");
    }
    if (target_file && !target_directory) {
        if (no_replace) return exists(to_file);
        return fail(ErrorKind::not_directory, "the target is a file");
    }
    if (target_directory && no_replace) return exists(*to_directory);
    return rename_directory(from, *to_directory, no_replace);
}

Result<void> Renamer::rename_file(const InodePtr& source, const ObjectKey& from,
                                  const ObjectKey& to, bool no_replace) {
    content_.finish_copies_of(from);
    content_.finish_copies_of(to);
    const KeyOrder::Turn turn = core_.meta.order().acquire(from, to);
    if (source->current_key() != from) {
        return fail(ErrorKind::not_found, "the file was renamed by somebody else");
    }
    const InodePtr target = core_.table.find_key(to);
    bool is_new = false;
    bool target_in_bucket = false;
    {
        LockGuard lock(source->mutex);
        source->wait_until_idle();
        is_new = source->is_new();
    }
    if (target) {
        LockGuard lock(target->mutex);
        target_in_bucket = !target->is_new();
    }
    if (is_new && target_in_bucket) {
        // Only an upload can take the place of an object; and it must not inherit its metadata, as
        // an upload to the target's key would.
        TRY(content_.upload_in_turn(source, from));
        is_new = false;
    }
    if (target_in_bucket) content_.keep_for_handles(target);
    if (is_new) {
        if (no_replace) {
            TRY(core_.check_free(to));
        } else {
            content_.let_replace(source);
        }
        core_.table.move(source, to);
    } else {
        TRY(move_object(source, from, to, no_replace));
    }
    if (target) content_.discard(target);
    core_.note_removed(from);
    core_.note_created(to);
    return {};
}

// Copies and deletes the object, then moves the inode (if there is one).
Result<void> Renamer::move_object(const InodePtr& source, const ObjectKey& from,
                                  const ObjectKey& to, bool no_replace) {
    bool native_link = false;
    if (source && source->type == NodeType::symlink && core_.store.traits().native_symlinks) {
        native_link = core_.store.get_symlink(from).has_value();
    }
    if (native_link) {
        TRY(links_.move_native(from, to, no_replace));
        core_.table.move(source, to);
        return {};
    }
    const ObjectStat stat = TRY(core_.meta.rename(from, to, no_replace));
    if (!source) return {};
    core_.table.move(source, to);
    core_.show(source, stat);
    return {};
}

Result<void> Renamer::rename_directory(const ObjectKey& from, const ObjectKey& to,
                                       bool no_replace) {
    std::optional<DirectoryMoves::BrokenOff> before;
    if (!no_replace) before = core_.moves.broken_off(from, to);
    if (!before) {
        // Also where the kernel knows of none: what others filled meanwhile would become one with
        // this.
        Result<void> empty = names_.check_empty(to);
        if (!empty && no_replace) return exists(to);
        TRY(std::move(empty));
    }
    Moving moving{from, to, no_replace, before.has_value()};
    moving.marker = before && before->marker_moved;
    const Result<void> moved = move_below(moving);
    if (!moved && moving.objects == 0) return moved;
    core_.listings.drop_below(from.str());
    core_.listings.drop_below(to.str());
    core_.note_created(to);
    if (moved) {
        core_.note_removed(from);
        core_.moves.forget_broken_off(from);
        core_.moves.forget_broken_off(to);
        return {};
    }
    core_.moves.note_broken_off(from, {to, moving.marker});
    // The kernel has heard of no change, and keeps that there is nothing at the new name.
    core_.invalidate_name(from);
    core_.invalidate_name(to);
    return moved;
}

// Files in it that are closed meanwhile, and what others make, come behind the listing: it is read
// again until there is nothing. What comes from here waits in the end, so that there is one.
Result<void> Renamer::move_below(Moving& moving) {
    DirectoryMoves::Move move(core_.moves, moving.from);
    // What is recorded for directories without a marker makes one now, which then moves. Where it
    // cannot be sent nothing moves: left behind, it would make the old directory again.
    if (Result<void> sent = core_.meta.flush_directories_below(moving.from.str()); !sent) {
        return std::move(sent).error().with_context(
            fmt::format("'{}' was not renamed: a change of a directory in it could not be sent",
                        printable(moving.from.str())));
    }
    bool held_back = false;
    for (int round = 0; round <= kRoundsMax; ++round) {
        const size_t before = moving.objects;
        Result<void> result = move_objects(moving);
        if (result) result = move_local_files(moving);
        if (!result) return stopped(moving, std::move(result).error());
        if (held_back && moving.objects == before && move.close()) {
            // An empty directory that was replaced: its marker's attributes went with it.
            if (!moving.marker) result = core_.meta.remove(moving.to);
            if (!result) return stopped(moving, std::move(result).error());
            core_.table.move_below(moving.from, moving.to);
            return {};
        }
        if (moving.objects - before <= kFewObjects || round == kOpenRoundsMax) held_back = true;
        if (held_back) move.hold_back();
    }
    return stopped(moving, fail(ErrorKind::busy, "somebody keeps adding to it"));
}

Result<void> Renamer::stopped(const Moving& moving, Error error) {
    const std::string from = printable(moving.from.str());
    const std::string to = printable(moving.to.str());
    log_error("fs", "rename from='{}' to='{}' moved={} stopped: {}", from, to, moving.objects,
              error.describe());
    return std::move(error).with_context(
        fmt::format("rename of '{}' stopped after {} objects; they are below '{}', the others are "
                    "where they were; until this is unmounted the same rename (mv -T) moves the "
                    "rest, afterwards move it file by file",
                    from, moving.objects, to));
}

Result<void> Renamer::move_objects(Moving& moving) {
    std::atomic<size_t> objects{0};
    std::atomic<bool> marker{false};
    Result<void> result;
    Mutex mutex;
    ListRequest request;
    request.prefix = moving.from.str();
    request.keys_max = core_.store.traits().list_keys_max;
    do {
        const Result<ListPage> page = core_.store.list(request);
        if (!page) {
            result = page.error();
            break;
        }
        for_each_parallel(core_.helpers, page->objects.size(), kParallelRequests, [&](size_t i) {
            {
                LockGuard lock(mutex);
                if (!result) return;
            }
            const ListEntry& entry = page->objects[i];
            const ObjectKey to = moved_key(entry.key, moving.from.str(), moving.to.str());
            // The directory itself is no file of somebody else's.
            const bool is_marker = entry.key == moving.from;
            Result<bool> done = move_listed(entry, to, moving.goes_on && !is_marker);
            if (done && *done) ++objects;
            if (done && is_marker) marker = true;
            if (done) return;
            LockGuard lock(mutex);
            if (result) result = std::move(done).error();
        });
        request.token = page->next_token;
    } while (result && !request.token.empty());
    moving.objects += objects;
    moving.marker = moving.marker || marker;
    return result;
}

Result<bool> Renamer::move_listed(const ListEntry& entry, const ObjectKey& to, bool no_replace) {
    if (to.size() > core_.store.traits().key_bytes_max) {
        return fail(ErrorKind::name_too_long, "the key '" + printable(to.str()) + "' is too long");
    }
    content_.finish_copies_of(entry.key);
    const KeyOrder::Turn turn = core_.meta.order().acquire(entry.key, to);
    if (no_replace) TRY(check_not_local(to));
    if (entry.type == ObjectType::symlink) {
        TRY(links_.move_native(entry.key, to, no_replace));
        if (const InodePtr link = core_.table.find_key(entry.key)) core_.table.move(link, to);
        return true;
    }
    const InodePtr inode = core_.table.find_key(entry.key);
    // Directories' inodes move together at the end, when everything below them has.
    const bool is_file = inode && inode->type != NodeType::directory;
    Result<void> moved = move_object(is_file ? inode : InodePtr(), entry.key, to, no_replace);
    if (moved) return true;
    if (moved.error().kind == ErrorKind::not_found) return false;
    return std::move(moved).error();
}

Result<void> Renamer::move_local_files(Moving& moving) {
    const bool no_replace = moving.no_replace || moving.goes_on;
    for (const ObjectKey& local : core_.table.local_below(moving.from.str())) {
        const ObjectKey to = moved_key(local, moving.from.str(), moving.to.str());
        if (TRY(move_local(local, to, no_replace))) ++moving.objects;
    }
    return {};
}

Result<bool> Renamer::move_local(const ObjectKey& from, const ObjectKey& to, bool no_replace) {
    const KeyOrder::Turn turn = core_.meta.order().acquire(from, to);
    const InodePtr inode = core_.table.find_key(from);
    if (!inode) return false;
    if (no_replace) TRY(check_not_local(to));
    bool is_new = false;
    {
        LockGuard lock(inode->mutex);
        is_new = inode->is_new();
    }
    if (!is_new) {  // uploaded since
        TRY(move_object(inode, from, to, no_replace));
        return true;
    }
    if (no_replace) TRY(core_.check_free(to));
    core_.table.move(inode, to);
    return true;
}

Result<void> Renamer::check_not_local(const ObjectKey& key) const {
    const InodePtr there = core_.table.find_key(key);
    if (!there) return {};
    LockGuard lock(there->mutex);
    if (there->is_new()) return exists(key);
    return {};
}

}  // namespace xbucket
