// SPDX-FileCopyrightText: the xbucket authors
// One file, directory or link that the kernel knows. Identity (number, type) is permanent; the key
// changes with renames; the rest is what has been shown of it and what is local about it.
//
// What an inode has shown it keeps showing while ETag and Last-Modified stand, whatever the cache
// in meta forgets or learns meanwhile (DESIGN 4): a program that looks twice sees no change where
// there was none. Own changes are shown at once.
//
// Lock order: InodeTable's mutex, then Inode::mutex, then locks inside meta. Nothing of the table
// is called, and no request made, with an inode's mutex held.
#pragma once

#include "file_state.h"

#include "xbucket/base/sync.h"
#include "xbucket/fs/filesystem.h"

#include <memory>
#include <optional>
#include <string>

namespace xbucket {

enum class NodeType { directory, file, symlink };

struct Shown {
    bool valid = false;
    bool outdated = false;  // told to forget: the next stat is taken as it is
    ETag etag;
    WallTime last_modified;
    uint64_t size = 0;
    uint32_t mode = 0;  // permission bits; see mode_from_bucket()
    uint32_t uid = 0;
    uint32_t gid = 0;
    WallTime atime, mtime, ctime;
    bool mtime_recorded = false;  // else mtime stands for Last-Modified
    bool recorded_late = false;   // what was set here, at `ctime`, is yet to be recorded
    TimePoint fresh_until;        // beyond it, ask meta
    // A native link's HEAD tells its target's ETag and size and the later Last-Modified of the two;
    // a listing tells the link's own. `etag` and `last_modified` are what a HEAD told then, and
    // `size` is that of the text when it was read last.
    bool native_link = false;
    WallTime link_modified;  // as listed; what is not known of the two is zero
    WallTime link_made;      // by this mount and this machine's clock, where nothing was told since
};

struct FirstAttributes {
    uint32_t mode = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
};

// What became different by a new stat.
enum class Shift {
    nothing,
    attributes,  // of what the kernel may have been told
    content,     // and the kernel's pages are worthless
};

// What kind of change a new stat is known to come from.
enum class Origin {
    service,    // read from the service: may be anybody's change
    own_edit,   // this mount changed attributes, not content
    own_upload  // this mount wrote the content; what is shown is what was written
};

struct Inode {
    Inode(InodeNumber number, NodeType node_type, ObjectKey first_key)
        : ino(number), type(node_type), key(std::move(first_key)) {}
    Inode(const Inode&) = delete;
    Inode& operator=(const Inode&) = delete;

    const InodeNumber ino;
    const NodeType type;

    mutable Mutex mutex;
    CondVar changed;  // FileState::busy went down
    ObjectKey key GUARDED_BY(mutex);
    bool removed GUARDED_BY(mutex) = false;  // unlinked or replaced: no key leads here any more
    Shown shown GUARDED_BY(mutex);
    // Goes up when content changed; a handle that reads an older one is stale. ETags would not do:
    // copies and metadata edits of multipart objects change them.
    uint64_t content_version GUARDED_BY(mutex) = 1;
    // ETag that the kernel's cached pages are of; "" = none.
    ETag page_etag GUARDED_BY(mutex);
    std::string link_target GUARDED_BY(mutex);  // "" = not read yet
    // Set while the file is open, dirty or not in the bucket yet.
    std::unique_ptr<FileState> file GUARDED_BY(mutex);

    ObjectKey current_key() const EXCLUDES(mutex);

    // Whose change a stat tells of, where the object counts and not what is local. nullopt: it may
    // be that of an edit of ours under way, whose result is still to come and tells.
    std::optional<Origin> origin_of(const ObjectStat& stat, bool edit_under_way) const
        REQUIRES(mutex);
    // Takes over what is known of the object. Says what somebody else changed of what was shown.
    Shift show(const ObjectStat& stat, const FsConfig& config, Origin origin) REQUIRES(mutex);
    // The link was made here just now, under this name.
    void note_link_made(WallTime now) REQUIRES(mutex);
    // Whether a stat of a native link tells of the one that is shown.
    bool shows_link(const ObjectStat& stat) const REQUIRES(mutex);
    // First attributes of a directory without a marker.
    void show_implicit(const FsConfig& config, TimePoint fresh_until) REQUIRES(mutex);
    // First attributes of something made here.
    void show_created(const FirstAttributes& first, WallTime now, TimePoint fresh_until)
        REQUIRES(mutex);
    Attr attr(TimePoint now) const REQUIRES(mutex);
    // Of a directory: what something that `caller` makes in it begins with. One with set-group-ID
    // hands on its group, and to directories the bit; the kernel leaves that to us.
    FirstAttributes first_of(NodeType made, uint32_t mode, const Caller& caller) const
        EXCLUDES(mutex);

    // Not in the bucket yet: all that is known of it is here.
    bool is_new() const REQUIRES(mutex) { return file && !file->in_bucket; }
    bool is_local() const REQUIRES(mutex) { return file && (!file->in_bucket || file->content); }
    // Deleted or given up, and open nowhere: what is written here would be lost without a word.
    bool leads_nowhere() const REQUIRES(mutex) {
        return removed && type == NodeType::file && (!file || file->open_handles == 0);
    }
    FileState& file_state() REQUIRES(mutex);
    // Drops the local state when nothing needs it.
    void tidy_file_state() REQUIRES(mutex);
    void wait_until_idle() REQUIRES(mutex);

  private:
    // A stat of a native link, and not of an object that stands for one.
    bool is_of_native_link(const ObjectStat& stat) const {
        return type == NodeType::symlink && stat.type == ObjectType::symlink;
    }
    bool is_same_content(const ObjectStat& stat, Origin origin) const REQUIRES(mutex);
    void take_facts(const ObjectStat& stat) REQUIRES(mutex);
    void take_facts_of_link(const ObjectStat& stat, bool same_link, bool keeps) REQUIRES(mutex);
    void take_recorded(const PosixRecord& posix, const FsConfig& config, bool keeps)
        REQUIRES(mutex);
};

using InodePtr = std::shared_ptr<Inode>;  // shared by the table and the calls that use it

// Type bits of st_mode.
uint32_t type_bits(NodeType type);
inline constexpr uint32_t kModeBits = 07777;
// What is shown of a mode that the bucket has. A file has no set-user-ID and no set-group-ID then:
// here the mount is nosuid, but whoever copies a tree as root (cp -a, rsync, tar) would make a
// program of root's of what somebody wrote into the bucket. Nor has anything what the mount's umask
// takes away.
uint32_t mode_from_bucket(NodeType type, uint32_t mode, const FsConfig& config);
// What kind of inode a stat describes, where the key is a file's.
NodeType node_type_of(const ObjectStat& stat);

}  // namespace xbucket
