// SPDX-FileCopyrightText: the xbucket authors
// Where content lies on this machine while it is on its way into the bucket: a directory of
// unlinked temporary files, so that a crash leaves nothing behind, within a quota. What could not
// be uploaded is given a name in spool_directory/recovery, with a note beside it (DESIGN 3.12).
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xbucket {

// The directory and its quota. Thread-safe.
class SpoolSpace {
  public:
    // Makes the directory if need be and proves that it takes files. `bytes_max` 0 = what the disk
    // has. Errors: io.
    static Result<std::unique_ptr<SpoolSpace>> create(const std::string& directory,
                                                      uint64_t bytes_max);

    const std::string& directory() const { return directory_; }
    // Errors: no_space (quota).
    Result<void> reserve(uint64_t bytes) EXCLUDES(mutex_);
    void release(uint64_t bytes) EXCLUDES(mutex_);
    uint64_t bytes_max() const { return bytes_max_; }
    uint64_t bytes_used() const EXCLUDES(mutex_);

  private:
    SpoolSpace(std::string directory, uint64_t bytes_max)
        : directory_(std::move(directory)), bytes_max_(bytes_max) {}

    const std::string directory_;
    const uint64_t bytes_max_;
    mutable Mutex mutex_;
    uint64_t bytes_used_ GUARDED_BY(mutex_) = 0;
};

// What a kept file was, for its note.
struct RecoveryNote {
    ObjectKey key;
    ETag base_etag;
    std::string error;
    WallTime time;
    std::vector<std::pair<std::string, std::string>> attributes;  // staged: name, value
};

}  // namespace xbucket
