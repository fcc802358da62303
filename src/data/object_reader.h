// SPDX-FileCopyrightText: the xbucket authors
// One version of an object as it is being read: segments that are here or on their way, the GETs
// that bring them, and reads that wait for them.
//
// A segment is at most one block and never crosses a block's boundary in the object; segments do
// not overlap. It is made, with its memory, before the GET that fills it is begun, fills from its
// front, and goes when all of it has been handed out (the kernel keeps pages; nobody asks twice),
// when its reader went elsewhere, or when others need the memory more.
//
// CRC64. Every byte that comes is counted in. When all bytes of the object have come and the
// service says a CRC64, the two are compared before the object's last segment is shown to anybody;
// a GET of the whole object shows nothing before. S3 says it with no range: who has read half of a
// large object in pieces has it asked for, once.
#pragma once

#include "block_memory.h"
#include "crc_cover.h"
#include "fetch.h"
#include "read_ahead.h"

#include "xbucket/base/sync.h"
#include "xbucket/data/reading.h"

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace xbucket {

class ReadPool;

// Thread-safe. Lock order: mutex_, then ReadPool's, then BlockMemory's. Done callbacks run and GETs
// begin with none of them held.
class SegmentReader final : public ObjectReader,
                            public std::enable_shared_from_this<SegmentReader> {
  public:
    SegmentReader(ReadPool& pool, ETag etag, uint64_t size);
    ~SegmentReader() override;

    const ETag& etag() const override { return etag_; }
    uint64_t size() const override { return size_; }
    std::unique_ptr<ReadStream> stream() override;

    // --- for streams ---
    struct Follower {
        ReadAhead ahead;           // guarded by the reader's mutex
        uint64_t first_place = 0;  // its places are this one and those that follow
    };
    void add(Follower& follower) EXCLUDES(mutex_);
    void drop(const Follower& follower) EXCLUDES(mutex_);
    void read(Follower& follower, const ObjectKey& key, uint64_t offset, size_t bytes,
              ReadStream::Done done) EXCLUDES(mutex_);

    // --- for fetches ---
    // What a GET's reply says of the object. Errors: precondition_failed.
    Result<void> learn(const ObjectInfo& info) EXCLUDES(mutex_);
    // `bytes` more are in its segments.
    void progress(const Fetch& fetch, size_t bytes) EXCLUDES(mutex_);
    // It begins again.
    void restart(const Fetch& fetch) EXCLUDES(mutex_);
    void fetched(const Fetch& fetch, uint64_t crc) EXCLUDES(mutex_);
    void failed(const Fetch& fetch, const Error& error) EXCLUDES(mutex_);

    Crc64Kind crc64_kind() const { return kind_; }

    // --- for the pool ---
    // What the service says of the object now, asked for its checksum.
    void told(const Result<HeadReply>& head) EXCLUDES(mutex_);
    // Drops what is here and nobody waits for.
    void shed() EXCLUDES(mutex_);
    // Reads that had no memory try again.
    void retry() EXCLUDES(mutex_);
    // Ends what is fetched, and the reads that wait for it.
    void cancel() EXCLUDES(mutex_);

  private:
    struct Waiting {
        ObjectKey key;
        uint64_t offset = 0;
        uint64_t end = 0;
        uint64_t place = 0;
        bool stranded = false;  // nothing that it lacks is on its way
        ReadStream::Done done;
    };
    struct Ready {
        ReadStream::Done done;
        Result<ReadBytes> result;
    };
    using Segments = std::map<uint64_t, SegmentPtr>;

    // The segment that holds `offset`.
    Segments::iterator find(uint64_t offset) REQUIRES(mutex_);
    bool is_here(uint64_t offset, uint64_t end) REQUIRES(mutex_);
    // First byte at or behind `offset` that is neither here nor on its way.
    uint64_t covered_until(uint64_t offset) REQUIRES(mutex_);
    // By a read that has all it needs here or on its way. Those that have not claim nothing:
    // reads that each hold a part and wait for memory would wait for ever.
    bool is_awaited(uint64_t offset, uint64_t end) const REQUIRES(mutex_);

    // Fetches what is missing of [offset, end), and from plan.next on to plan.until; false where
    // there is no memory for what is missing.
    bool fetch_missing(const ObjectKey& key, uint64_t offset, uint64_t end,
                       const ReadAhead::Plan& plan, uint64_t place) REQUIRES(mutex_);
    // Of [at, plan.until); memory for what is awaited of it, up to `end`, is reserved.
    void fetch_range(const ObjectKey& key, uint64_t at, uint64_t end, const ReadAhead::Plan& plan,
                     uint64_t place) REQUIRES(mutex_);
    uint64_t end_of_piece(uint64_t at, uint64_t end, const ReadAhead::Plan& plan) REQUIRES(mutex_);
    // Neither here nor on their way.
    uint64_t missing_bytes(uint64_t offset, uint64_t end) REQUIRES(mutex_);
    void add_fetch(const ObjectKey& key, uint64_t offset, uint64_t end, uint64_t place,
                   bool awaited) REQUIRES(mutex_);
    void hurry(uint64_t offset, uint64_t end, std::vector<FetchPtr>& fetches) REQUIRES(mutex_);
    ReadBytes hand_out(uint64_t offset, uint64_t end) REQUIRES(mutex_);
    // Reads that can be answered now.
    std::vector<Ready> take_ready() REQUIRES(mutex_);
    void fail_awaiting(uint64_t offset, uint64_t end, const Error& error, std::vector<Ready>& ready)
        REQUIRES(mutex_);
    // True when there are any.
    bool find_stranded() REQUIRES(mutex_);
    void reveal() REQUIRES(mutex_);
    void check_whole() REQUIRES(mutex_);
    // Whether to ask for the checksum now.
    bool is_to_ask() REQUIRES(mutex_);
    // What may be shown or dropped after bytes or their checksum came.
    std::vector<Ready> settle(uint64_t offset, uint64_t end) REQUIRES(mutex_);

    void leave_place(uint64_t place) REQUIRES(mutex_);
    void drop_behind(uint64_t place, uint64_t next) REQUIRES(mutex_);
    void drop_handed_out(uint64_t offset, uint64_t end) REQUIRES(mutex_);
    void drop_unread() REQUIRES(mutex_);
    bool is_droppable(const Segment& segment) const REQUIRES(mutex_);
    Segments::iterator erase(Segments::iterator segment) REQUIRES(mutex_);
    void abandon(const Fetch& fetch) REQUIRES(mutex_);
    void end(const Fetch& fetch) REQUIRES(mutex_);

    // With no lock held.
    void begin(std::vector<FetchPtr> fetches);
    void answer(std::vector<Ready> ready);
    std::vector<FetchPtr> take_new_fetches() REQUIRES(mutex_);
    uint64_t retry_once() EXCLUDES(mutex_);

    ReadPool& pool_;
    const ETag etag_;
    const uint64_t size_;
    const Crc64Kind kind_;

    Mutex mutex_;
    Segments segments_ GUARDED_BY(mutex_);
    uint64_t held_bytes_ GUARDED_BY(mutex_) = 0;  // of segments_
    std::list<FetchPtr> fetches_ GUARDED_BY(mutex_);
    std::vector<FetchPtr> new_fetches_ GUARDED_BY(mutex_);  // not begun
    std::list<Waiting> waiting_ GUARDED_BY(mutex_);
    bool ahead_is_short_ GUARDED_BY(mutex_) = false;  // less was fetched ahead than planned
    uint64_t streams_ GUARDED_BY(mutex_) = 0;
    uint64_t next_place_ GUARDED_BY(mutex_) = 0;
    CrcCover cover_ GUARDED_BY(mutex_);
    std::optional<uint64_t> crc64_ GUARDED_BY(mutex_);  // as the service says
    bool asked_ GUARDED_BY(mutex_) = false;             // for it
    bool asking_ GUARDED_BY(mutex_) = false;
    bool checked_ GUARDED_BY(mutex_) = false;        // the whole object was, and is right
    std::optional<Error> wrong_ GUARDED_BY(mutex_);  // it was, and is not
};

}  // namespace xbucket
