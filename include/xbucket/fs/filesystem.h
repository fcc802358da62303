// SPDX-FileCopyrightText: the xbucket authors
// What a mount means: inodes by key, directories from listings, files through a spool, attributes
// from meta. Knows nothing of FUSE requests, of HTTP or header names. Start here in fs/.
//
// Thread-safe. Operations block on the network unless they end in `_cached`, which answer from
// memory or return nullopt; fuse/ tries those first and hands the rest to the worker pool.
// Permissions are the kernel's business (default_permissions is always on).
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/data/read_bytes.h"
#include "xbucket/fs/reply.h"
#include "xbucket/meta/meta_engine.h"
#include "xbucket/store/object_store.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

enum class StatMode { list, meta };  // DESIGN 4, -o stat=
// Which symbolic links may be read and made: all, or those that cannot lead out of the mount.
enum class LinkPolicy { any, inside };

struct FsConfig {
    bool read_only = false;
    StatMode stat_mode = StatMode::list;
    LinkPolicy links = LinkPolicy::any;
    uint32_t uid = 0;  // of files whose owner nobody recorded
    uint32_t gid = 0;
    // They are those of all files then, whatever the bucket records.
    bool uid_stands = false;
    bool gid_stands = false;
    uint32_t umask = 0;         // taken from every mode that the bucket records
    uint32_t file_mode = 0644;  // of those that record none, as they are shown
    uint32_t dir_mode = 0755;
    Duration entry_life = std::chrono::seconds(60);  // = MetaConfig::positive_life
    Duration negative_life = std::chrono::seconds(5);
    std::string spool_directory;   // not used by a read-only mount
    uint64_t spool_bytes_max = 0;  // 0 = the disk's limit
    // Memory for content that is being written, of all files; the rest lies in the spool directory.
    uint64_t write_memory_max = 64U << 20;
    // Fit for a file's name, and another for every bucket: what a killed mount left in the spool
    // directory is its own to clean up.
    std::string source_name;
    std::string source_text;  // as a person knows it, for the notes beside content that is kept
    uint64_t part_bytes = 16U << 20;  // uploads above twice this go multipart
    unsigned upload_parallel = 4;
    uint64_t read_bytes_max = 256U << 20;  // memory for what is read ahead, of all files
    size_t inodes_max = 1'000'000;
    WallTime mount_time;
    // JSON members that user.xbucket.stats begins with, such as "pid":1, ready to be put into an
    // object; "" = none.
    std::string stats_head;
};

// How the file system tells the kernel to forget; from any thread. Telling must not block.
class KernelNotifier {
  public:
    virtual ~KernelNotifier() = default;
    virtual void invalidate_entry(InodeNumber parent, const std::string& name) = 0;
    // False: too much is waiting to be told, and this will not be.
    virtual bool invalidate_inode(InodeNumber ino, bool data_too) = 0;
    // Blocks until the kernel has taken in all that was told before this call, or so long: it may
    // be waiting for one of our replies. The caller must not hold what such a reply needs. False:
    // not all of it was told in that time.
    virtual bool wait_until_told(Duration at_most) = 0;
};

// One directory entry as readdir(plus) gives it. The sink returns false when it is full, and the
// entry is then not taken (nor its lookup counted).
struct DirEntry {
    std::string name;
    uint64_t next_offset = 0;  // what readdir() takes to go on behind this entry; stable per handle
    // `entry` is complete and a counted lookup: with `plus`, unless the table of inodes is full.
    // Otherwise only attr.ino and the type bits of attr.mode count (0 = unknown).
    bool counted = false;
    Entry entry;
};
using DirSink = std::function<bool(const DirEntry&)>;

class FileSystem {
  public:
    virtual ~FileSystem() = default;

    // ---- names ---------------------------------------------------------------------------------
    // Counts one lookup of the inode. Errors: not_found, name_too_long.
    virtual Result<Entry> lookup(InodeNumber parent, std::string_view name) = 0;
    virtual std::optional<Result<Entry>> lookup_cached(InodeNumber parent,
                                                       std::string_view name) = 0;
    // How long the kernel may keep that a lookup was answered with not_found: what is left of the
    // life of what the answer came from. It will keep it so long.
    virtual Duration absent_for(InodeNumber parent, std::string_view name) = 0;
    // The kernel was not told how a change of that name ended, for its caller was gone: what it
    // keeps of the name may not be so. Has it ask again; never blocks.
    virtual void name_in_doubt(InodeNumber parent, std::string_view name) = 0;
    virtual void forget(InodeNumber ino, uint64_t lookups) = 0;
    virtual Result<Attr> getattr(InodeNumber ino, std::optional<HandleId> handle) = 0;
    virtual std::optional<Result<Attr>> getattr_cached(InodeNumber ino,
                                                       std::optional<HandleId> handle) = 0;
    virtual Result<Attr> setattr(InodeNumber ino, const SetAttr& change,
                                 std::optional<HandleId> handle) = 0;

    virtual Result<Entry> mkdir(InodeNumber parent, std::string_view name, uint32_t mode,
                                const Caller& caller) = 0;
    virtual Result<Entry> mknod(InodeNumber parent, std::string_view name, uint32_t mode,
                                const Caller& caller) = 0;
    virtual Result<Entry> symlink(InodeNumber parent, std::string_view name,
                                  std::string_view target, const Caller& caller) = 0;
    virtual Result<std::string> readlink(InodeNumber ino) = 0;
    virtual Result<void> unlink(InodeNumber parent, std::string_view name) = 0;
    virtual Result<void> rmdir(InodeNumber parent, std::string_view name) = 0;
    virtual Result<void> rename(InodeNumber parent, std::string_view name, InodeNumber new_parent,
                                std::string_view new_name, bool no_replace) = 0;

    // ---- directories ---------------------------------------------------------------------------
    virtual Result<Opened> opendir(InodeNumber ino) = 0;
    // Entries behind `offset` (0 = the start, "." and ".." included), page by page.
    virtual Result<void> readdir(InodeNumber ino, HandleId handle, uint64_t offset, bool plus,
                                 const DirSink& sink) = 0;
    virtual void releasedir(HandleId handle) = 0;
    // Everything pending in the subtree is in the bucket when it returns, but for files that are
    // open: a neighbour's fsync must not make objects of what is half written.
    virtual Result<void> fsyncdir(InodeNumber ino) = 0;
    // The same with an fsync of every open file. Errors beside the store's: busy, where the kernel
    // has not given all that programs wrote to mappings; the rest is sent.
    virtual Result<void> sync_below(InodeNumber ino) = 0;

    // ---- files ---------------------------------------------------------------------------------
    struct OpenFlags {
        bool write = false;
        bool truncate = false;
        bool append = false;
    };
    virtual Result<Opened> open(InodeNumber ino, const OpenFlags& flags) = 0;
    struct Created {
        Entry entry;
        Opened opened;
    };
    virtual Result<Created> create(InodeNumber parent, std::string_view name, uint32_t mode,
                                   bool exclusive, const OpenFlags& flags,
                                   const Caller& caller) = 0;
    // Bytes read; fewer than asked only at the end of the file. Never blocks: `done` runs at once
    // where memory has the bytes, else later on another thread. Errors: stale (replaced
    // meanwhile), checksum_mismatch, cancelled (stop_reading()).
    using ReadDone = std::function<void(Result<ReadBytes>)>;
    virtual void read(InodeNumber ino, HandleId handle, uint64_t offset, size_t bytes,
                      ReadDone done) = 0;
    // The same, blocking.
    Result<std::string> read(InodeNumber ino, HandleId handle, uint64_t offset, size_t bytes);
    // At `offset`; none: behind the end. What the handle was opened with does not tell: fcntl(2)
    // may have changed it, and pages of a mapping go where they are through any handle.
    virtual Result<size_t> write(InodeNumber ino, HandleId handle, std::optional<uint64_t> offset,
                                 std::string_view bytes) = 0;
    // Pages of a shared mapping, all of them: the kernel hears of no less, and keeps none. Where
    // they find no room the file is not uploaded any more, for it would lack them, until it is cut
    // to nothing: its close fails with the same error and what is there goes to the recovery
    // folder.
    virtual Result<void> write_pages(InodeNumber ino, HandleId handle, uint64_t offset,
                                     std::string_view bytes) = 0;
    // copy_file_range(2) by the service: the bytes copied, 0 at the end of `from`. Whole files and
    // what they begin with become copies of one another when `to` is uploaded; `to` keeps its own
    // attributes. Errors: unsupported (anything else: copy the bytes).
    virtual Result<size_t> copy_range(HandleId from, uint64_t from_offset, HandleId to,
                                      uint64_t to_offset, size_t bytes) = 0;
    // close(2): what was written through the handle, or to a mapping, is in the bucket when it
    // returns. Costs nothing where there is no such thing: another handle's writing is that one's.
    virtual Result<void> flush(InodeNumber ino, HandleId handle) = 0;
    // Data, attributes and recorded POSIX state are in the bucket when it returns.
    virtual Result<void> fsync(InodeNumber ino, HandleId handle) = 0;
    virtual void release(InodeNumber ino, HandleId handle) = 0;
    virtual StatFs statfs() = 0;

    // ---- extended attributes -------------------------------------------------------------------
    virtual Result<std::string> getxattr(InodeNumber ino, std::string_view name,
                                         const Caller& caller) = 0;
    virtual std::optional<Result<std::string>> getxattr_cached(InodeNumber ino,
                                                               std::string_view name,
                                                               const Caller& caller) = 0;
    virtual Result<std::vector<std::string>> listxattr(InodeNumber ino) = 0;
    virtual std::optional<Result<std::vector<std::string>>> listxattr_cached(InodeNumber ino) = 0;
    virtual Result<void> setxattr(InodeNumber ino, std::string_view name, std::string_view value,
                                  SetFlag flag) = 0;
    virtual Result<void> removexattr(InodeNumber ino, std::string_view name) = 0;
    // What setting user.xbucket.refresh does, which the kernel refuses on a read-only mount.
    // Errors: access_denied (to others than the file's owner and root).
    virtual Result<void> refresh(InodeNumber ino, const Caller& caller) = 0;

    virtual void set_notifier(KernelNotifier* notifier) = 0;
    // What programs wrote to shared mappings is with the kernel until it writes it back: has it do
    // so, and waits so long at most. While requests are still answered; the caller answers none.
    // False: it has not given all of it.
    virtual bool call_in_mappings(Duration at_most) = 0;
    // Nobody hears answers any more: reads that wait end with `cancelled`, soon; so do later ones.
    virtual void stop_reading() = 0;
    // Uploads what is dirty; the mount is going down, and MetaEngine::shutdown() sends the rest.
    // What cannot be uploaded goes to the recovery folder: once the service does not answer, all
    // but the few files whose upload has begun, at once. Blocks as long as those uploads take. The
    // first error; io where files went there earlier, since the mount began.
    virtual Result<void> shutdown() = 0;
    // What is not uploaded goes to the recovery folder as it is, also where an upload is under way,
    // a shutdown() among them. Waits for no request. For a process that ends now: returns how many
    // files there were.
    virtual size_t keep_unsent() = 0;
};

// References must outlive the file system. Errors: io (spool directory cannot be used).
Result<std::unique_ptr<FileSystem>> make_filesystem(const FsConfig& config, MetaEngine& meta,
                                                    ObjectStore& store, Clock& clock);

}  // namespace xbucket
