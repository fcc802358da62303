// SPDX-FileCopyrightText: the xbucket authors
#include "uploads_impl.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/base/parallel.h"
#include "xbucket/data/get_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace xbucket {
namespace {

constexpr CallOptions kDataCall{.request_class = RequestClass::data, .deadline = Duration{0}};
constexpr uint64_t kFetchPieceBytes = 4U << 20;
constexpr uint64_t kPartUnit = 1U << 20;
// An upload whose id never came was begun at most so long after it was intended, as the service's
// clock tells it.
constexpr int64_t kSkewSeconds = 5;
constexpr int64_t kAnswerSeconds = 60;

// The store's own uploads, in the same log.
class CopyWatcher final : public UploadWatcher {
  public:
    CopyWatcher(std::shared_ptr<UploadLog> log, Clock& clock)
        : log_(std::move(log)), clock_(clock) {}
    Ticket intend(const ObjectKey& key) override { return log_->intend(key, clock_.wall_now()); }
    void made(Ticket ticket, const UploadId& id) override { log_->made(ticket, id); }
    void over(Ticket ticket) override { log_->over(ticket); }

  private:
    const std::shared_ptr<UploadLog> log_;
    Clock& clock_;
};

class UploadsImpl final : public Uploads {
  public:
    UploadsImpl(const UploadLimits& limits, ObjectStore& store, const SpoolSpace& space,
                Clock& clock)
        : parts_(limits, store, space, clock) {
        store.watch_uploads(std::make_shared<CopyWatcher>(parts_.log, clock));
    }
    ~UploadsImpl() override { parts_.store.watch_uploads(nullptr); }

    bool in_parts(uint64_t bytes) const override {
        return bytes > 2 * parts_.part_bytes() || bytes > parts_.store.traits().put_bytes_max;
    }
    bool worth_sending_ahead(uint64_t bytes) const override {
        return bytes > 2 * parts_.part_bytes();
    }
    Result<std::shared_ptr<PartUpload>> begin(const ObjectKey& key,
                                              const ObjectAttributes& attributes,
                                              std::shared_ptr<FileContent> content,
                                              bool growing) override;
    Result<void> fetch(const ObjectKey& key, FileContent& content, ByteRange range) override {
        return parts_.fetch(key, content, range);
    }
    void abort_leftovers() override {
        parts_.pool.post([this] {
            for (UploadLog::Dead& dead : parts_.log->dead()) clean_up(dead);
        });
    }

  private:
    Result<PartGrid> grid_for(uint64_t size, bool growing) const;
    void clean_up(UploadLog::Dead& dead);
    Result<void> abort_leftover(const UploadLog::Leftover& leftover);
    Result<UploadId> find_unanswered(const UploadLog::Leftover& leftover);

    UploadParts parts_;
};

Result<PartGrid> UploadsImpl::grid_for(uint64_t size, bool growing) const {
    const StoreTraits& traits = parts_.store.traits();
    const uint64_t least = parts_.part_bytes();
    if (growing) return PartGrid::growing(least, std::max(least, traits.part_bytes_max));
    const uint64_t needed = (size + traits.parts_max - 1) / traits.parts_max;
    uint64_t bytes = least;
    if (needed > least) bytes = (needed + kPartUnit - 1) / kPartUnit * kPartUnit;
    if (needed > traits.part_bytes_max) {
        return fail(ErrorKind::file_too_large,
                    fmt::format("{} bytes are more than {} parts of {} can hold", size,
                                traits.parts_max, traits.part_bytes_max));
    }
    return PartGrid::even(std::min(bytes, traits.part_bytes_max));
}

Result<std::shared_ptr<PartUpload>> UploadsImpl::begin(const ObjectKey& key,
                                                       const ObjectAttributes& attributes,
                                                       std::shared_ptr<FileContent> content,
                                                       bool growing) {
    const PartGrid grid = TRY(grid_for(content->size(), growing));
    const UploadLog::Ticket ticket = parts_.log->intend(key, parts_.clock.wall_now());
    Result<UploadId> id = parts_.store.create_upload(key, attributes, kDataCall);
    if (!id) {
        // Where the answer was lost the next mount looks for it.
        if (!id.error().outcome_unknown) parts_.log->over(ticket);
        return std::move(id).error();
    }
    parts_.log->made(ticket, *id);
    return std::shared_ptr<PartUpload>(
        std::make_shared<PartUploadImpl>(parts_, key, *id, ticket, std::move(content), grid));
}

void UploadsImpl::clean_up(UploadLog::Dead& dead) {
    bool clean = true;
    for (const UploadLog::Leftover& leftover : dead.leftovers()) {
        const Result<void> aborted = abort_leftover(leftover);
        if (aborted) continue;
        clean = false;
        log_warning("data", "key='{}' parts of an upload that was cut short are left behind: {}",
                    printable(leftover.key.str()), aborted.error().describe());
    }
    if (clean) dead.done();
}

Result<void> UploadsImpl::abort_leftover(const UploadLog::Leftover& leftover) {
    UploadId id = leftover.id;
    if (id.empty()) id = TRY(find_unanswered(leftover));
    if (id.empty()) return {};
    Result<void> aborted = parts_.store.abort_upload(leftover.key, id, kDataCall);
    if (!aborted && aborted.error().kind == ErrorKind::not_found)
        return {};  // completed or aborted
    if (aborted) {
        log_info("data", "key='{}' aborted an upload that an earlier mount left",
                 printable(leftover.key.str()));
    }
    return aborted;
}

// The only upload of the key that was begun when ours was; "" = none, or nobody can tell which.
Result<UploadId> UploadsImpl::find_unanswered(const UploadLog::Leftover& leftover) {
    UploadId found;
    for (const PendingUpload& upload :
         TRY(parts_.store.list_uploads(leftover.key.str(), kDataCall))) {
        const int64_t after = upload.initiated.seconds() - leftover.intended.seconds();
        if (upload.key != leftover.key || after < -kSkewSeconds || after > kAnswerSeconds) continue;
        if (!found.empty()) return UploadId();
        found = upload.id;
    }
    return found;
}

}  // namespace

void UploadParts::abort(const ObjectKey& key, const UploadId& id, UploadLog::Ticket ticket) {
    const Result<void> aborted = store.abort_upload(key, id, kDataCall);
    if (aborted || aborted.error().kind == ErrorKind::not_found) return log->over(ticket);
    log_warning("data", "key='{}' upload={} left behind for the next mount to abort: {}",
                printable(key.str()), id.str(), aborted.error().describe());
}

uint64_t UploadParts::part_bytes() const {
    return std::max(limits.part_bytes, store.traits().part_bytes_min);
}

Result<void> UploadParts::fetch(const ObjectKey& key, FileContent& content, ByteRange range) {
    std::vector<ByteRange> pieces;
    for (const ByteRange& gap : content.missing(range)) {
        for (uint64_t at = gap.begin; at < gap.end; at += kFetchPieceBytes) {
            pieces.push_back({at, std::min(at + kFetchPieceBytes, gap.end)});
        }
    }
    const FileContent::Base base = content.base();
    const ObjectKey& from = base.copied_from.empty() ? key : base.copied_from;
    std::atomic<bool> failed{false};
    Mutex mutex;
    Result<void> result;
    for_each_parallel(pool, pieces.size(), limits.parallel_per_file, [&](size_t i) {
        if (failed) return;
        const ByteRange& piece = pieces[i];
        const Result<std::string> bytes = get_range(store, from, base.etag, piece.begin,
                                                    piece.size(), piece.size() == base.object_size);
        Result<void> filled =
            bytes ? content.fill(piece.begin, *bytes) : Result<void>(bytes.error());
        if (filled) return;
        LockGuard lock(mutex);
        if (!failed.exchange(true)) result = std::move(filled);
    });
    if (result) return {};
    return base_error(key, std::move(result).error());
}

Error base_error(const ObjectKey& key, Error error) {
    if (!is_gone_or_replaced(error)) return error;
    return fail(ErrorKind::stale, fmt::format("'{}' was replaced or deleted by somebody else while "
                                              "it was being changed here",
                                              printable(key.str())));
}

std::unique_ptr<Uploads> make_uploads(const UploadLimits& limits, ObjectStore& store,
                                      SpoolSpace& space, Clock& clock) {
    return std::make_unique<UploadsImpl>(limits, store, space, clock);
}

}  // namespace xbucket
