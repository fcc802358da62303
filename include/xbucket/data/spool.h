// SPDX-FileCopyrightText: the xbucket authors
// Where content lies on this machine while it is on its way into the bucket: memory, and a
// directory of unlinked temporary files, so that a crash leaves nothing behind, within a quota.
// What could not be uploaded is given a name in spool_directory/recovery, with a note beside it
// (DESIGN 3.12).
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xbucket {

// Memory that spool files share. Thread-safe.
class MemoryBudget {
  public:
    explicit MemoryBudget(uint64_t bytes) : left_(bytes) {}
    // False where less than that is left.
    bool reserve(uint64_t bytes);
    void release(uint64_t bytes) { left_ += bytes; }

  private:
    std::atomic<uint64_t> left_;
};

class DiskFiles;

// The directory, its quota, and the memory that content lies in before any goes to the disk: what
// is written and sent at once never gets there, but has room there while it is on its way.
// Thread-safe.
class SpoolSpace {
  public:
    // Makes the directory if need be and proves that it takes files. `bytes_max`, of all content,
    // that in memory too: 0 = no quota. `memory_max` 0: all goes to the disk, as it does where a
    // disk cannot set room aside. Errors: io.
    static Result<std::unique_ptr<SpoolSpace>> create(const std::string& directory,
                                                      uint64_t bytes_max, uint64_t memory_max = 0);

    const std::string& directory() const { return directory_; }
    // Outlives this with whoever holds it.
    const std::shared_ptr<MemoryBudget>& memory() const { return memory_; }
    const std::shared_ptr<DiskFiles>& files() const { return files_; }
    // Errors: no_space (quota).
    Result<void> reserve(uint64_t bytes) EXCLUDES(mutex_);
    void release(uint64_t bytes) EXCLUDES(mutex_);
    uint64_t bytes_max() const { return bytes_max_; }
    uint64_t bytes_used() const EXCLUDES(mutex_);

  private:
    SpoolSpace(std::string directory, uint64_t bytes_max, uint64_t memory_max);

    const std::string directory_;
    const uint64_t bytes_max_;
    const std::shared_ptr<MemoryBudget> memory_;
    const std::shared_ptr<DiskFiles> files_;
    mutable Mutex mutex_;
    uint64_t bytes_used_ GUARDED_BY(mutex_) = 0;
};

// Where content was kept.
struct KeptContent {
    std::string path;
    std::string damage;  // what is wrong with it; "" = nothing
};

// What a kept file was, for its note.
struct RecoveryNote {
    std::string source;  // what was mounted, for a person: several may share a directory
    ObjectKey key;
    ETag base_etag;
    std::string error;
    WallTime time;
    std::vector<std::pair<std::string, std::string>> attributes;  // staged: name, value
};

}  // namespace xbucket
