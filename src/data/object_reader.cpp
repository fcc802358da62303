// SPDX-FileCopyrightText: the xbucket authors
#include "object_reader.h"

#include "read_pool.h"

#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

// How far behind the place where a stream goes on a segment may lie before it is given up as passed
// over: kernels ask for the pieces of one read in any order.
constexpr uint64_t kBehind = 4U << 20;
// Up to here the store checks objects that it gets whole.
constexpr uint64_t kAskBytesMin = 2U << 20;

Error stopped() { return fail(ErrorKind::cancelled, "the mount is going down"); }

class Stream final : public ReadStream {
  public:
    explicit Stream(std::shared_ptr<SegmentReader> reader) : reader_(std::move(reader)) {
        reader_->add(follower_);
    }
    ~Stream() override { reader_->drop(follower_); }
    using ReadStream::read;
    void read(const ObjectKey& key, uint64_t offset, size_t bytes, Done done) override {
        reader_->read(follower_, key, offset, bytes, std::move(done));
    }

  private:
    const std::shared_ptr<SegmentReader> reader_;
    SegmentReader::Follower follower_;
};

}  // namespace

Result<ReadBytes> ReadStream::read(const ObjectKey& key, uint64_t offset, size_t bytes) {
    std::optional<Result<ReadBytes>> result;
    CountDown unanswered(1);
    read(key, offset, bytes, [&](Result<ReadBytes> answer) {
        result = std::move(answer);
        unanswered.count_down();
    });
    unanswered.wait();
    return *std::move(result);
}

SegmentReader::SegmentReader(ReadPool& pool, ETag etag, uint64_t size)
    : pool_(pool), etag_(std::move(etag)), size_(size), kind_(pool.crc64_kind()), cover_(kind_) {}

SegmentReader::~SegmentReader() {
    pool_.forget(*this);
    LockGuard lock(mutex_);
    if (held_bytes_ != 0) pool_.note_holding(false);
}

std::unique_ptr<ReadStream> SegmentReader::stream() {
    return std::make_unique<Stream>(shared_from_this());
}

void SegmentReader::add(Follower& follower) {
    pool_.memory().enter();
    LockGuard lock(mutex_);
    ++streams_;
    follower.first_place = next_place_;
    next_place_ += ReadAhead::kPlaces;
}

void SegmentReader::drop(const Follower& follower) {
    {
        LockGuard lock(mutex_);
        --streams_;
        for (size_t i = 0; i < ReadAhead::kPlaces; ++i) leave_place(follower.first_place + i);
    }
    pool_.memory().leave();
}

void SegmentReader::read(Follower& follower, const ObjectKey& key, uint64_t offset, size_t bytes,
                         ReadStream::Done done) {
    if (offset >= size_ || bytes == 0) return done(ReadBytes());
    const uint64_t end = offset + std::min<uint64_t>(bytes, size_ - offset);
    if (!pool_.note_used(shared_from_this())) return done(stopped());
    std::optional<Result<ReadBytes>> result;
    bool has_memory = true;
    bool ahead_is_short = false;
    std::vector<FetchPtr> fetches;
    {
        LockGuard lock(mutex_);
        if (wrong_) {
            result = *wrong_;
        } else {
            const bool here = is_here(offset, end);
            const uint64_t ahead_max = pool_.ahead_max(streams_);
            ahead_is_short_ = ahead_max < pool_.ahead_max_alone();
            const ReadAhead::Plan plan =
                follower.ahead.on_read(offset, end - offset, size_, !here, ahead_max);
            const uint64_t place = follower.first_place + plan.place;
            // First, for what follows may drop what is here.
            if (here) result = hand_out(offset, end);
            if (plan.new_place) leave_place(place);
            has_memory = fetch_missing(key, here ? end : plan.from, end, plan, place);
            if (here) {
                drop_handed_out(offset, end);
                drop_behind(place, follower.ahead.next_of(plan.place));
            } else {
                waiting_.push_back({key, offset, end, place, !has_memory, std::move(done)});
            }
            fetches = take_new_fetches();
            if (!here) hurry(offset, end, fetches);
            ahead_is_short = std::exchange(ahead_is_short_, false);
        }
    }
    begin(std::move(fetches));
    if (ahead_is_short) pool_.reclaim_idle();
    if (result) return done(std::move(*result));
    if (!has_memory) retry();
}

void SegmentReader::retry() {
    const uint64_t seen = pool_.memory().releases();
    uint64_t starved = retry_once();
    if (starved != 0) {
        pool_.reclaim(starved);
        starved = retry_once();
    }
    if (starved != 0) {
        pool_.park(shared_from_this(), seen);
    } else {
        pool_.wake_parked();
    }
}

// Bytes that are still missing and have no memory.
uint64_t SegmentReader::retry_once() {
    uint64_t starved = 0;
    std::vector<Ready> ready;
    std::vector<FetchPtr> fetches;
    {
        LockGuard lock(mutex_);
        for (Waiting& waiting : waiting_) {
            if (!waiting.stranded) continue;
            ReadAhead::Plan plan;
            plan.until = waiting.end;
            plan.piece_bytes = ReadAhead::kPieceBytesMax;
            waiting.stranded =
                !fetch_missing(waiting.key, waiting.offset, waiting.end, plan, waiting.place);
            if (waiting.stranded) starved += waiting.end - waiting.offset;
        }
        ready = take_ready();
        fetches = take_new_fetches();
    }
    begin(std::move(fetches));
    answer(std::move(ready));
    return starved;
}

void SegmentReader::cancel() {
    std::vector<Ready> ready;
    {
        LockGuard lock(mutex_);
        for (Waiting& waiting : waiting_) ready.push_back({std::move(waiting.done), stopped()});
        waiting_.clear();
        for (const FetchPtr& fetch : fetches_) fetch->cancel();
    }
    answer(std::move(ready));
}

void SegmentReader::shed() {
    LockGuard lock(mutex_);
    drop_unread();
}

void SegmentReader::drop_unread() {
    for (auto at = segments_.begin(); at != segments_.end();) {
        at = is_droppable(*at->second) ? erase(at) : std::next(at);
    }
}

// ---- what fetches report ---------------------------------------------------------------------

Result<void> SegmentReader::learn(const ObjectInfo& info) {
    // The second wall behind If-Match: not every service honours it on GET.
    if (!etag_.empty() && info.etag != etag_) {
        return fail(ErrorKind::precondition_failed, "the object was replaced meanwhile");
    }
    if (info.size != size_) {
        return fail(ErrorKind::precondition_failed,
                    fmt::format("the object has {} bytes and not {} any more", info.size, size_));
    }
    LockGuard lock(mutex_);
    if (const auto crc = whole_crc64(info, kind_)) crc64_ = crc;
    return {};
}

void SegmentReader::progress(const Fetch& fetch, size_t bytes) {
    std::vector<Ready> ready;
    {
        LockGuard lock(mutex_);
        for (const SegmentPtr& segment : fetch.segments) {
            const size_t n = std::min(bytes, segment->block.size() - segment->filled);
            segment->filled += n;
            bytes -= n;
            if (bytes == 0) break;
        }
        ready = take_ready();
    }
    answer(std::move(ready));
}

void SegmentReader::restart(const Fetch& fetch) {
    LockGuard lock(mutex_);
    for (const SegmentPtr& segment : fetch.segments) segment->filled = 0;
}

void SegmentReader::fetched(const Fetch& fetch, uint64_t crc) {
    std::vector<Ready> ready;
    bool ask = false;
    {
        LockGuard lock(mutex_);
        end(fetch);
        if (!checked_) cover_.add(fetch.offset(), fetch.end() - fetch.offset(), crc);
        ask = is_to_ask();
        ready = settle(fetch.offset(), fetch.end());
    }
    if (ask) pool_.ask(shared_from_this(), fetch.key());
    answer(std::move(ready));
}

std::vector<SegmentReader::Ready> SegmentReader::settle(uint64_t offset, uint64_t end) {
    check_whole();
    reveal();
    std::vector<Ready> ready = take_ready();
    // Those that the last answer has left.
    drop_handed_out(offset, end);
    // It came for somebody who has closed the file meanwhile.
    if (streams_ == 0) drop_unread();
    return ready;
}

bool SegmentReader::is_to_ask() {
    if (asked_ || crc64_ || checked_ || kind_ != Crc64Kind::nvme) return false;
    if (size_ <= kAskBytesMin || cover_.bytes() < size_ / 2) return false;
    asked_ = asking_ = true;
    return true;
}

void SegmentReader::told(const Result<HeadReply>& head) {
    std::vector<Ready> ready;
    {
        LockGuard lock(mutex_);
        asking_ = false;
        // Without an answer, or with that of another version, there is nothing to compare with.
        if (head && head->info.etag == etag_ && head->info.size == size_) {
            crc64_ = whole_crc64(head->info, kind_);
        }
        ready = settle(0, size_);
    }
    answer(std::move(ready));
}

void SegmentReader::failed(const Fetch& fetch, const Error& error) {
    std::vector<Ready> ready;
    bool stranded = false;
    {
        LockGuard lock(mutex_);
        end(fetch);
        abandon(fetch);
        // Whoever asks for a piece of it next must not get what could not be checked.
        if (error.kind == ErrorKind::checksum_mismatch && !wrong_) wrong_ = error;
        reveal();
        ready = take_ready();
        if (!fetch.cancelled()) fail_awaiting(fetch.offset(), fetch.end(), error, ready);
        stranded = find_stranded();
    }
    answer(std::move(ready));
    if (stranded) retry();
}

// Takes the fetch off the list.
void SegmentReader::end(const Fetch& fetch) {
    fetches_.remove_if([&](const FetchPtr& other) { return other.get() == &fetch; });
}

// What it has not filled is no longer on its way.
void SegmentReader::abandon(const Fetch& fetch) {
    for (const SegmentPtr& segment : fetch.segments) {
        const auto at = segments_.find(segment->offset);
        if (at == segments_.end() || at->second != segment) continue;
        if (segment->filled < segment->block.size() || segment->concealed) erase(at);
    }
}

// Shows what was held back until all of the object could be checked: now, or when the fetches under
// way may bring the rest of it.
void SegmentReader::reveal() {
    uint64_t on_their_way = 0;
    for (const FetchPtr& other : fetches_) on_their_way += other->end() - other->offset();
    const bool to_compare = asking_ || (crc64_ && on_their_way != 0);
    const bool check_to_come =
        to_compare && !checked_ && !wrong_ && cover_.bytes() + on_their_way >= size_;
    if (check_to_come) return;
    for (auto& [offset, segment] : segments_) {
        if (segment->filled == segment->block.size()) segment->concealed = false;
    }
}

void SegmentReader::check_whole() {
    if (checked_ || wrong_ || !crc64_) return;
    const std::optional<uint64_t> crc = cover_.whole(size_);
    if (!crc) return;
    if (*crc == *crc64_) {
        checked_ = true;
        cover_.clear();
        return;
    }
    wrong_ = fail(ErrorKind::checksum_mismatch,
                  fmt::format("the object's {} bytes have CRC64 {} but the service says {}; they "
                              "were damaged on the way or in store: read it again",
                              size_, *crc, *crc64_));
}

// ---- waiting reads ---------------------------------------------------------------------------

std::vector<SegmentReader::Ready> SegmentReader::take_ready() {
    std::vector<Ready> ready;
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        if (wrong_) {
            ready.push_back({std::move(at->done), *wrong_});
        } else if (is_here(at->offset, at->end)) {
            ready.push_back({std::move(at->done), hand_out(at->offset, at->end)});
        } else {
            ++at;
            continue;
        }
        const uint64_t offset = at->offset;
        const uint64_t end = at->end;
        at = waiting_.erase(at);
        drop_handed_out(offset, end);
    }
    return ready;
}

void SegmentReader::fail_awaiting(uint64_t offset, uint64_t end, const Error& error,
                                  std::vector<Ready>& ready) {
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        if (at->offset >= end || at->end <= offset || covered_until(at->offset) >= at->end) {
            ++at;
            continue;
        }
        ready.push_back({std::move(at->done), error});
        at = waiting_.erase(at);
    }
}

bool SegmentReader::find_stranded() {
    bool found = false;
    for (Waiting& waiting : waiting_) {
        if (covered_until(waiting.offset) < waiting.end) waiting.stranded = true;
        found = found || waiting.stranded;
    }
    return found;
}

void SegmentReader::answer(std::vector<Ready> ready) {
    for (Ready& one : ready) {
        pool_.answer(
            [one = std::make_shared<Ready>(std::move(one))] { one->done(std::move(one->result)); });
    }
}

bool SegmentReader::is_awaited(uint64_t offset, uint64_t end) const {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
        return !waiting.stranded && waiting.offset < end && offset < waiting.end;
    });
}

// ---- segments --------------------------------------------------------------------------------

SegmentReader::Segments::iterator SegmentReader::find(uint64_t offset) {
    auto at = segments_.upper_bound(offset);
    if (at == segments_.begin()) return segments_.end();
    --at;
    return at->second->end() > offset ? at : segments_.end();
}

bool SegmentReader::is_here(uint64_t offset, uint64_t end) {
    for (auto at = find(offset); at != segments_.end() && at->first <= offset; ++at) {
        const uint64_t shown_end = at->first + at->second->shown();
        if (shown_end >= end) return true;
        if (shown_end < at->second->end()) return false;
        offset = shown_end;
    }
    return false;
}

uint64_t SegmentReader::covered_until(uint64_t offset) {
    for (auto at = find(offset); at != segments_.end() && at->first <= offset; ++at) {
        offset = at->second->end();
    }
    return offset;
}

ReadBytes SegmentReader::hand_out(uint64_t offset, uint64_t end) {
    ReadBytes bytes;
    for (auto at = find(offset); offset < end; ++at) {
        Segment& segment = *at->second;
        const auto from = static_cast<size_t>(offset - at->first);
        const auto n = static_cast<size_t>(std::min(end, segment.end()) - offset);
        bytes.append(at->second, std::string_view(segment.block.data() + from, n));
        segment.handed_out += n;
        offset += n;
    }
    return bytes;
}

bool SegmentReader::is_droppable(const Segment& segment) const {
    return segment.filled == segment.block.size() && !segment.concealed &&
           !is_awaited(segment.offset, segment.end());
}

void SegmentReader::drop_handed_out(uint64_t offset, uint64_t end) {
    for (auto at = find(offset); at != segments_.end() && at->first < end;) {
        const bool used_up = at->second->handed_out >= at->second->block.size();
        at = used_up && is_droppable(*at->second) ? erase(at) : std::next(at);
    }
}

void SegmentReader::drop_behind(uint64_t place, uint64_t next) {
    for (auto at = segments_.begin(); at != segments_.end() && at->first + kBehind < next;) {
        const Segment& segment = *at->second;
        const bool behind = segment.place == place && segment.end() + kBehind <= next;
        at = behind && is_droppable(segment) ? erase(at) : std::next(at);
    }
}

void SegmentReader::leave_place(uint64_t place) {
    for (const FetchPtr& fetch : std::list<FetchPtr>(fetches_)) {
        if (fetch->place() != place || is_awaited(fetch->offset(), fetch->end())) continue;
        fetch->cancel();
        abandon(*fetch);
    }
    for (auto at = segments_.begin(); at != segments_.end();) {
        const bool useless = at->second->place == place && is_droppable(*at->second);
        at = useless ? erase(at) : std::next(at);
    }
}

SegmentReader::Segments::iterator SegmentReader::erase(Segments::iterator segment) {
    held_bytes_ -= segment->second->block.size();
    if (held_bytes_ == 0) pool_.note_holding(false);
    return segments_.erase(segment);
}

// ---- fetching --------------------------------------------------------------------------------

bool SegmentReader::fetch_missing(const ObjectKey& key, uint64_t offset, uint64_t end,
                                  const ReadAhead::Plan& plan, uint64_t place) {
    BlockMemory& memory = pool_.memory();
    // All that is waited for or none of it: reads that each hold a half would wait for ever.
    if (!memory.reserve(missing_bytes(offset, end), memory.bytes_max())) return false;
    if (plan.next <= end) {
        fetch_range(key, offset, end, plan, place);
        return true;
    }
    // A read that comes late: what lies behind it was asked for by those that overtook it, and may
    // have been handed out.
    ReadAhead::Plan late = plan;
    late.until = end;
    fetch_range(key, offset, end, late, place);
    fetch_range(key, plan.next, plan.next, plan, place);
    return true;
}

void SegmentReader::fetch_range(const ObjectKey& key, uint64_t at, uint64_t end,
                                const ReadAhead::Plan& plan, uint64_t place) {
    BlockMemory& memory = pool_.memory();
    at = covered_until(at);
    while (at < plan.until) {
        const bool awaited = at < end;
        const uint64_t stop = end_of_piece(at, end, plan);
        if (stop <= at) return;
        const uint64_t reserved = awaited ? std::min(stop, end) - at : 0;
        if (memory.reserve(stop - at - reserved, pool_.ahead_limit())) {
            add_fetch(key, at, stop, place, awaited);
            at = covered_until(stop);
            continue;
        }
        ahead_is_short_ = true;
        if (!awaited) return;
        add_fetch(key, at, at + reserved, place, true);
        at = covered_until(at + reserved);
    }
}

// Whole blocks, and where nobody waits whole pieces: few and large requests. Not past `at` when it
// is better to wait for more to ask for.
uint64_t SegmentReader::end_of_piece(uint64_t at, uint64_t end, const ReadAhead::Plan& plan) {
    const uint64_t stop = std::min(at + plan.piece_bytes, plan.until);
    const auto next = segments_.upper_bound(at);
    if (next != segments_.end() && next->first <= stop) return next->first;
    if (stop == size_) return stop;
    const uint64_t floor = stop / kBlockBytes * kBlockBytes;
    if (at < end) return floor > at && floor >= end ? floor : stop;
    return floor + kBlockBytes > at + plan.piece_bytes ? floor : at;
}

uint64_t SegmentReader::missing_bytes(uint64_t offset, uint64_t end) {
    uint64_t missing = 0;
    for (uint64_t at = covered_until(offset); at < end;) {
        const auto next = segments_.upper_bound(at);
        const uint64_t stop = next == segments_.end() ? end : std::min(end, next->first);
        missing += stop - at;
        at = covered_until(stop);
    }
    return missing;
}

void SegmentReader::add_fetch(const ObjectKey& key, uint64_t offset, uint64_t end, uint64_t place,
                              bool awaited) {
    const auto fetch =
        std::make_shared<Fetch>(shared_from_this(), key, offset, end - offset, place);
    fetch->awaited = awaited;
    const bool whole = offset == 0 && end == size_;
    if (held_bytes_ == 0) pool_.note_holding(true);
    held_bytes_ += end - offset;
    while (offset < end) {
        const uint64_t border = (offset / kBlockBytes + 1) * kBlockBytes;
        const auto bytes = static_cast<size_t>(std::min(border, end) - offset);
        auto segment = std::make_shared<Segment>(offset, pool_.memory().take(bytes));
        segment->place = place;
        segment->concealed = whole || segment->end() == size_;
        segments_.emplace(offset, segment);
        fetch->segments.push_back(std::move(segment));
        offset += bytes;
    }
    fetches_.push_back(fetch);
    new_fetches_.push_back(fetch);
}

// What was fetched ahead of need and waits for its turn is needed now.
void SegmentReader::hurry(uint64_t offset, uint64_t end, std::vector<FetchPtr>& fetches) {
    for (const FetchPtr& fetch : fetches_) {
        if (fetch->awaited || fetch->offset() >= end || fetch->end() <= offset) continue;
        fetch->awaited = true;
        if (!fetch->begun()) fetches.push_back(fetch);
    }
}

std::vector<FetchPtr> SegmentReader::take_new_fetches() { return std::exchange(new_fetches_, {}); }

void SegmentReader::begin(std::vector<FetchPtr> fetches) {
    for (FetchPtr& fetch : fetches) pool_.begin(std::move(fetch));
}

}  // namespace xbucket
