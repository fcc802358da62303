// SPDX-FileCopyrightText: the xbucket authors
#include "multipart_copy.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

bool is_same_state(const ObjectInfo& a, const ObjectInfo& b) {
    return a.etag == b.etag && a.size == b.size && a.last_modified == b.last_modified &&
           a.version_id == b.version_id && a.attributes == b.attributes;
}

// Tells whoever watches. What is not over when the copy ends is theirs to abort.
class WatchedUpload {
  public:
    WatchedUpload(std::shared_ptr<UploadWatcher> watcher, const ObjectKey& key)
        : watcher_(std::move(watcher)), ticket_(watcher_ ? watcher_->intend(key) : 0) {}
    void made(const UploadId& id) {
        if (watcher_) watcher_->made(ticket_, id);
    }
    void over() {
        if (watcher_) watcher_->over(ticket_);
    }

  private:
    const std::shared_ptr<UploadWatcher> watcher_;
    const UploadWatcher::Ticket ticket_;
};

}  // namespace

uint64_t copy_part_bytes(uint64_t size, const StoreTraits& traits) {
    constexpr uint64_t kUsual = 512ULL << 20;
    constexpr uint64_t kStep = 1ULL << 20;
    const uint64_t fewest = size / traits.parts_max + 1;
    const uint64_t rounded = (fewest + kStep - 1) / kStep * kStep;
    return std::clamp(std::max(kUsual, rounded), traits.part_bytes_min, traits.part_bytes_max);
}

Result<CopyReply> MultipartCopy::run() {
    if (!request_.source_version.empty()) {
        // ObjectStore::head has no version, and who names one has no condition to check.
        return fail(ErrorKind::unsupported,
                    "a version of an object above the limit of a single copy cannot be copied");
    }
    auto [source, checksum] = TRY(store_.head_with_checksum(request_.source, options_));
    checksum_ = std::move(checksum);
    TRY(check_guard(source));
    const ObjectAttributes attributes = TRY(attributes_for(source));
    WatchedUpload upload(store_.upload_watcher(), request_.destination);
    const auto id = store_.begin_upload(request_.destination, attributes, checksum_, options_);
    if (!id) {
        if (!id.error().outcome_unknown) upload.over();
        return id.error();
    }
    upload.made(*id);
    auto parts = copy_parts(*id, source);
    auto completed =
        parts ? complete(*id, source, *parts) : Result<PutReply>(std::move(parts.error()));
    if (!completed) {
        // An upload whose Complete may have been applied is no longer ours to abort.
        if (!completed.error().outcome_unknown && abort(*id)) upload.over();
        return std::move(completed.error());
    }
    upload.over();
    return compare(*completed, source);
}

bool MultipartCopy::abort(const UploadId& id) {
    const auto aborted = store_.abort_upload(request_.destination, id, options_);
    if (aborted || aborted.error().kind == ErrorKind::not_found) return true;
    log_warning("store", "a multipart upload of \"{}\" is left behind: {}",
                printable(request_.destination.str()), aborted.error().describe());
    return false;
}

Result<void> MultipartCopy::check_guard(const ObjectInfo& source) const {
    const CopyGuard& guard = request_.guard;
    const bool held =
        (!guard.source_unmodified_since ||
         source.last_modified <= *guard.source_unmodified_since) &&
        (!guard.source_modified_since || source.last_modified > *guard.source_modified_since) &&
        (!guard.source_if_match || source.etag == *guard.source_if_match);
    if (held) return {};
    return fail(
        ErrorKind::precondition_failed,
        fmt::format("COPY {}: the object has changed meanwhile", printable(request_.source.str())));
}

Result<ObjectAttributes> MultipartCopy::attributes_for(const ObjectInfo& source) {
    if (source.missing_metadata != 0) {
        return fail(ErrorKind::unsupported,
                    fmt::format("COPY {}: the service hides {} metadata entries, which the copy "
                                "would lose",
                                printable(request_.source.str()), source.missing_metadata));
    }
    ObjectAttributes attributes = request_.replace ? *request_.replace : source.attributes;
    // A new upload has no tags of its own; a single copy would have kept the source's.
    // Their count is not told to who may not read them.
    if (!attributes.tags && source.tag_count != 0U) {
        auto tags = store_.get_tags(request_.source, options_);
        const ErrorKind kind = tags ? ErrorKind::internal : tags.error().kind;
        const bool hidden = kind == ErrorKind::access_denied && !request_.tags_required;
        const bool passable = !source.tag_count && (hidden || kind == ErrorKind::unsupported);
        if (!tags && !passable) return std::move(tags.error()).with_context("reading the tags");
        if (tags) attributes.tags = std::move(*tags);
        if (hidden && passable) {
            log_warning("store", "key='{}' is copied in parts, without tags that it may have: {}",
                        printable(request_.source.str()), tags.error().describe());
        }
    }
    return attributes;
}

Result<std::vector<UploadPart>> MultipartCopy::copy_parts(const UploadId& id,
                                                          const ObjectInfo& source) {
    constexpr size_t kParallel = 4;
    const uint64_t part_bytes = copy_part_bytes(source.size, store_.traits());
    const size_t count = static_cast<size_t>((source.size + part_bytes - 1) / part_bytes);
    std::vector<Result<UploadPart>> results(count, fail(ErrorKind::cancelled, "not copied"));
    std::atomic<bool> failed{false};
    {
        WorkerPool pool("store-copy", std::min(kParallel, std::max<size_t>(count, 1)));
        for (size_t i = 0; i < count; ++i) {
            pool.post([&, i] {
                if (failed) return;
                const uint64_t offset = i * part_bytes;
                const uint64_t length = std::min(part_bytes, source.size - offset);
                results[i] =
                    store_.copy_part(request_.destination, id, static_cast<unsigned>(i + 1),
                                     request_, offset, length, source.etag, options_);
                if (!results[i]) failed = true;
            });
        }
        pool.drain();
    }
    std::vector<UploadPart> parts;
    for (Result<UploadPart>& result : results) {
        if (result || result.error().kind == ErrorKind::cancelled) continue;
        // Somebody aborted it, a rule of the bucket perhaps: to be begun anew.
        if (result.error().code == "NoSuchUpload") result.error().kind = ErrorKind::conflict;
        return std::move(result.error());
    }
    for (Result<UploadPart>& result : results) parts.push_back(TRY(std::move(result)));
    return parts;
}

Result<PutReply> MultipartCopy::complete(const UploadId& id, const ObjectInfo& source,
                                         const std::vector<UploadPart>& parts) {
    const ObjectInfo now = TRY(store_.head(request_.source, options_)).info;
    if (!is_same_state(now, source)) {
        return fail(ErrorKind::precondition_failed,
                    fmt::format("COPY {}: the object changed while it was being copied",
                                printable(request_.source.str())));
    }
    std::optional<ETag> if_match;
    if (store_.traits().destination_conditions) if_match = request_.guard.destination_if_match;
    auto reply = store_.complete(request_.destination, id, parts, if_match,
                                 request_.guard.destination_must_not_exist, checksum_, options_);
    // A request that was repeated on its way has completed it, perhaps.
    if (!reply && reply.error().code == "NoSuchUpload") {
        reply.error().kind = ErrorKind::conflict;
        reply.error().outcome_unknown = true;
    }
    return reply;
}

Result<CopyReply> MultipartCopy::compare(const PutReply& reply, const ObjectInfo& source) {
    auto head = store_.head_with_checksum(request_.destination, options_);
    if (!head) {
        head.error().outcome_unknown = true;
        return std::move(head.error());
    }
    const auto& [made, checksum] = *head;
    const bool other_crc = source.crc64 && made.crc64 && *source.crc64 != *made.crc64;
    const bool both_whole = checksum_ && checksum && checksum_->kind == checksum->kind &&
                            !checksum_->whole.empty() && !checksum->whole.empty();
    const bool other_checksum = both_whole && checksum_->whole != checksum->whole;
    if ((!reply.etag.empty() && made.etag != reply.etag) || made.size != source.size || other_crc ||
        other_checksum) {
        Error error(ErrorKind::checksum_mismatch,
                    fmt::format("COPY {}: the result is not what was copied, or somebody wrote it "
                                "at the same time",
                                printable(request_.destination.str())));
        error.outcome_unknown = true;
        return error;
    }
    if (checksum_ && (!checksum || checksum->kind != checksum_->kind)) {
        log_warning("store", "\"{}\" had a checksum ({}), which the service did not give its copy",
                    printable(request_.source.str()), to_string(checksum_->kind));
    }
    CopyReply out;
    out.etag = made.etag;
    out.last_modified = made.last_modified;
    out.date = made.date;
    out.version_id = reply.version_id;
    out.source_version_id = below(reply.version_id, source);
    out.source_etag = source.etag;
    return out;
}

// What came in between the last HEAD and Complete lies below the copy, where versions are kept.
VersionId MultipartCopy::below(const VersionId& made, const ObjectInfo& source) {
    const bool in_place = request_.source == request_.destination;
    if (!in_place || made.empty() || made.str() == "null") return source.version_id;
    constexpr size_t kVersionsMax = 10;  // more than others can have put on top of it since
    const auto list = store_.list_versions(request_.destination, kVersionsMax, options_);
    if (!list) {
        log_info("store", "\"{}\": whether a version came in between cannot be told: {}",
                 printable(request_.source.str()), list.error().describe());
        return source.version_id;
    }
    const auto& versions = list->versions;
    const auto ours = std::find_if(versions.begin(), versions.end(),
                                   [&](const ObjectVersion& v) { return v.id == made; });
    if (ours == versions.end() || ours + 1 == versions.end()) return source.version_id;
    return (ours + 1)->id;
}

}  // namespace xbucket
