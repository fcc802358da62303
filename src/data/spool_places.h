// SPDX-FileCopyrightText: the xbucket authors
// Where the bytes of one spool file lie: in memory while the space has some for them and the disk
// has room to take them later, else in an unlinked file in its directory. Either is sparse, with
// every byte at its own offset. It is decided for a chunk when it is first written and stays so,
// until the chunk is cut off or a file that is to be kept moves to the disk as a whole.
//
// Disks report what they failed to write long after the write, and once: what is read back by then
// may be anything. So whoever reads from the disk asks whether anything was lost before it trusts
// what it got.
#pragma once

#include "spool_room.h"

#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/data/spool.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

// Writes, resizes and to_disk() are externally locked; reads may run beside them.
class SpoolPlaces {
  public:
    static constexpr uint64_t kChunkBytes = 64U << 10;

    explicit SpoolPlaces(const SpoolSpace& space)
        : files_(space.files()), memory_left_(space.memory()) {}
    ~SpoolPlaces();
    SpoolPlaces(const SpoolPlaces&) = delete;
    SpoolPlaces& operator=(const SpoolPlaces&) = delete;

    // Proves that a first byte would find a place. Errors: io, no_space.
    Result<void> prepare() EXCLUDES(mutex_);
    // Bytes that found a place; fewer than given where the disk is full. Errors, with nothing
    // written: no_space, file_too_large, io.
    Result<size_t> write(uint64_t offset, std::string_view bytes) EXCLUDES(mutex_);
    // Errors: io, no_space.
    Result<void> resize(uint64_t size) EXCLUDES(mutex_);
    // What was never written is zeros; fewer bytes than asked only at the end. Errors: io.
    Result<size_t> read(char* buffer, size_t bytes, uint64_t offset) const EXCLUDES(mutex_);
    // Everything on the disk, durably.
    struct OnDisk {
        int fd = -1;  // owned by this
        bool linkable = false;
        Result<void> whole;  // an error: some of what was written is lost. Errors: no_space, io
    };
    // Moves it there. Errors: there is no file for it: io, no_space.
    Result<OnDisk> to_disk() EXCLUDES(mutex_);
    DiskFiles& files() const { return *files_; }

  private:
    enum class Home : uint8_t { none, memory, disk };
    // Chunks in a row with the same home.
    struct Run {
        uint64_t offset = 0;
        size_t bytes = 0;
        int fd = -1;  // -1: nowhere
        bool on_disk = false;
    };

    Result<Run> place(uint64_t offset, size_t bytes) REQUIRES(mutex_);
    Run run_at(uint64_t offset, size_t bytes) const REQUIRES(mutex_);
    Home home_of(uint64_t chunk) const REQUIRES(mutex_);
    void set_home(uint64_t chunk, Home home) REQUIRES(mutex_);
    Result<Home> home_for_new(uint64_t offset) REQUIRES(mutex_);
    bool room_on_disk(uint64_t offset) REQUIRES(mutex_);
    bool open_memory() REQUIRES(mutex_);
    Result<void> open_disk() REQUIRES(mutex_);
    Result<void> cut_disk(uint64_t size) REQUIRES(mutex_);
    void cut(uint64_t size) REQUIRES(mutex_);
    Result<void> move_chunk(uint64_t index) REQUIRES(mutex_);
    int fd_of(Home home) const REQUIRES(mutex_);
    // Errors: io, no_space: bytes that were written are lost.
    Result<void> check_disk() const REQUIRES(mutex_);

    const std::shared_ptr<DiskFiles> files_;
    const std::shared_ptr<MemoryBudget> memory_left_;
    mutable Mutex mutex_;
    FileDescriptor memory_ GUARDED_BY(mutex_);  // both: once open, until this goes
    std::optional<DiskFile> disk_ GUARDED_BY(mutex_);
    bool disk_used_ GUARDED_BY(mutex_) = false;      // bytes may have been written there
    mutable int disk_error_ GUARDED_BY(mutex_) = 0;  // the system tells it once
    bool no_memory_ GUARDED_BY(mutex_) = false;      // the system gives none
    // Of chunks, some in a row together: a byte far behind the others costs no more than they do.
    static constexpr uint64_t kHomesTogether = 64;
    using Homes = std::array<Home, kHomesTogether>;
    std::map<uint64_t, Homes> homes_ GUARDED_BY(mutex_);
    uint64_t size_ GUARDED_BY(mutex_) = 0;
};

// All of the bytes or an error.
Result<void> write_all(int fd, std::string_view bytes, uint64_t offset);

}  // namespace xbucket
