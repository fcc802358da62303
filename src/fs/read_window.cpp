// SPDX-FileCopyrightText: the xbucket authors
#include "read_window.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

constexpr uint64_t kAheadBytesFirst = 256U << 10;
constexpr uint64_t kAheadBytesMax = 4U << 20;
constexpr size_t kStretchesMax = 4;

class RangeSink final : public GetSink {
  public:
    RangeSink(const ETag& etag, uint64_t length) : etag_(etag), length_(length) {
        bytes_.reserve(static_cast<size_t>(length));
    }
    Result<void> on_info(const ObjectInfo& info) override {
        // The second wall behind If-Match: not every service honours it on GET.
        if (!etag_.empty() && info.etag != etag_) {
            return fail(ErrorKind::precondition_failed, "the object was replaced meanwhile");
        }
        return {};
    }
    Result<BodySink::Action> on_data(std::string_view bytes) override {
        if (bytes_.size() + bytes.size() > length_) {
            return fail(ErrorKind::bad_reply, "the service sent more than was asked for");
        }
        bytes_ += bytes;
        return BodySink::Action::taken;
    }
    std::string take() { return std::move(bytes_); }

  private:
    const ETag etag_;
    const uint64_t length_;
    std::string bytes_;
};

}  // namespace

Result<std::string> get_range(ObjectStore& store, const ObjectKey& key, const ETag& etag,
                              uint64_t offset, uint64_t length) {
    RangeSink sink(etag, length);
    GetRequest request;
    request.key = key;
    request.offset = offset;
    request.length = length;
    request.if_match = etag;
    TRY(store.get(request, sink, {.request_class = RequestClass::data}));
    std::string bytes = sink.take();
    if (bytes.size() != length) {
        return fail(ErrorKind::bad_reply, fmt::format("'{}': {} bytes came instead of {}",
                                                      printable(key.str()), bytes.size(), length));
    }
    return bytes;
}

ReadWindow::~ReadWindow() {
    LockGuard lock(mutex_);
    while (!stretches_.empty()) drop(stretches_.begin());
}

Result<std::string> ReadWindow::read(const ObjectKey& key, const ETag& etag, uint64_t size,
                                     uint64_t offset, size_t bytes) {
    const uint64_t end = std::min<uint64_t>(size, offset + bytes);
    std::string out;
    LockGuard lock(mutex_);
    while (offset < end) {
        auto stretch = find(offset);
        if (stretch == stretches_.end()) {
            stretch = plan(offset, end - offset, size);
            const uint64_t from = stretch->offset;
            const uint64_t length = stretch->length;
            lock.unlock();
            Result<std::string> got = get_range(store_, key, etag, from, length);
            lock.lock();
            changed_.notify_all();
            if (!got) {
                drop(stretch);
                return std::move(got).error();
            }
            stretch->bytes = std::move(*got);
            stretch->loading = false;
        }
        if (stretch->loading) {
            changed_.wait(mutex_);
            continue;
        }
        stretch->last_used = ++uses_;
        const uint64_t until = std::min(end, stretch->end());
        out.append(stretch->bytes, static_cast<size_t>(offset - stretch->offset),
                   static_cast<size_t>(until - offset));
        offset = until;
    }
    next_expected_ = std::max(next_expected_, end);
    return out;
}

ReadWindow::Stretches::iterator ReadWindow::find(uint64_t offset) {
    return std::find_if(stretches_.begin(), stretches_.end(),
                        [&](const Stretch& s) { return s.offset <= offset && offset < s.end(); });
}

// Adds a stretch to load, which nobody else may drop while it loads.
ReadWindow::Stretches::iterator ReadWindow::plan(uint64_t offset, uint64_t bytes, uint64_t size) {
    // Kernels send the pieces of one sequential read in parallel and hence not quite in order.
    const bool goes_on =
        offset <= next_expected_ + kAheadBytesFirst && next_expected_ <= offset + kAheadBytesFirst;
    ahead_bytes_ = goes_on ? std::clamp(ahead_bytes_ * 2, kAheadBytesFirst, kAheadBytesMax) : 0;
    uint64_t length = std::max(bytes, ahead_bytes_);
    if (!budget_.has_room_for(length)) length = bytes;
    length = std::min(length, size - offset);
    for (const Stretch& other : stretches_) {
        if (other.offset > offset) length = std::min(length, other.offset - offset);
    }
    while (stretches_.size() >= kStretchesMax) {
        auto oldest = stretches_.end();
        for (auto at = stretches_.begin(); at != stretches_.end(); ++at) {
            if (at->loading) continue;
            if (oldest == stretches_.end() || at->last_used < oldest->last_used) oldest = at;
        }
        if (oldest == stretches_.end()) break;
        drop(oldest);
    }
    budget_.add(length);
    Stretch stretch;
    stretch.offset = offset;
    stretch.length = length;
    return stretches_.insert(stretches_.end(), std::move(stretch));
}

void ReadWindow::drop(Stretches::iterator stretch) {
    budget_.remove(stretch->length);
    stretches_.erase(stretch);
}

}  // namespace xbucket
