// SPDX-FileCopyrightText: the xbucket authors
// Reading files whose content is their object's: each handle reads one version of it to the end,
// whatever happens to the object meanwhile.
#pragma once

#include "core.h"

#include "xbucket/data/get_range.h"

namespace xbucket {

// Where one handle reads.
struct ReadPlace {
    explicit ReadPlace(InodePtr the_inode) : inode(std::move(the_inode)) {}
    const InodePtr inode;
    // Content version that was read first; 0 = nothing read yet.
    std::atomic<uint64_t> version{0};
    Mutex mutex;  // after Inode::mutex
    std::shared_ptr<ObjectReader> reader GUARDED_BY(mutex);
    std::shared_ptr<ReadStream> stream GUARDED_BY(mutex);  // of that reader
};
using ReadPlacePtr = std::shared_ptr<ReadPlace>;  // by its handle and reads under way

// What `place` reads that version of an object through.
std::shared_ptr<ReadStream> stream_of(Core& core, ReadPlace& place, const ETag& etag, uint64_t size)
    REQUIRES(place.inode->mutex);

// One read of a file, until it is answered.
struct ReadAttempt {
    ReadPlacePtr place;
    uint64_t offset = 0;
    size_t bytes = 0;
    FileSystem::ReadDone done;
    int number = 1;
    // Beyond it a file that keeps being replaced is stale.
    static constexpr int kMax = 3;
};

// Thread-safe.
class ObjectReads {
  public:
    explicit ObjectReads(Core& core) : core_(core) {}

    // See FileSystem::read().
    void read(const ReadPlacePtr& place, uint64_t offset, size_t bytes, FileSystem::ReadDone done);

  private:
    using AttemptPtr = std::shared_ptr<ReadAttempt>;  // handed from thread to thread

    void start(const AttemptPtr& attempt);
    void finish(const AttemptPtr& attempt, uint64_t version, Result<ReadBytes> got);
    void look_again(const AttemptPtr& attempt);

    Core& core_;
};

}  // namespace xbucket
