// SPDX-FileCopyrightText: the xbucket authors
#include "read_pool.h"

#include <algorithm>

namespace xbucket {
namespace {

constexpr uint64_t kMemoryLeast = 16U << 20;
constexpr size_t kAnswerThreads = 8;
constexpr unsigned kAwaitedThreads = 64;
// A reader that slept while others read so often is idle.
constexpr uint64_t kIdleReads = 256;
// Somebody may wait for the last bytes meanwhile; they are as good as those before.
constexpr CallOptions kAsk{.deadline = std::chrono::seconds(5), .with_checksum = true};

}  // namespace

ReadPool::ReadPool(const ReadLimits& limits, ObjectStore& store)
    : limits_(limits),
      store_(store),
      memory_(std::max(limits.memory_bytes_max, kMemoryLeast), [this] { wake_parked(); }),
      answers_("data-answer", kAnswerThreads),
      awaited_("data-get", std::max(kAwaitedThreads, limits.gets_max)),
      ahead_("data-ahead", std::max(1U, limits.gets_max)) {}

ReadPool::~ReadPool() { stop(); }

void ReadPool::stop() {
    std::vector<std::weak_ptr<SegmentReader>> readers;
    {
        LockGuard lock(mutex_);
        stopped_ = true;
        for (const auto& [key, used] : places_) readers.push_back(used->reader);
    }
    for (const auto& weak : readers) {
        if (const auto reader = weak.lock()) reader->cancel();
    }
    // In this order: what fetches bring is answered.
    ahead_.drain();
    awaited_.drain();
    answers_.drain();
}

std::shared_ptr<ObjectReader> ReadPool::open(const ETag& etag, uint64_t size) {
    return std::make_shared<SegmentReader>(*this, etag, size);
}

uint64_t ReadPool::ahead_max(uint64_t streams) const {
    const auto holders = static_cast<uint64_t>(std::max<int64_t>(1, holders_.load()));
    const uint64_t share = ahead_limit() / holders / std::max<uint64_t>(1, streams);
    return std::min(limits_.ahead_bytes_max, share);
}

void ReadPool::begin(FetchPtr fetch) {
    WorkerPool& pool = fetch->awaited ? awaited_ : ahead_;
    pool.post([this, fetch = std::move(fetch)] { fetch->run(store_); });
}

void ReadPool::ask(std::shared_ptr<SegmentReader> reader, const ObjectKey& key) {
    awaited_.post(
        [this, reader = std::move(reader), key] { reader->told(store_.head(key, kAsk)); });
}

bool ReadPool::note_used(const std::shared_ptr<SegmentReader>& reader) {
    LockGuard lock(mutex_);
    if (stopped_) return false;
    ++uses_;
    const auto found = places_.find(reader.get());
    if (found == places_.end()) {
        used_.push_back({reader.get(), reader, uses_, false});
        places_.emplace(reader.get(), std::prev(used_.end()));
        return true;
    }
    Used& used = *found->second;
    used_.splice(used_.end(), used.idle ? idle_ : used_, found->second);
    used.when = uses_;
    used.idle = false;
    return true;
}

void ReadPool::forget(const SegmentReader& reader) {
    LockGuard lock(mutex_);
    const auto found = places_.find(&reader);
    if (found == places_.end()) return;
    (found->second->idle ? idle_ : used_).erase(found->second);
    places_.erase(found);
}

void ReadPool::reclaim(uint64_t bytes) {
    std::vector<std::weak_ptr<SegmentReader>> readers;
    {
        LockGuard lock(mutex_);
        for (const Used& used : idle_) readers.push_back(used.reader);
        for (const Used& used : used_) readers.push_back(used.reader);
    }
    const uint64_t wanted = std::min(bytes, memory_.bytes_max());
    for (const auto& weak : readers) {
        if (memory_.used() + wanted <= memory_.bytes_max()) return;
        if (const auto reader = weak.lock()) reader->shed();
    }
}

void ReadPool::reclaim_idle() {
    std::vector<std::weak_ptr<SegmentReader>> idle;
    {
        LockGuard lock(mutex_);
        while (!used_.empty() && used_.front().when + kIdleReads < uses_) {
            idle.push_back(used_.front().reader);
            used_.front().idle = true;
            idle_.splice(idle_.end(), used_, used_.begin());
        }
    }
    for (const auto& weak : idle) {
        if (const auto reader = weak.lock()) reader->shed();
    }
}

void ReadPool::park(std::shared_ptr<SegmentReader> reader, uint64_t seen) {
    {
        LockGuard lock(mutex_);
        parked_.push_back(reader);
        parked_any_ = true;
    }
    // What came free before it stood here has woken nobody.
    if (memory_.releases() != seen) wake_parked();
}

void ReadPool::wake_parked() {
    if (!parked_any_) return;
    std::weak_ptr<SegmentReader> next;
    {
        LockGuard lock(mutex_);
        if (parked_.empty()) return;
        next = std::move(parked_.front());
        parked_.pop_front();
        parked_any_ = !parked_.empty();
    }
    answers_.post([next] {
        if (const auto reader = next.lock()) reader->retry();
    });
}

std::unique_ptr<Reading> make_reading(const ReadLimits& limits, ObjectStore& store) {
    return std::make_unique<ReadPool>(limits, store);
}

}  // namespace xbucket
