// SPDX-FileCopyrightText: the xbucket authors
// Files on the spool's disk and room that is set aside in them. What lies in memory may have to be
// kept for recovery, and its disk may be full by then: so it has its blocks before memory takes it,
// in the very file that it would move to. Blocks that are held elsewhere would have to be given up
// first, and anybody could take them in between.
//
// Files that nothing was written to are used again with the room that they have: for a small file,
// asking the disk for blocks and giving them back costs more than all the rest.
#pragma once

#include "range_set.h"

#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xbucket {

// An unlinked file of the spool. Externally locked.
class DiskFile {
  public:
    // With more room than this and nothing in it, it gives room back.
    static constexpr uint64_t kIdleRoomMax = 1U << 20;

    static Result<DiskFile> open(const std::string& directory);

    int fd() const { return fd_.get(); }
    // Whether it can get a name without being copied.
    bool is_linkable() const { return linkable_; }
    bool has_room(ByteRange range) const { return room_.covered(range) == range.size(); }
    uint64_t room_bytes() const { return room_.covered({0, UINT64_MAX}); }
    // Sets room aside for a range, and where room was asked for in order before, for more behind
    // it: what the range then takes of the disk it has. Errors: no_space, unsupported, io.
    Result<void> make_room(ByteRange range);
    // What is behind `size` goes, bytes and room.
    Result<void> cut(uint64_t size);

  private:
    DiskFile(FileDescriptor fd, bool linkable) : fd_(std::move(fd)), linkable_(linkable) {}
    Result<void> allocate(ByteRange range);

    FileDescriptor fd_;
    bool linkable_;
    RangeSet room_;
    uint64_t next_ = 0;  // where the room that was set aside last ends
};

// Where such files come from. Thread-safe.
class DiskFiles {
  public:
    explicit DiskFiles(std::string directory) : directory_(std::move(directory)) {}

    // One that holds nothing, perhaps with room in it. Errors: io, no_space.
    Result<DiskFile> take() EXCLUDES(mutex_);
    // It holds nothing.
    void give_back(DiskFile file) EXCLUDES(mutex_);
    // Gives the disk back what idle files have of it; false where there are none.
    bool drop_idle() EXCLUDES(mutex_);

    // A little room for what a kept file needs besides its content, its note and its name: held
    // since there is a file, until somebody is about to need it, and again afterwards.
    void hold_margin() EXCLUDES(mutex_);
    void give_margin() EXCLUDES(mutex_);

  private:
    const std::string directory_;
    Mutex mutex_;
    std::vector<DiskFile> idle_ GUARDED_BY(mutex_);
    std::optional<DiskFile> margin_ GUARDED_BY(mutex_);
    bool no_room_aside_ GUARDED_BY(mutex_) = false;  // this disk sets none aside: not asked again
};

// An error of the system, by its errno: no_space, file_too_large, unsupported, io.
Error spool_error(const std::string& what, int error);

}  // namespace xbucket
