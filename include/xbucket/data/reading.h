// SPDX-FileCopyrightText: the xbucket authors
// Reading objects: range GETs pinned to one ETag, several in flight ahead of whoever reads on, all
// out of one budget of memory that readers share fairly. Knows keys and ETags; no inode, no handle.
//
//   auto reading = make_reading({}, store, clock);            // one for a mount
//   auto reader = reading->open(etag, size);                  // one for a version of an object
//   auto stream = reader->stream();                           // one for each who reads
//   stream->read(key, offset, bytes, done);
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/data/read_bytes.h"
#include "xbucket/store/object_store.h"

#include <functional>
#include <memory>

namespace xbucket {

struct ReadLimits {
    // What has been read ahead or is on its way to a reader, in all; at least 16 MiB. A quarter of
    // it is kept for those who wait, the rest may be ahead of them.
    uint64_t memory_bytes_max = 256U << 20;
    // What one stream may be ahead.
    uint64_t ahead_bytes_max = 96U << 20;
    // GETs at once that nobody waits for yet.
    unsigned gets_max = 32;
};

// One who reads, such as an open file. When it goes, so does what was fetched ahead for it.
class ReadStream {
  public:
    virtual ~ReadStream() = default;
    using Done = std::function<void(Result<ReadBytes>)>;
    // Bytes [offset, offset + bytes), fewer only at the end of the object. Never blocks: `done`
    // runs before this returns where memory has the bytes, else on another thread, where it may
    // block. `key` is where the object is now; a rename changes it. Thread-safe.
    // Errors: cancelled (Reading::stop()); get()'s; precondition_failed, not_found and bad_range
    // mean that the object was replaced or deleted; checksum_mismatch that all bytes were read and
    // are not those that the service has (reads of this object fail from then on).
    virtual void read(const ObjectKey& key, uint64_t offset, size_t bytes, Done done) = 0;
    // The same, blocking.
    Result<ReadBytes> read(const ObjectKey& key, uint64_t offset, size_t bytes);
};

// One version of an object; what one stream has fetched, others find.
class ObjectReader {
  public:
    virtual ~ObjectReader() = default;
    virtual const ETag& etag() const = 0;
    virtual uint64_t size() const = 0;
    virtual std::unique_ptr<ReadStream> stream() = 0;
};

// Thread-safe.
class Reading {
  public:
    // As stop().
    virtual ~Reading() = default;
    virtual std::shared_ptr<ObjectReader> open(const ETag& etag, uint64_t size) = 0;
    // Bytes of the budget in use.
    virtual uint64_t memory_used() const = 0;
    // Ends every read, waiting or to come, with `cancelled`; returns when all are answered.
    virtual void stop() = 0;
};

// References must outlive it, and it every reader and stream.
std::unique_ptr<Reading> make_reading(const ReadLimits& limits, ObjectStore& store);

}  // namespace xbucket
