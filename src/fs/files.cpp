// SPDX-FileCopyrightText: the xbucket authors
#include "files.h"

#include "path_rules.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace xbucket {
namespace {

// How long a file made by mknod waits for somebody to open it (tar makes it, sets its attributes,
// and opens it then: programs.md 0.1).
constexpr Duration kUnopenedLife = std::chrono::seconds(2);

// None: it was deleted, and what is done by its name concerns whatever has that now.
std::optional<ObjectKey> key_in_use(const Inode& inode) {
    LockGuard lock(inode.mutex);
    if (inode.removed) return std::nullopt;
    return inode.key;
}

}  // namespace

Result<Opened> Files::open(InodeNumber ino, const FileSystem::OpenFlags& asked) {
    // Who opens for reading and truncates writes all the same, and the close must send it.
    FileSystem::OpenFlags flags = asked;
    flags.write = asked.write || asked.truncate;
    const InodePtr inode = TRY(core_.inode(ino));
    if (inode->type == NodeType::directory) return fail(ErrorKind::is_directory, "is a directory");
    if (inode->type == NodeType::symlink) {
        return fail(ErrorKind::symlink_loop, "a symbolic link cannot be opened itself");
    }
    if (flags.write) TRY(core_.check_writable());
    const Opened opened = TRY(add(inode, flags));
    if (flags.truncate) {
        note_write(opened.handle);
        const Result<void> emptied = content_.truncate(inode, 0);
        if (!emptied) {
            release(opened.handle);
            return emptied.error();
        }
    }
    return opened;
}

Result<Opened> Files::add(const InodePtr& inode, const FileSystem::OpenFlags& flags) {
    TRY(content_.add_handle(inode));
    auto handle = std::make_shared<Handle>(core_, inode, flags);
    Opened opened;
    {
        LockGuard lock(inode->mutex);
        if (inode->is_local()) {
            opened.keep_cache = true;
        } else {
            opened.keep_cache = !inode->page_etag.empty() && inode->page_etag == inode->shown.etag;
            inode->page_etag = inode->shown.etag;
        }
    }
    LockGuard lock(mutex_);
    const uint64_t id = next_handle_++;
    handles_.emplace(id, std::move(handle));
    opened.handle = HandleId{id};
    return opened;
}

Result<FileSystem::Created> Files::create(InodeNumber parent, std::string_view name, uint32_t mode,
                                          bool exclusive, const FileSystem::OpenFlags& flags,
                                          const Caller& caller) {
    const InodePtr directory = TRY(core_.directory(parent));
    const ObjectKey key =
        TRY(file_key(directory->current_key(), name, core_.store.traits().key_bytes_max));
    // The kernel asks to create what its lookup did not find; it can only be there already where
    // two callers race, or where a listing has found it since.
    if (const InodePtr there = core_.table.find_key(key); there && there->type == NodeType::file) {
        bool known = false;
        {
            LockGuard lock(there->mutex);
            known = there->is_local() || there->shown.fresh_until > core_.clock.now();
        }
        if (known && exclusive) return fail(ErrorKind::already_exists, "the file exists");
        if (known) {
            const Opened opened = TRY(open(there->ino, flags));
            const InodePtr counted = core_.table.look_up(key, NodeType::file);
            return FileSystem::Created{core_.entry_of(counted), opened};
        }
    }
    const InodePtr inode = TRY(create_inode(parent, name, mode, caller));
    // O_EXCL forbids to replace anything, whatever else is asked for.
    if (exclusive) {
        content_.forbid_replacing(inode);
    } else if (flags.truncate) {
        content_.let_replace(inode);
    }
    FileSystem::OpenFlags open_flags = flags;
    open_flags.truncate = false;  // it is empty already
    const Opened opened = TRY(add(inode, open_flags));
    note_write(opened.handle);
    return FileSystem::Created{core_.entry_of(inode), opened};
}

Result<Entry> Files::make(InodeNumber parent, std::string_view name, uint32_t mode,
                          const Caller& caller) {
    const InodePtr inode = TRY(create_inode(parent, name, mode, caller));
    content_.set_due(inode, core_.clock.now() + kUnopenedLife);
    return core_.entry_of(inode);
}

Result<InodePtr> Files::create_inode(InodeNumber parent, std::string_view name, uint32_t mode,
                                     const Caller& caller) {
    TRY(core_.check_writable());
    const InodePtr directory = TRY(core_.directory(parent));
    const DirectoryMoves::Arrival arrival(core_.moves, directory);
    const ObjectKey key =
        TRY(file_key(directory->current_key(), name, core_.store.traits().key_bytes_max));
    return content_.create(key, directory->first_of(NodeType::file, mode, caller));
}

Result<Files::HandlePtr> Files::find(HandleId handle) const {
    LockGuard lock(mutex_);
    const auto found = handles_.find(static_cast<uint64_t>(handle));
    if (found == handles_.end()) return fail(ErrorKind::stale, "the file handle is closed");
    return found->second;
}

void Files::read(HandleId id, uint64_t offset, size_t bytes, FileSystem::ReadDone done) {
    Result<HandlePtr> handle = find(id);
    if (!handle) return done(std::move(handle).error());
    const ReadPlacePtr place(*handle, &(*handle)->place);
    bool local = false;
    {
        LockGuard lock(place->inode->mutex);
        local = place->inode->file && place->inode->file->content;
    }
    if (local) return local_reads_.read(place, offset, bytes, std::move(done));
    reads_.read(place, offset, bytes, std::move(done));
}

Result<size_t> Files::write(HandleId id, std::optional<uint64_t> offset, std::string_view bytes) {
    const HandlePtr handle = TRY(find(id));
    TRY(core_.check_writable());
    set_wrote(*handle, true);
    return content_.write(handle->inode, offset, bytes);
}

Result<void> Files::write_pages(HandleId id, uint64_t offset, std::string_view bytes) {
    const HandlePtr handle = TRY(find(id));
    return content_.write_pages(handle->inode, offset, bytes);
}

void Files::note_write(HandleId id) {
    if (const Result<HandlePtr> handle = find(id)) set_wrote(**handle, true);
}

void Files::set_wrote(Handle& handle, bool wrote) {
    LockGuard lock(handle.inode->mutex);
    if (handle.wrote == wrote || !handle.inode->file) return;
    handle.wrote = wrote;
    if (wrote) {
        ++handle.inode->file->writers;
    } else {
        --handle.inode->file->writers;
    }
}

Result<size_t> Files::copy_range(HandleId from_id, uint64_t from_offset, HandleId to_id,
                                 uint64_t to_offset, size_t bytes) {
    const HandlePtr from = TRY(find(from_id));
    const HandlePtr to = TRY(find(to_id));
    TRY(core_.check_writable());
    if (from_offset != to_offset || from->inode == to->inode || to->flags.append) {
        return fail(ErrorKind::unsupported, "only files from their start on are copied at once");
    }
    const FileContent::Base base = TRY(content_.copy_base(from->inode));
    if (from_offset >= base.object_size) return size_t{0};
    set_wrote(*to, true);
    const ByteRange range{from_offset,
                          from_offset + std::min<uint64_t>(bytes, base.object_size - from_offset)};
    TRY(content_.become_copy(to->inode, base, range));
    return static_cast<size_t>(range.size());
}

Result<void> Files::flush(HandleId id) {
    const HandlePtr handle = TRY(find(id));
    if (handle->flags.write) TRY(send(*handle, false));
    const std::optional<ObjectKey> key = key_in_use(*handle->inode);
    // What of earlier changes can never be sent is told here, once.
    return key ? core_.meta.take_failure(*key) : Result<void>();
}

// A close does not send what another handle's writer has not finished. What nobody has written to
// yet is not in the bucket either, and whoever closes it first makes it.
Result<void> Files::send(Handle& handle, bool all) {
    {
        LockGuard lock(handle.inode->mutex);
        if (!handle.inode->file) return {};
        const FileState& file = *handle.inode->file;
        const bool new_and_empty = !file.in_bucket && file.writers == 0;
        if (!all && !handle.wrote && !new_and_empty && !file.mapped && !file.upload_failed)
            return {};
    }
    // First: what is written beside the upload is not sent by it.
    set_wrote(handle, false);
    Result<void> sent = content_.upload(handle.inode);
    if (!sent) set_wrote(handle, true);
    return sent;
}

Result<void> Files::fsync(HandleId id) {
    const HandlePtr handle = TRY(find(id));
    TRY(send(*handle, true));
    const std::optional<ObjectKey> key = key_in_use(*handle->inode);
    return key ? core_.meta.flush(*key) : Result<void>();
}

void Files::release(HandleId id) {
    HandlePtr handle;
    {
        LockGuard lock(mutex_);
        const auto found = handles_.find(static_cast<uint64_t>(id));
        if (found == handles_.end()) return;
        handle = std::move(found->second);
        handles_.erase(found);
    }
    set_wrote(*handle, false);
    content_.drop_handle(handle->inode);
}

bool Files::call_in_mappings(Duration at_most) {
    std::vector<InodePtr> writable;
    {
        LockGuard lock(mutex_);
        for (const auto& [id, handle] : handles_) {
            if (handle->flags.write) writable.push_back(handle->inode);
        }
    }
    if (writable.empty()) return true;
    // Pages that are changed are written back before the kernel forgets them.
    bool asked = true;
    for (const InodePtr& inode : writable) asked = core_.invalidate_inode(inode, true) && asked;
    return core_.wait_until_kernel_knows(at_most) && asked;
}

}  // namespace xbucket
