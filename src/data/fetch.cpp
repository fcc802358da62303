// SPDX-FileCopyrightText: the xbucket authors
#include "fetch.h"

#include "object_reader.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace xbucket {

// Takes the bytes of one attempt; on the transport's thread but for on_start().
class Fetch::Sink final : public GetSink {
  public:
    explicit Sink(Fetch& fetch) : fetch_(fetch) {}

    void on_start(std::shared_ptr<Transfer> transfer) override {
        {
            LockGuard lock(fetch_.mutex_);
            fetch_.transfer_ = transfer;
        }
        // cancel() may have come before there was something to cancel.
        if (fetch_.cancelled_) transfer->cancel();
    }

    Result<void> on_info(const ObjectInfo& info) override { return fetch_.reader_->learn(info); }

    Result<BodySink::Action> on_data(std::string_view bytes) override {
        if (fetch_.cancelled_) return fail(ErrorKind::cancelled, "nobody reads here any more");
        if (bytes.size() > fetch_.length_ - taken_) {
            return fail(ErrorKind::bad_reply, "the service sent more than was asked for");
        }
        const std::string_view all = bytes;
        while (!bytes.empty()) {
            const Segment& segment = *fetch_.segments[index_];
            const size_t n = std::min(bytes.size(), segment.block.size() - in_segment_);
            std::memcpy(segment.block.data() + in_segment_, bytes.data(), n);
            bytes.remove_prefix(n);
            in_segment_ += n;
            if (in_segment_ == segment.block.size()) {
                ++index_;
                in_segment_ = 0;
            }
        }
        crc_ = crc64(fetch_.reader_->crc64_kind(), all, crc_);
        taken_ += all.size();
        fetch_.reader_->progress(fetch_, all.size());
        return BodySink::Action::taken;
    }

    uint64_t taken() const { return taken_; }
    uint64_t crc() const { return crc_; }

  private:
    Fetch& fetch_;
    uint64_t taken_ = 0;
    uint64_t crc_ = 0;
    size_t index_ = 0;  // the segment that is being filled
    size_t in_segment_ = 0;
};

void Fetch::run(ObjectStore& store) {
    if (begun_.exchange(true)) return;
    Result<uint64_t> crc = get(store);
    if (!crc && crc.error().kind == ErrorKind::checksum_mismatch) {
        // Nothing has been shown of an object that came whole: once more.
        log_warning("data", "key='{}' is read again: {}", printable(key_.str()),
                    crc.error().describe());
        reader_->restart(*this);
        crc = get(store);
    }
    {
        LockGuard lock(mutex_);
        transfer_ = nullptr;
    }
    if (crc) {
        reader_->fetched(*this, *crc);
    } else {
        reader_->failed(*this, crc.error());
    }
}

Result<uint64_t> Fetch::get(ObjectStore& store) {
    if (cancelled_) return fail(ErrorKind::cancelled, "nobody reads here any more");
    GetRequest request;
    request.key = key_;
    request.offset = offset_;
    request.length = length_;
    request.whole = length_ == reader_->size();
    request.if_match = reader_->etag();
    Sink sink(*this);
    // Somebody's few bytes do not stand in line behind everybody's read-ahead.
    const bool small = awaited && length_ <= 2 * kBlockBytes;
    TRY(store.get(request, sink,
                  {.request_class = small ? RequestClass::interactive : RequestClass::data}));
    if (sink.taken() != length_) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("'{}': {} bytes came instead of {}", printable(key_.str()),
                                sink.taken(), length_));
    }
    return sink.crc();
}

void Fetch::cancel() {
    cancelled_ = true;
    std::shared_ptr<Transfer> transfer;
    {
        LockGuard lock(mutex_);
        transfer = transfer_;
    }
    if (transfer) transfer->cancel();
}

}  // namespace xbucket
