// SPDX-FileCopyrightText: the xbucket authors
#include "rename.h"

#include "path_rules.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <atomic>

namespace xbucket {
namespace {

Error exists(const ObjectKey& key) {
    return fail(ErrorKind::already_exists, "'" + printable(key.str()) + "' exists");
}

}  // namespace

Result<void> Renamer::rename(InodeNumber parent, std::string_view name, InodeNumber new_parent,
                             std::string_view new_name, bool no_replace) {
    TRY(core_.check_writable());
    const InodePtr to_parent = TRY(core_.directory(new_parent));
    const Names::Resolved source = TRY(names_.resolve(parent, name));
    const ObjectKey from = source.inode->current_key();
    const uint64_t bytes_max = core_.store.traits().key_bytes_max;
    const ObjectKey to_file = TRY(file_key(to_parent->current_key(), new_name, bytes_max));
    const Result<ObjectKey> to_directory =
        directory_key(to_parent->current_key(), new_name, bytes_max);
    // What stands at the target is what the kernel was told a moment ago. That it was told nothing
    // may be wrong by the life of a negative entry; no_replace is judged by the service as well.
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
    std::optional<OwnEdit> edit;
    if (source) edit.emplace(source);
    bool native_link = false;
    if (source && source->type == NodeType::symlink && core_.store.traits().native_symlinks) {
        native_link = core_.store.get_symlink(from).has_value();
    }
    if (native_link) {
        TRY(links_.move_native(from, to));
        core_.table.move(source, to);
        return {};
    }
    const ObjectStat stat = TRY(core_.meta.rename(from, to, no_replace));
    if (!source) return {};
    core_.table.move(source, to);
    core_.show(source, stat, Origin::own_edit);
    return {};
}

Result<void> Renamer::rename_directory(const ObjectKey& from, const ObjectKey& to,
                                       bool no_replace) {
    const InodePtr target = core_.table.find_key(to);
    if (target || no_replace) {
        Result<void> empty = names_.check_empty(to);
        if (!empty && no_replace) return exists(to);
        TRY(std::move(empty));
    }
    const DirectoryMoves::Move move(core_.moves, from);
    // What is recorded for directories without a marker makes one now, which then moves. Where it
    // cannot be sent nothing moves: left behind, it would make the old directory again.
    if (Result<void> sent = core_.meta.flush_directories_below(from.str()); !sent) {
        return std::move(sent).error().with_context(
            fmt::format("'{}' was not renamed: a change of a directory in it could not be sent",
                        printable(from.str())));
    }
    TRY(move_below(from, to));
    core_.table.move_below(from, to);
    core_.listings.drop_below(from.str());
    core_.listings.drop_below(to.str());
    core_.note_removed(from);
    core_.note_created(to);
    return {};
}

Result<void> Renamer::move_below(const ObjectKey& from, const ObjectKey& to) {
    std::atomic<size_t> moved{0};
    bool marker_moved = false;
    Result<void> failure;
    Mutex failure_mutex;
    ListRequest request;
    request.prefix = from.str();
    request.keys_max = core_.store.traits().list_keys_max;
    do {
        const ListPage page = TRY(core_.store.list(request));
        for (const ListEntry& entry : page.objects) {
            if (entry.key == from) marker_moved = true;
        }
        for_each_parallel(core_.helpers, page.objects.size(), kParallelRequests, [&](size_t i) {
            {
                LockGuard lock(failure_mutex);
                if (!failure) return;
            }
            const ListEntry& entry = page.objects[i];
            Result<void> done = move_listed(entry, moved_key(entry.key, from.str(), to.str()));
            if (done) {
                ++moved;
                return;
            }
            LockGuard lock(failure_mutex);
            if (failure) failure = std::move(done);
        });
        request.token = page.next_token;
    } while (failure && !request.token.empty());
    for (const ObjectKey& local : core_.table.local_below(from.str())) {
        if (!failure) break;
        failure = move_local(local, moved_key(local, from.str(), to.str()));
    }
    // An empty directory that was replaced: its marker's attributes went with it.
    if (failure && !marker_moved) failure = core_.meta.remove(to);
    if (failure) return {};
    log_error("fs", "rename from='{}' to='{}' moved={} stopped: {}", printable(from.str()),
              printable(to.str()), moved.load(), failure.error().describe());
    return std::move(failure).error().with_context(
        fmt::format("rename of '{}' stopped after {} objects; they are below '{}', the others are "
                    "where they were, and moving the directory again moves the rest",
                    printable(from.str()), moved.load(), printable(to.str())));
}

Result<void> Renamer::move_listed(const ListEntry& entry, const ObjectKey& to) {
    if (to.size() > core_.store.traits().key_bytes_max) {
        return fail(ErrorKind::name_too_long, "the key '" + printable(to.str()) + "' is too long");
    }
    content_.finish_copies_of(entry.key);
    const KeyOrder::Turn turn = core_.meta.order().acquire(entry.key, to);
    if (entry.type == ObjectType::symlink) {
        TRY(links_.move_native(entry.key, to));
        if (const InodePtr link = core_.table.find_key(entry.key)) core_.table.move(link, to);
        return {};
    }
    const InodePtr inode = core_.table.find_key(entry.key);
    // Directories' inodes move together at the end, when everything below them has.
    const bool is_file = inode && inode->type != NodeType::directory;
    Result<void> moved = move_object(is_file ? inode : InodePtr(), entry.key, to, false);
    // Removed since it was listed: nothing is left to move.
    if (!moved && moved.error().kind == ErrorKind::not_found) return {};
    return moved;
}

Result<void> Renamer::move_local(const ObjectKey& from, const ObjectKey& to) {
    const KeyOrder::Turn turn = core_.meta.order().acquire(from, to);
    const InodePtr inode = core_.table.find_key(from);
    if (!inode) return {};
    bool is_new = false;
    {
        LockGuard lock(inode->mutex);
        is_new = inode->is_new();
    }
    if (!is_new) return move_object(inode, from, to, false);  // uploaded since
    core_.table.move(inode, to);
    return {};
}

}  // namespace xbucket
