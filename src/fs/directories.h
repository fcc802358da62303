// SPDX-FileCopyrightText: the xbucket authors
// Open directories: handles to DirHandles, and who must hear of names that come and go.
#pragma once

#include "dir_handle.h"

#include <string>
#include <unordered_map>
#include <utility>

namespace xbucket {

// Thread-safe.
class Directories {
  public:
    explicit Directories(Core& core) : core_(core) {}

    Result<Opened> open(InodeNumber ino) EXCLUDES(mutex_);
    Result<void> read(HandleId handle, uint64_t offset, bool plus, const DirSink& sink)
        EXCLUDES(mutex_);
    void close(HandleId handle) EXCLUDES(mutex_);

    void note_created(const ObjectKey& directory, const std::string& name) EXCLUDES(mutex_);
    void note_removed(const ObjectKey& directory, const std::string& name) EXCLUDES(mutex_);

    // Whether what a whole listing of a directory left out differs from what the one before did, so
    // that the log hears of it once and not with every `ls`.
    bool is_news(const ObjectKey& directory, uint64_t unshown, uint64_t hidden) EXCLUDES(mutex_);

  private:
    static constexpr size_t kToldMax = 10'000;     // directories; beyond, all are told of anew
    using HandlePtr = std::shared_ptr<DirHandle>;  // by the table and by the reads under way
    std::vector<HandlePtr> open_handles_of(const ObjectKey& directory) const EXCLUDES(mutex_);

    Core& core_;
    mutable Mutex mutex_;
    std::unordered_map<uint64_t, HandlePtr> handles_ GUARDED_BY(mutex_);
    uint64_t next_handle_ GUARDED_BY(mutex_) = 1;
    using LeftOut = std::pair<uint64_t, uint64_t>;  // unshown, hidden
    std::unordered_map<std::string, LeftOut> told_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
