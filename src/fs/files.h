// SPDX-FileCopyrightText: the xbucket authors
// Open files: handles, reading through them, and what close and fsync promise.
#pragma once

#include "content.h"
#include "local_reads.h"
#include "object_reads.h"

#include <unordered_map>

namespace xbucket {

// Thread-safe.
class Files {
  public:
    Files(Core& core, Content& content)
        : core_(core), content_(content), reads_(core), local_reads_(core) {}

    Result<Opened> open(InodeNumber ino, const FileSystem::OpenFlags& flags);
    Result<FileSystem::Created> create(InodeNumber parent, std::string_view name, uint32_t mode,
                                       bool exclusive, const FileSystem::OpenFlags& flags,
                                       const Caller& caller);
    // A file that nobody has opened yet (mknod); it goes up by itself unless somebody opens it.
    Result<Entry> make(InodeNumber parent, std::string_view name, uint32_t mode,
                       const Caller& caller);
    void read(HandleId handle, uint64_t offset, size_t bytes, FileSystem::ReadDone done);
    Result<size_t> write(HandleId handle, std::optional<uint64_t> offset, std::string_view bytes);
    Result<void> write_pages(HandleId handle, uint64_t offset, std::string_view bytes);
    // Through this handle the file is being changed in another way.
    void note_write(HandleId handle);
    Result<size_t> copy_range(HandleId from, uint64_t from_offset, HandleId to, uint64_t to_offset,
                              size_t bytes);
    Result<void> flush(HandleId handle);
    Result<void> fsync(HandleId handle);
    void release(HandleId handle);
    // See FileSystem::call_in_mappings().
    bool call_in_mappings(Duration at_most) EXCLUDES(mutex_);

  private:
    struct Handle {
        Handle(Core& core, InodePtr the_inode, const FileSystem::OpenFlags& open_flags)
            : inode(std::move(the_inode)),
              flags(open_flags),
              pin(core.table, inode),
              place(inode) {}
        const InodePtr inode;
        const FileSystem::OpenFlags flags;
        const Pin pin;
        ReadPlace place;
        bool wrote = false;  // counted in its file's writers; guarded by the inode's mutex
    };
    using HandlePtr = std::shared_ptr<Handle>;  // by the table and by the calls under way

    Result<HandlePtr> find(HandleId handle) const EXCLUDES(mutex_);
    static void set_wrote(Handle& handle, bool wrote);
    // Sends the file where this handle's close or fsync has something to send.
    Result<void> send(Handle& handle, bool all);
    Result<Opened> add(const InodePtr& inode, const FileSystem::OpenFlags& flags) EXCLUDES(mutex_);
    Result<InodePtr> create_inode(InodeNumber parent, std::string_view name, uint32_t mode,
                                  const Caller& caller);

    Core& core_;
    Content& content_;
    ObjectReads reads_;
    LocalReads local_reads_;
    mutable Mutex mutex_;
    std::unordered_map<uint64_t, HandlePtr> handles_ GUARDED_BY(mutex_);
    uint64_t next_handle_ GUARDED_BY(mutex_) = 1;
};

}  // namespace xbucket
