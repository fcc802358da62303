// SPDX-FileCopyrightText: the xbucket authors
#include "block_memory.h"

#include "xbucket/base/result.h"

#include <algorithm>
#include <new>
#include <sys/mman.h>

namespace xbucket {

Block::Block(Block&& other) noexcept
    : memory_(other.memory_), data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
}

Block::~Block() {
    if (data_ != nullptr) memory_->give_back(data_, size_);
}

BlockMemory::BlockMemory(uint64_t bytes_max, std::function<void()> on_release)
    : bytes_max_(bytes_max),
      on_release_(std::move(on_release)),
      slots_(static_cast<size_t>(bytes_max / kBlockBytes)) {
    void* const space = ::mmap(nullptr, slots_ * kBlockBytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(space != MAP_FAILED);
    arena_ = static_cast<char*>(space);
    // Best effort. In small pages each GiB read on a fresh mount is tens of thousands of page
    // faults, and each reply as many look-ups of pages.
    ::madvise(arena_, slots_ * kBlockBytes, MADV_HUGEPAGE);
    LockGuard lock(mutex_);
    free_.reserve(slots_);
    for (size_t slot = slots_; slot > 0; --slot) free_.push_back(static_cast<uint32_t>(slot - 1));
}

BlockMemory::~BlockMemory() {
    CHECK(used() == 0);
    ::munmap(arena_, slots_ * kBlockBytes);
}

bool BlockMemory::reserve(uint64_t bytes, uint64_t limit) {
    LockGuard lock(mutex_);
    if (bytes > limit || used_ > limit - bytes) return false;
    used_ += bytes;
    return true;
}

Block BlockMemory::take(size_t bytes) {
    CHECK(bytes > 0 && bytes <= kBlockBytes);
    if (bytes < kBlockBytes) return Block(*this, static_cast<char*>(::operator new(bytes)), bytes);
    LockGuard lock(mutex_);
    // There are as many slots as whole blocks fit into the budget, out of which this was reserved.
    CHECK(!free_.empty());
    const size_t slot = free_.back();
    free_.pop_back();
    touched_ = std::max(touched_, slot + 1);
    return Block(*this, arena_ + slot * kBlockBytes, kBlockBytes);
}

void BlockMemory::give_back(char* data, size_t size) {
    if (size < kBlockBytes) ::operator delete(data);
    {
        LockGuard lock(mutex_);
        used_ -= size;
        if (size == kBlockBytes) {
            free_.push_back(
                static_cast<uint32_t>(static_cast<size_t>(data - arena_) / kBlockBytes));
        }
        give_pages_back();
    }
    ++releases_;
    on_release_();
}

void BlockMemory::enter() {
    LockGuard lock(mutex_);
    ++users_;
}

void BlockMemory::leave() {
    LockGuard lock(mutex_);
    --users_;
    give_pages_back();
}

// Nobody reads: the machine gets its memory back, but for what the next small files need.
void BlockMemory::give_pages_back() {
    constexpr size_t kKept = 8;
    if (users_ != 0 || free_.size() != slots_ || touched_ <= kKept) return;
    ::madvise(arena_, touched_ * kBlockBytes, MADV_DONTNEED);
    touched_ = 0;
}

uint64_t BlockMemory::used() const {
    LockGuard lock(mutex_);
    return used_;
}

}  // namespace xbucket
