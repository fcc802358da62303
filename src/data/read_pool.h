// SPDX-FileCopyrightText: the xbucket authors
// What the readers of a mount share: memory, threads that wait for GETs, and threads that answer.
#pragma once

#include "block_memory.h"
#include "object_reader.h"

#include "xbucket/base/worker_pool.h"
#include "xbucket/data/reading.h"

#include <deque>
#include <list>
#include <unordered_map>

namespace xbucket {

// Thread-safe.
class ReadPool final : public Reading {
  public:
    ReadPool(const ReadLimits& limits, ObjectStore& store);
    ~ReadPool() override;

    std::shared_ptr<ObjectReader> open(const ETag& etag, uint64_t size) override;
    uint64_t memory_used() const override { return memory_.used(); }
    void stop() override EXCLUDES(mutex_);

    // --- for readers ---
    BlockMemory& memory() { return memory_; }
    // Up to here memory may be filled by what nobody waits for.
    uint64_t ahead_limit() const { return memory_.bytes_max() / 4 * 3; }
    // How far ahead one of a reader's streams may be: an equal share for each reader that holds
    // memory, and of that for each of its streams.
    uint64_t ahead_max(uint64_t streams) const;
    uint64_t ahead_max_alone() const { return std::min(limits_.ahead_bytes_max, ahead_limit()); }
    void note_holding(bool holds) { holders_ += holds ? 1 : -1; }
    void begin(FetchPtr fetch);
    Crc64Kind crc64_kind() const { return store_.traits().crc64_kind; }
    // Asks the service for the checksum of what the reader reads, in the background.
    void ask(std::shared_ptr<SegmentReader> reader, const ObjectKey& key);
    void answer(std::function<void()> job) { answers_.post(std::move(job)); }
    // False when nobody is to read any more.
    bool note_used(const std::shared_ptr<SegmentReader>& reader) EXCLUDES(mutex_);
    void forget(const SegmentReader& reader) EXCLUDES(mutex_);
    // Has other readers, the least recently used ones first, drop what nobody waits for until
    // `bytes` are free.
    void reclaim(uint64_t bytes) EXCLUDES(mutex_);
    // The same for readers that many reads of others have passed by: what they hold ahead of
    // themselves others can use.
    void reclaim_idle() EXCLUDES(mutex_);
    // The reader's retry() is called when memory came free, or has since `seen` was read from
    // BlockMemory::releases().
    void park(std::shared_ptr<SegmentReader> reader, uint64_t seen) EXCLUDES(mutex_);
    // One parked reader tries again. Locks of readers may be held.
    void wake_parked() EXCLUDES(mutex_);

  private:
    const ReadLimits limits_;
    ObjectStore& store_;
    std::atomic<int64_t> holders_{0};  // readers that hold memory
    std::atomic<bool> parked_any_{false};
    mutable Mutex mutex_;
    struct Used {
        const SegmentReader* key;
        std::weak_ptr<SegmentReader> reader;
        uint64_t when = 0;
        bool idle = false;
    };
    std::list<Used> used_ GUARDED_BY(mutex_);  // most recently last
    std::list<Used> idle_ GUARDED_BY(mutex_);  // have been asked to drop what they hold
    std::unordered_map<const SegmentReader*, std::list<Used>::iterator> places_ GUARDED_BY(mutex_);
    uint64_t uses_ GUARDED_BY(mutex_) = 0;
    bool stopped_ GUARDED_BY(mutex_) = false;
    std::deque<std::weak_ptr<SegmentReader>> parked_ GUARDED_BY(mutex_);
    BlockMemory memory_;
    WorkerPool answers_;
    WorkerPool awaited_;
    WorkerPool ahead_;
};

}  // namespace xbucket
