// SPDX-FileCopyrightText: the xbucket authors
// One multipart upload: parts that are sent while the file is written, and the rest at the end.
#include "uploads_impl.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/base/parallel.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

constexpr CallOptions kDataCall{.request_class = RequestClass::data, .deadline = Duration{0}};
// What one request copies at most: a long copy cannot be resumed.
constexpr uint64_t kCopyBytesMax = 1ULL << 30;

}  // namespace

PartUploadImpl::~PartUploadImpl() {
    LockGuard lock(mutex_);
    if (over_) return;
    parts_.pool.post([&parts = parts_, key = key_, id = id_, ticket = ticket_] {
        parts.abort(key, id, ticket);
    });
}

void PartUploadImpl::send_ahead(ByteRange written) {
    if (written.size() == 0) return;
    LockGuard lock(mutex_);
    if (over_) return;
    uint64_t cell = grid_.cell_of(written.begin);
    if (grid_.cell(cell).begin < written.begin) ++cell;
    for (; grid_.cell(cell).end <= written.end && cell < parts_.store.traits().parts_max; ++cell) {
        // What was changed after it was sent may be changed again: that waits for the end.
        if (!cells_.emplace(cell, Cell{}).second) continue;
        waiting_.push_back(cell);
    }
    start_next();
}

void PartUploadImpl::start_next() {
    while (in_flight_ < parts_.limits.parallel_per_file && !waiting_.empty()) {
        const uint64_t cell = waiting_.front();
        waiting_.pop_front();
        Cell& state = cells_[cell];
        state.in_flight = true;
        state.changed = false;  // it is sent as it is now
        ++in_flight_;
        parts_.pool.post([self = shared_from_this(), cell] { self->send_in_background(cell); });
    }
}

void PartUploadImpl::send_in_background(uint64_t cell) {
    Result<UploadPart> part = send(static_cast<unsigned>(cell) + 1, grid_.cell(cell));
    if (!part) {
        log_info("data", "key='{}' part={} is sent again later: {}", printable(key_.str()),
                 cell + 1, part.error().describe());
    }
    LockGuard lock(mutex_);
    Cell& state = cells_[cell];
    state.in_flight = false;
    if (part) state.part = *part;
    --in_flight_;
    start_next();
    idle_.notify_all();
}

void PartUploadImpl::changed(ByteRange range) {
    LockGuard lock(mutex_);
    auto cell = cells_.lower_bound(grid_.cell_of(range.begin));
    for (; cell != cells_.end() && grid_.cell(cell->first).begin < range.end; ++cell)
        cell->second.changed = true;
}

Result<UploadPart> PartUploadImpl::send(unsigned number, ByteRange range) {
    const auto once = [&] {
        return parts_.store.upload_part(key_, id_, number, content_->body(range), kDataCall);
    };
    Result<UploadPart> part = once();
    // The same bytes under the same number: sending a part twice does no harm.
    if (!part && part.error().outcome_unknown) part = once();
    return part;
}

// The service numbers and orders parts; two requests for one number must not overlap.
void PartUploadImpl::settle() {
    LockGuard lock(mutex_);
    waiting_.clear();
    while (in_flight_ != 0) idle_.wait(mutex_);
}

std::vector<PartUploadImpl::Task> PartUploadImpl::plan() {
    LockGuard lock(mutex_);
    chosen_.clear();
    std::vector<Task> tasks;
    const uint64_t size = content_->size();
    const uint64_t copy_max = std::min(kCopyBytesMax, parts_.store.traits().part_bytes_max);
    bool after_copy = false;
    for (uint64_t at = 0, cell = 0; at < size; ++cell) {
        const ByteRange range{at, std::min(grid_.cell(cell).end, size)};
        at = range.end;
        const auto sent = cells_.find(cell);
        const bool is_there = sent != cells_.end() && sent->second.part && !sent->second.changed &&
                              sent->second.part->bytes == range.size();
        if (is_there) {
            chosen_.push_back(*sent->second.part);
            after_copy = false;
            continue;
        }
        const bool copy = content_->is_unchanged(range);
        if (copy && after_copy && tasks.back().range.size() + range.size() <= copy_max) {
            tasks.back().range.end = range.end;
            continue;
        }
        tasks.push_back({static_cast<unsigned>(cell) + 1, range, copy});
        after_copy = copy;
    }
    return tasks;
}

Result<UploadPart> PartUploadImpl::run(const Task& task) {
    if (task.copy) {
        Result<UploadPart> copied = copy(task);
        if (copied || copied.error().kind != ErrorKind::unsupported) return copied;
    }
    TRY(parts_.fetch(key_, *content_, task.range));
    return send(task.number, task.range);
}

Result<UploadPart> PartUploadImpl::copy(const Task& task) {
    const FileContent::Base base = content_->base();
    const ObjectKey& from = base.copied_from.empty() ? key_ : base.copied_from;
    const auto once = [&] {
        return parts_.store.upload_part_copy(key_, id_, task.number, from, task.range.begin,
                                             task.range.size(), base.etag, kDataCall);
    };
    Result<UploadPart> part = once();
    if (!part && part.error().outcome_unknown) part = once();
    if (part) return part;
    return base_error(key_, std::move(part).error());
}

Result<void> PartUploadImpl::send_rest() {
    settle();
    const uint64_t size = content_->size();
    const StoreTraits& traits = parts_.store.traits();
    if (size != 0 && grid_.cell_of(size - 1) >= traits.parts_max) {
        return fail(ErrorKind::file_too_large,
                    fmt::format("{} bytes do not fit into {} parts as they were begun", size,
                                traits.parts_max));
    }
    const std::vector<Task> tasks = plan();
    std::atomic<bool> failed{false};
    Mutex mutex;
    Result<void> result;
    std::vector<UploadPart> done;
    for_each_parallel(parts_.pool, tasks.size(), parts_.limits.parallel_per_file, [&](size_t i) {
        if (failed) return;
        Result<UploadPart> part = run(tasks[i]);
        LockGuard lock(mutex);
        if (part) {
            done.push_back(*part);
        } else if (!failed.exchange(true)) {
            result = std::move(part).error();
        }
    });
    if (!result) return result;
    LockGuard lock(mutex_);
    chosen_.insert(chosen_.end(), done.begin(), done.end());
    std::sort(chosen_.begin(), chosen_.end(),
              [](const UploadPart& a, const UploadPart& b) { return a.number < b.number; });
    return {};
}

Result<PutReply> PartUploadImpl::complete(const std::optional<ETag>& if_match) {
    std::vector<UploadPart> chosen;
    {
        LockGuard lock(mutex_);
        chosen = chosen_;
    }
    Result<PutReply> reply = parts_.store.complete_upload(key_, id_, chosen, if_match, kDataCall);
    // No such upload: a request that was repeated on its way has completed it, perhaps.
    if (!reply && reply.error().kind == ErrorKind::not_found) {
        Error error = std::move(reply).error();
        error.outcome_unknown = true;
        reply = std::move(error);
    }
    // With the outcome open the upload may be whole: nothing to abort then, and the log keeps it
    // for the next mount to see.
    if (!reply && !reply.error().outcome_unknown) return reply;
    {
        LockGuard lock(mutex_);
        over_ = true;
    }
    if (!reply) return reply;
    parts_.log->over(ticket_);
    uint64_t crc = 0;
    for (const UploadPart& part : chosen) {
        if (!part.crc64) return reply;
        crc = crc64_combine(parts_.store.traits().crc64_kind, crc, *part.crc64, part.bytes);
    }
    if (!reply->crc64 || crc == *reply->crc64) return reply;
    return fail(ErrorKind::checksum_mismatch,
                fmt::format("'{}': the service made other content of the parts than was sent "
                            "(CRC64 {} instead of {})",
                            printable(key_.str()), *reply->crc64, crc));
}

void PartUploadImpl::abort() {
    settle();
    {
        LockGuard lock(mutex_);
        if (over_) return;
        over_ = true;
    }
    parts_.abort(key_, id_, ticket_);
}

}  // namespace xbucket
