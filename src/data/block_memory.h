// SPDX-FileCopyrightText: the xbucket authors
// Memory for bytes of objects, within one budget. Blocks of the usual size lie in one stretch of
// address space and are used again and again, so that the kernel need not clear pages for each
// GiB that passes; smaller ones come from the heap.
#pragma once

#include "xbucket/base/sync.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace xbucket {

inline constexpr size_t kBlockBytes = 1U << 20;

class BlockMemory;

// Gives its bytes back when it goes.
class Block {
  public:
    Block(Block&& other) noexcept;
    Block& operator=(Block&&) = delete;
    ~Block();
    char* data() const { return data_; }
    size_t size() const { return size_; }

  private:
    friend class BlockMemory;
    Block(BlockMemory& memory, char* data, size_t size)
        : memory_(&memory), data_(data), size_(size) {}
    BlockMemory* memory_;
    char* data_;
    size_t size_;
};

// Thread-safe; outlives its blocks.
class BlockMemory {
  public:
    // `on_release` runs on any thread after bytes were given back; it must not block, and locks
    // may be held.
    BlockMemory(uint64_t bytes_max, std::function<void()> on_release);
    ~BlockMemory();
    BlockMemory(const BlockMemory&) = delete;
    BlockMemory& operator=(const BlockMemory&) = delete;

    // Sets bytes aside, all or nothing, while less than `limit` is in use then.
    bool reserve(uint64_t bytes, uint64_t limit) EXCLUDES(mutex_);
    // A block out of what was reserved. `bytes` is 1 to kBlockBytes.
    Block take(size_t bytes) EXCLUDES(mutex_);

    // Between the two the caller may take blocks at any time: pages are not given to the machine
    // only to be asked for again.
    void enter() EXCLUDES(mutex_);
    void leave() EXCLUDES(mutex_);

    uint64_t bytes_max() const { return bytes_max_; }
    uint64_t used() const EXCLUDES(mutex_);
    // How often bytes were given back.
    uint64_t releases() const { return releases_; }

  private:
    friend class Block;
    void give_back(char* data, size_t size) EXCLUDES(mutex_);
    void give_pages_back() REQUIRES(mutex_);

    const uint64_t bytes_max_;
    const std::function<void()> on_release_;
    const size_t slots_;
    char* arena_ = nullptr;
    std::atomic<uint64_t> releases_{0};
    mutable Mutex mutex_;
    uint64_t used_ GUARDED_BY(mutex_) = 0;
    size_t users_ GUARDED_BY(mutex_) = 0;
    std::vector<uint32_t> free_ GUARDED_BY(mutex_);  // slots; the last one was used last
    size_t touched_ GUARDED_BY(mutex_) = 0;          // slots that may have pages
};

}  // namespace xbucket
