// SPDX-FileCopyrightText: the xbucket authors
#include "spool_file.h"

#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

// A disk that is full now may have room later.
bool sets_room_aside(const std::string& directory) {
    Result<DiskFile> file = DiskFile::open(directory);
    if (!file) return true;
    const Result<void> made = file->make_room({0, SpoolPlaces::kChunkBytes});
    if (made || made.error().kind != ErrorKind::unsupported) return true;
    log_warning("data", "event=write_memory_unused spool={} reason=\"{}\"", directory,
                made.error().message);
    return false;
}

}  // namespace

Result<std::unique_ptr<SpoolSpace>> SpoolSpace::create(const std::string& directory,
                                                       uint64_t bytes_max, uint64_t memory_max) {
    TRY(prepare_spool_directory(directory));
    if (memory_max != 0 && !sets_room_aside(directory)) memory_max = 0;
    return std::unique_ptr<SpoolSpace>(new SpoolSpace(directory, bytes_max, memory_max));
}

SpoolSpace::SpoolSpace(std::string directory, uint64_t bytes_max, uint64_t memory_max)
    : directory_(std::move(directory)),
      bytes_max_(bytes_max),
      memory_(std::make_shared<MemoryBudget>(memory_max)),
      files_(std::make_shared<DiskFiles>(directory_)) {}

bool MemoryBudget::reserve(uint64_t bytes) {
    uint64_t left = left_;
    while (left >= bytes) {
        if (left_.compare_exchange_weak(left, left - bytes)) return true;
    }
    return false;
}

Result<void> SpoolSpace::reserve(uint64_t bytes) {
    LockGuard lock(mutex_);
    if (bytes_max_ != 0 && bytes > bytes_max_ - std::min(bytes_max_, bytes_used_)) {
        return fail(ErrorKind::no_space,
                    fmt::format("the spool in {} would be over its {} bytes; close files that are "
                                "being written, or allow more spool space",
                                directory_, bytes_max_));
    }
    bytes_used_ += bytes;
    return {};
}

void SpoolSpace::release(uint64_t bytes) {
    LockGuard lock(mutex_);
    bytes_used_ -= bytes;
}

uint64_t SpoolSpace::bytes_used() const {
    LockGuard lock(mutex_);
    return bytes_used_;
}

}  // namespace xbucket
