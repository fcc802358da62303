// SPDX-FileCopyrightText: the xbucket authors
#include "spool_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

Result<std::unique_ptr<SpoolSpace>> SpoolSpace::create(const std::string& directory,
                                                       uint64_t bytes_max, uint64_t memory_max) {
    TRY(prepare_spool_directory(directory));
    return std::unique_ptr<SpoolSpace>(new SpoolSpace(directory, bytes_max, memory_max));
}

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
