// SPDX-FileCopyrightText: the xbucket authors
// Open files: handles, reading through them, and what close and fsync promise.
#pragma once

#include "content.h"
#include "read_window.h"

#include <unordered_map>

namespace xbucket {

// Thread-safe.
class Files {
  public:
    Files(Core& core, Content& content) : core_(core), content_(content), budget_(kReadBytesMax) {}

    Result<Opened> open(InodeNumber ino, const FileSystem::OpenFlags& flags);
    Result<FileSystem::Created> create(InodeNumber parent, std::string_view name, uint32_t mode,
                                       bool exclusive, const FileSystem::OpenFlags& flags,
                                       const Caller& caller);
    // A file that nobody has opened yet (mknod); it goes up by itself unless somebody opens it.
    Result<Entry> make(InodeNumber parent, std::string_view name, uint32_t mode,
                       const Caller& caller);
    Result<std::string> read(HandleId handle, uint64_t offset, size_t bytes);
    Result<size_t> write(HandleId handle, uint64_t offset, std::string_view bytes);
    Result<void> flush(HandleId handle);
    Result<void> fsync(HandleId handle);
    void release(HandleId handle);

  private:
    static constexpr uint64_t kReadBytesMax = 256U << 20;  // kept by all handles together

    struct Handle {
        Handle(Core& core, InodePtr the_inode, const FileSystem::OpenFlags& open_flags,
               ReadBudget& budget)
            : inode(std::move(the_inode)),
              flags(open_flags),
              pin(core.table, inode),
              window(core.store, budget) {}
        const InodePtr inode;
        const FileSystem::OpenFlags flags;
        const Pin pin;
        ReadWindow window;
        // Content version that was read first; 0 = nothing read yet.
        std::atomic<uint64_t> version{0};
    };
    using HandlePtr = std::shared_ptr<Handle>;  // by the table and by the calls under way

    Result<HandlePtr> find(HandleId handle) const EXCLUDES(mutex_);
    Opened add(const InodePtr& inode, const FileSystem::OpenFlags& flags) EXCLUDES(mutex_);
    Result<InodePtr> create_inode(InodeNumber parent, std::string_view name, uint32_t mode,
                                  const Caller& caller);
    Result<std::string> read_object(Handle& handle, uint64_t offset, size_t bytes);

    Core& core_;
    Content& content_;
    ReadBudget budget_;
    mutable Mutex mutex_;
    std::unordered_map<uint64_t, HandlePtr> handles_ GUARDED_BY(mutex_);
    uint64_t next_handle_ GUARDED_BY(mutex_) = 1;
};

}  // namespace xbucket
