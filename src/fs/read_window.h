// SPDX-FileCopyrightText: the xbucket authors
// Reading one open object by range GETs that are pinned to its ETag. A few stretches are kept per
// handle; a handle that reads on where it left off fetches ahead, twice as far each time. What is
// kept counts against one budget for the mount, beyond which only what was asked for is fetched.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/store/object_store.h"

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

namespace xbucket {

// Bytes that all handles of a mount keep. Thread-safe.
class ReadBudget {
  public:
    explicit ReadBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}
    bool has_room_for(uint64_t bytes) const { return used_.load() + bytes <= bytes_max_; }
    void add(uint64_t bytes) { used_ += bytes; }
    void remove(uint64_t bytes) { used_ -= bytes; }

  private:
    const uint64_t bytes_max_;
    std::atomic<uint64_t> used_{0};
};

// Thread-safe; reads of different stretches proceed in parallel.
class ReadWindow {
  public:
    ReadWindow(ObjectStore& store, ReadBudget& budget) : store_(store), budget_(budget) {}
    ~ReadWindow();
    ReadWindow(const ReadWindow&) = delete;
    ReadWindow& operator=(const ReadWindow&) = delete;

    // Bytes of the object `key` that has `etag` and `size`; short only at its end. The ETag must
    // be the same in every call (a rename changes the key). Errors: get()'s; precondition_failed
    // and not_found mean that the object was replaced or deleted.
    Result<std::string> read(const ObjectKey& key, const ETag& etag, uint64_t size, uint64_t offset,
                             size_t bytes) EXCLUDES(mutex_);

  private:
    struct Stretch {
        uint64_t offset = 0;
        uint64_t length = 0;
        bool loading = true;
        uint64_t last_used = 0;
        std::string bytes;
        uint64_t end() const { return offset + length; }
    };
    using Stretches = std::list<Stretch>;

    Stretches::iterator find(uint64_t offset) REQUIRES(mutex_);
    Stretches::iterator plan(uint64_t offset, uint64_t bytes, uint64_t size) REQUIRES(mutex_);
    void drop(Stretches::iterator stretch) REQUIRES(mutex_);

    ObjectStore& store_;
    ReadBudget& budget_;
    Mutex mutex_;
    CondVar changed_;
    Stretches stretches_ GUARDED_BY(mutex_);
    uint64_t next_expected_ GUARDED_BY(mutex_) = 0;
    uint64_t ahead_bytes_ GUARDED_BY(mutex_) = 0;
    uint64_t uses_ GUARDED_BY(mutex_) = 0;
};

// One GET of [offset, offset + length) into memory, pinned to `etag`.
Result<std::string> get_range(ObjectStore& store, const ObjectKey& key, const ETag& etag,
                              uint64_t offset, uint64_t length);

}  // namespace xbucket
