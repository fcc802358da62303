// SPDX-FileCopyrightText: the xbucket authors
// One range GET that fills a row of segments.
#pragma once

#include "block_memory.h"

#include "xbucket/http/transport.h"
#include "xbucket/store/object_store.h"

#include <atomic>
#include <memory>
#include <vector>

namespace xbucket {

class SegmentReader;

// The memory is written by the GET, and what is filled of it read by others; the counters are
// guarded by the reader's mutex.
struct Segment {
    Segment(uint64_t first, Block memory) : offset(first), block(std::move(memory)) {}
    const uint64_t offset;
    const Block block;
    size_t filled = 0;
    size_t handed_out = 0;
    uint64_t place = 0;      // of the stream for which it was fetched
    bool concealed = false;  // to be shown only when its fetch is done
    size_t shown() const { return concealed ? 0 : filled; }
    uint64_t end() const { return offset + block.size(); }
};
using SegmentPtr = std::shared_ptr<Segment>;  // by the reader, its fetch, and replies under way

class Fetch {
  public:
    Fetch(std::shared_ptr<SegmentReader> reader, ObjectKey key, uint64_t offset, uint64_t length,
          uint64_t place)
        : reader_(std::move(reader)),
          key_(std::move(key)),
          offset_(offset),
          length_(length),
          place_(place) {}

    // The GET, from begin to end, unless it runs or ran already. Blocks.
    void run(ObjectStore& store);
    bool begun() const { return begun_; }
    // Ends it soon. Any thread.
    void cancel() EXCLUDES(mutex_);

    const ObjectKey& key() const { return key_; }
    uint64_t offset() const { return offset_; }
    uint64_t end() const { return offset_ + length_; }
    uint64_t place() const { return place_; }
    bool cancelled() const { return cancelled_; }

    std::vector<SegmentPtr> segments;  // fixed once it may run
    std::atomic<bool> awaited{false};  // somebody waits for it

  private:
    class Sink;
    // The CRC64 of what came.
    Result<uint64_t> get(ObjectStore& store);

    const std::shared_ptr<SegmentReader> reader_;
    const ObjectKey key_;
    const uint64_t offset_;
    const uint64_t length_;
    const uint64_t place_;
    std::atomic<bool> begun_{false};
    std::atomic<bool> cancelled_{false};
    Mutex mutex_;
    std::shared_ptr<Transfer> transfer_ GUARDED_BY(mutex_);
};
using FetchPtr = std::shared_ptr<Fetch>;  // by its reader and the thread that runs it

}  // namespace xbucket
