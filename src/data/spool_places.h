// SPDX-FileCopyrightText: the xbucket authors
// Where the bytes of one spool file lie: in memory while the space has some for them, else in an
// unlinked file in its directory. Either is sparse, with every byte at its own offset. It is
// decided for a chunk when it is first written and stays so, until the chunk is cut off or a file
// that is to be kept moves to the disk as a whole.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/data/spool.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// A file descriptor that closes itself.
class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor();
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    int get() const { return fd_; }

  private:
    int fd_ = -1;
};

// Writes, resizes and to_disk() are externally locked; reads may run beside them.
class SpoolPlaces {
  public:
    static constexpr uint64_t kChunkBytes = 64U << 10;

    explicit SpoolPlaces(const SpoolSpace& space)
        : directory_(space.directory()), memory_left_(space.memory()) {}
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
    // Moves everything to the disk; its descriptor, owned by this. Errors: no_space, io.
    Result<int> to_disk() EXCLUDES(mutex_);

  private:
    enum class Home : uint8_t { none, memory, disk };
    // Chunks in a row with the same home.
    struct Run {
        uint64_t offset = 0;
        size_t bytes = 0;
        int fd = -1;  // -1: nowhere
    };

    Result<Run> place(uint64_t offset, size_t bytes) REQUIRES(mutex_);
    Run run_at(uint64_t offset, size_t bytes) const REQUIRES(mutex_);
    Result<Home> home_for_new() REQUIRES(mutex_);
    bool open_memory() REQUIRES(mutex_);
    Result<void> open_disk() REQUIRES(mutex_);
    void cut(uint64_t size) REQUIRES(mutex_);
    int fd_of(Home home) const REQUIRES(mutex_);

    const std::string directory_;
    const std::shared_ptr<MemoryBudget> memory_left_;
    mutable Mutex mutex_;
    FileDescriptor memory_ GUARDED_BY(mutex_);  // both: once open, until this goes
    FileDescriptor disk_ GUARDED_BY(mutex_);
    bool no_memory_ GUARDED_BY(mutex_) = false;   // the system gives none
    std::vector<Home> homes_ GUARDED_BY(mutex_);  // of chunks; none behind its end
    uint64_t size_ GUARDED_BY(mutex_) = 0;
};

// An unlinked file. Errors: io, no_space.
Result<int> open_unnamed(const std::string& directory);
// All of the bytes or an error.
Result<void> write_all(int fd, std::string_view bytes, uint64_t offset);
// An error of the system, by its errno: no_space, file_too_large, io.
Error spool_error(const std::string& what, int error);

}  // namespace xbucket
