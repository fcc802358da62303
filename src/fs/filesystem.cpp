// SPDX-FileCopyrightText: the xbucket authors
// Puts the parts together. No rules here: each call goes to the part that has them.
#include "xbucket/fs/filesystem.h"

#include "attributes.h"
#include "background.h"
#include "directories.h"
#include "files.h"
#include "links.h"
#include "names.h"
#include "rename.h"
#include "xattrs.h"

#include <fmt/format.h>

#include <algorithm>
#include <sys/stat.h>

namespace xbucket {
namespace {

// What the kernel gives has to wait for uploads that are under way, and whoever waits for it keeps
// a worker.
constexpr Duration kMappingsWithin = std::chrono::seconds(60);

class FileSystemImpl final : public FileSystem {
  public:
    FileSystemImpl(const FsConfig& config, MetaEngine& meta, ObjectStore& store, Clock& clock,
                   std::unique_ptr<SpoolSpace> spool)
        : core_(config, meta, store, clock, std::move(spool)),
          content_(core_),
          directories_(core_),
          names_(core_, content_),
          links_(core_),
          renamer_(core_, content_, names_, links_),
          files_(core_, content_),
          attributes_(core_, content_),
          xattrs_(core_, content_) {
        core_.directories = &directories_;
        meta.set_listener(
            [this](const ObjectKey& key, const ObjectStat& stat) { core_.hear(key, stat); });
        background_ = std::make_unique<Background>(core_, content_);
        if (core_.uploads) core_.uploads->abort_leftovers();
    }

    ~FileSystemImpl() override {
        background_->stop();
        core_.meta.set_listener(nullptr);
        core_.reading->stop();
        core_.helpers.drain();
    }

    Result<Entry> lookup(InodeNumber parent, std::string_view name) override {
        return names_.lookup(parent, name);
    }
    std::optional<Result<Entry>> lookup_cached(InodeNumber parent, std::string_view name) override {
        return names_.lookup_cached(parent, name);
    }
    Duration absent_for(InodeNumber parent, std::string_view name) override {
        return names_.absent_for(parent, name);
    }
    void name_in_doubt(InodeNumber parent, std::string_view name) override {
        core_.invalidate_entry(parent, name);
    }
    void forget(InodeNumber ino, uint64_t lookups) override { core_.table.forget(ino, lookups); }
    Result<Attr> getattr(InodeNumber ino, std::optional<HandleId>) override {
        return attributes_.getattr(ino);
    }
    std::optional<Result<Attr>> getattr_cached(InodeNumber ino, std::optional<HandleId>) override {
        return attributes_.getattr_cached(ino);
    }
    Result<Attr> setattr(InodeNumber ino, const SetAttr& change,
                         std::optional<HandleId> handle) override {
        if (change.size && handle) files_.note_write(*handle);
        return attributes_.setattr(ino, change, handle.has_value());
    }

    Result<Entry> mkdir(InodeNumber parent, std::string_view name, uint32_t mode,
                        const Caller& caller) override {
        return names_.mkdir(parent, name, mode, caller);
    }
    Result<Entry> mknod(InodeNumber parent, std::string_view name, uint32_t mode,
                        const Caller& caller) override {
        // An object is a file; pipes, sockets and devices have nowhere to be.
        if ((mode & S_IFMT) != 0 && !S_ISREG(mode)) {
            return fail(ErrorKind::not_permitted, "only regular files can be made in a bucket");
        }
        Result<Entry> made = files_.make(parent, name, mode, caller);
        if (made) background_->wake();
        return made;
    }
    Result<Entry> symlink(InodeNumber parent, std::string_view name, std::string_view target,
                          const Caller& caller) override {
        return links_.create(parent, name, target, caller);
    }
    Result<std::string> readlink(InodeNumber ino) override { return links_.read(ino); }
    Result<void> unlink(InodeNumber parent, std::string_view name) override {
        return names_.unlink(parent, name);
    }
    Result<void> rmdir(InodeNumber parent, std::string_view name) override {
        return names_.rmdir(parent, name);
    }
    Result<void> rename(InodeNumber parent, std::string_view name, InodeNumber new_parent,
                        std::string_view new_name, bool no_replace) override {
        return renamer_.rename(parent, name, new_parent, new_name, no_replace);
    }

    Result<Opened> opendir(InodeNumber ino) override { return directories_.open(ino); }
    Result<void> readdir(InodeNumber, HandleId handle, uint64_t offset, bool plus,
                         const DirSink& sink) override {
        return directories_.read(handle, offset, plus, sink);
    }
    void releasedir(HandleId handle) override { directories_.close(handle); }
    Result<void> fsyncdir(InodeNumber ino) override { return send_below(ino, false); }
    Result<void> sync_below(InodeNumber ino) override {
        const bool all = files_.call_in_mappings(kMappingsWithin);
        TRY(send_below(ino, true));
        if (all) return {};
        return fail(ErrorKind::busy,
                    "the kernel still holds what programs wrote to mappings, while uploads are "
                    "under way; all else is sent: sync again");
    }

    Result<Opened> open(InodeNumber ino, const OpenFlags& flags) override {
        return files_.open(ino, flags);
    }
    Result<Created> create(InodeNumber parent, std::string_view name, uint32_t mode, bool exclusive,
                           const OpenFlags& flags, const Caller& caller) override {
        return files_.create(parent, name, mode, exclusive, flags, caller);
    }
    void read(InodeNumber, HandleId handle, uint64_t offset, size_t bytes, ReadDone done) override {
        files_.read(handle, offset, bytes, std::move(done));
    }
    Result<size_t> write(InodeNumber, HandleId handle, std::optional<uint64_t> offset,
                         std::string_view bytes) override {
        return files_.write(handle, offset, bytes);
    }
    Result<void> write_pages(InodeNumber, HandleId handle, uint64_t offset,
                             std::string_view bytes) override {
        return files_.write_pages(handle, offset, bytes);
    }
    Result<size_t> copy_range(HandleId from, uint64_t from_offset, HandleId to, uint64_t to_offset,
                              size_t bytes) override {
        return files_.copy_range(from, from_offset, to, to_offset, bytes);
    }
    Result<void> flush(InodeNumber, HandleId handle) override { return files_.flush(handle); }
    Result<void> fsync(InodeNumber, HandleId handle) override { return files_.fsync(handle); }
    void release(InodeNumber, HandleId handle) override { files_.release(handle); }
    StatFs statfs() override {
        // A bucket has no size. What tools must not conclude is that it is full; the spool's quota
        // is what one file may need here.
        StatFs stat;
        stat.blocks = uint64_t{1} << 38;  // 1 PiB
        stat.blocks_free = stat.blocks;
        stat.files = uint64_t{1} << 32;
        stat.files_free = stat.files;
        return stat;
    }

    Result<std::string> getxattr(InodeNumber ino, std::string_view name,
                                 const Caller& caller) override {
        return xattrs_.get(ino, name, caller);
    }
    std::optional<Result<std::string>> getxattr_cached(InodeNumber ino, std::string_view name,
                                                       const Caller& caller) override {
        return xattrs_.get_cached(ino, name, caller);
    }
    Result<std::vector<std::string>> listxattr(InodeNumber ino) override {
        return xattrs_.list(ino);
    }
    std::optional<Result<std::vector<std::string>>> listxattr_cached(InodeNumber ino) override {
        return xattrs_.list_cached(ino);
    }
    Result<void> setxattr(InodeNumber ino, std::string_view name, std::string_view value,
                          SetFlag flag) override {
        return xattrs_.change(ino, name, std::string(value), flag);
    }
    Result<void> removexattr(InodeNumber ino, std::string_view name) override {
        return xattrs_.change(ino, name, std::nullopt, SetFlag::any);
    }
    Result<void> refresh(InodeNumber ino, const Caller& caller) override {
        return xattrs_.refresh(ino, caller);
    }

    void set_notifier(KernelNotifier* notifier) override { core_.notifier = notifier; }
    bool call_in_mappings(Duration at_most) override { return files_.call_in_mappings(at_most); }
    void stop_reading() override { core_.reading->stop(); }
    Result<void> shutdown() override {
        background_->stop();
        TRY(content_.upload_last());
        const size_t kept = core_.files_kept;
        if (kept == 0) return {};
        return fail(ErrorKind::io,
                    fmt::format("{} files could not be uploaded while it was mounted; they are in "
                                "the recovery folder",
                                kept));
    }
    size_t keep_unsent() override { return content_.keep_unsent(); }

  private:
    Result<void> send_below(InodeNumber ino, bool open_too) {
        const InodePtr directory = TRY(core_.directory(ino));
        const std::string prefix = directory->current_key().str();
        Result<void> uploaded = content_.upload_below(prefix, open_too);
        Result<void> sent = core_.meta.send_below(prefix);
        TRY(std::move(uploaded));
        TRY(std::move(sent));
        // Told of once, and so only where nothing else is the error.
        return core_.meta.take_failures_below(prefix);
    }

    Core core_;
    Content content_;
    Directories directories_;
    Names names_;
    Links links_;
    Renamer renamer_;
    Files files_;
    Attributes attributes_;
    Xattrs xattrs_;
    std::unique_ptr<Background> background_;
};

}  // namespace

Result<std::string> FileSystem::read(InodeNumber ino, HandleId handle, uint64_t offset,
                                     size_t bytes) {
    struct State {
        Mutex mutex;
        CondVar changed;
        std::optional<Result<ReadBytes>> result GUARDED_BY(mutex);
    };
    const auto state = std::make_shared<State>();  // `done` may still be leaving when we return
    read(ino, handle, offset, bytes, [state](Result<ReadBytes> result) {
        LockGuard lock(state->mutex);
        state->result = std::move(result);
        state->changed.notify_all();
    });
    LockGuard lock(state->mutex);
    while (!state->result) state->changed.wait(state->mutex);
    return TRY(std::move(*state->result)).to_string();
}

Result<std::unique_ptr<FileSystem>> make_filesystem(const FsConfig& config, MetaEngine& meta,
                                                    ObjectStore& store, Clock& clock) {
    // Nothing is written on a read-only mount, which therefore works without any place to write.
    std::unique_ptr<SpoolSpace> spool;
    if (!config.read_only) {
        spool = TRY(SpoolSpace::create(config.spool_directory, config.spool_bytes_max,
                                       config.write_memory_max));
    }
    return std::unique_ptr<FileSystem>(
        std::make_unique<FileSystemImpl>(config, meta, store, clock, std::move(spool)));
}

}  // namespace xbucket
