// SPDX-FileCopyrightText: the xbucket authors
// A small allocator by powers of two. Pages are got 64 KiB at a time and kept for ever: a mount
// holds a handful of secrets.
#include "secret_memory.h"

#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <array>
#include <bit>
#include <cstring>
#include <sys/mman.h>
#include <vector>

namespace xbucket {
namespace {

constexpr size_t kSmallest = 32;
constexpr size_t kChunk = 64U << 10;
constexpr size_t kClasses = 12;  // 32 bytes to 64 KiB

struct Region {
    char* begin;
    size_t size;
};

class Pages {
  public:
    char* take(size_t size) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (size > kChunk) return map(size);
        const size_t wanted = std::max(kSmallest, std::bit_ceil(size));
        auto& free = free_[index_of(wanted)];
        if (free.empty()) refill(wanted);
        char* const text = free.back();
        free.pop_back();
        return text;
    }

    void give_back(char* text, size_t size) EXCLUDES(mutex_) {
        explicit_bzero(text, size);
        LockGuard lock(mutex_);
        if (size > kChunk) {
            std::erase_if(regions_, [text](const Region& region) { return region.begin == text; });
            munmap(text, size);
            return;
        }
        free_[index_of(std::max(kSmallest, std::bit_ceil(size)))].push_back(text);
    }

    bool locked() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return locked_;
    }

    void lock_again() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        for (const Region& region : regions_) {
            locked_ = mlock(region.begin, region.size) == 0 && locked_;
        }
    }

  private:
    static size_t index_of(size_t power) {
        return static_cast<size_t>(std::countr_zero(power) - std::countr_zero(kSmallest));
    }

    char* map(size_t size) REQUIRES(mutex_) {
        void* const pages =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(pages != MAP_FAILED);
        // Neither is ours to insist on: a container may forbid one, an old kernel the other.
        locked_ = mlock(pages, size) == 0 && locked_;
        (void)madvise(pages, size, MADV_DONTDUMP);
        regions_.push_back({static_cast<char*>(pages), size});
        return static_cast<char*>(pages);
    }

    void refill(size_t power) REQUIRES(mutex_) {
        if (chunk_left_ < power) {
            // What is left of the old chunk serves smaller ones.
            for (size_t piece = kChunk / 2; piece >= kSmallest; piece /= 2) {
                if (chunk_left_ < piece) continue;
                free_[index_of(piece)].push_back(chunk_);
                chunk_ += piece;
                chunk_left_ -= piece;
            }
            chunk_ = map(kChunk);
            chunk_left_ = kChunk;
        }
        free_[index_of(power)].push_back(chunk_);
        chunk_ += power;
        chunk_left_ -= power;
    }

    Mutex mutex_;
    std::array<std::vector<char*>, kClasses> free_ GUARDED_BY(mutex_);
    std::vector<Region> regions_ GUARDED_BY(mutex_);
    char* chunk_ GUARDED_BY(mutex_) = nullptr;
    size_t chunk_left_ GUARDED_BY(mutex_) = 0;
    bool locked_ GUARDED_BY(mutex_) = true;
};

// Never destroyed: secrets in static objects go after everything else. An allocator is the one
// kind of thing that cannot be handed to its users.
Pages& pages() {
    static Pages* const all = new Pages();
    return *all;
}

}  // namespace

char* allocate_secret(size_t size) { return pages().take(size); }

void free_secret(char* text, size_t size) noexcept { pages().give_back(text, size); }

bool secret_memory_is_locked() { return pages().locked(); }

void lock_secret_memory_again() { pages().lock_again(); }

}  // namespace xbucket
