// SPDX-FileCopyrightText: the xbucket authors
#include "upload.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

// How often an upload is planned anew because somebody changed the object in between, or because
// a request surely did not arrive. Beyond that close() reports it and the data stays.
constexpr int kAttemptsMax = 4;

bool somebody_came_first(ErrorKind kind) {
    return kind == ErrorKind::precondition_failed || kind == ErrorKind::conflict;
}

Error replaced_meanwhile(const ObjectKey& key) {
    return fail(ErrorKind::stale,
                fmt::format("'{}' was replaced by somebody else while it was being changed here; "
                            "nothing was uploaded, so that their data stays",
                            printable(key.str())));
}

}  // namespace

Result<ObjectStat> Uploader::upload(const UploadJob& job) {
    Error last;
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        UploadPlan plan = TRY(core_.meta.plan_upload(job.key, job.staged));
        if (!job.base_etag.empty() && plan.exists && plan.base_etag != job.base_etag) {
            return replaced_meanwhile(job.key);
        }
        Result<PutReply> reply = send(job, plan);
        if (!reply && reply.error().outcome_unknown) {
            std::optional<PutReply> landed = TRY(look_for(job, plan));
            if (landed) reply = std::move(*landed);
        }
        if (reply) {
            return core_.meta.finish_upload(job.key, plan, *reply, job.spool->size());
        }
        last = std::move(reply).error();
        if (!last.outcome_unknown && !somebody_came_first(last.kind)) break;
    }
    return std::move(last).with_context("upload of '" + printable(job.key.str()) + "'");
}

Result<PutReply> Uploader::send(const UploadJob& job, UploadPlan& plan) {
    const uint64_t size = job.spool->size();
    const StoreTraits& traits = core_.store.traits();
    const bool in_parts = size > 2 * core_.config.part_bytes || size > traits.put_bytes_max;
    return in_parts ? put_parts(job, plan) : put_whole(job, plan);
}

Result<PutReply> Uploader::put_whole(const UploadJob& job, const UploadPlan& plan) {
    PutRequest request;
    request.key = job.key;
    const uint64_t size = job.spool->size();
    if (size != 0) request.body = job.spool->body(0, size);
    request.attributes = plan.attributes;
    // Closes the window between the plan's HEAD and this request, where a service has a lock.
    if (core_.store.traits().destination_conditions && plan.exists) {
        request.if_match = plan.base_etag;
    }
    return core_.store.put(request, {.request_class = RequestClass::data});
}

Result<PutReply> Uploader::put_parts(const UploadJob& job, UploadPlan& plan) {
    const StoreTraits& traits = core_.store.traits();
    const uint64_t size = job.spool->size();
    const uint64_t least = (size + traits.parts_max - 1) / traits.parts_max;
    const uint64_t part_bytes = std::max({core_.config.part_bytes, traits.part_bytes_min, least});
    if (part_bytes > traits.part_bytes_max) {
        return fail(ErrorKind::file_too_large,
                    fmt::format("{} bytes are more than {} parts of {} can hold", size,
                                traits.parts_max, traits.part_bytes_max));
    }
    const CallOptions options{.request_class = RequestClass::data};
    const UploadId id = TRY(core_.store.create_upload(job.key, plan.attributes, options));
    const auto give_up = [&](Error error) {
        const Result<void> aborted = core_.store.abort_upload(job.key, id, options);
        if (!aborted) {
            log_warning("fs", "key='{}' upload={} left behind: {}", printable(job.key.str()),
                        id.str(), aborted.error().describe());
        }
        return error;
    };
    Result<std::vector<UploadPart>> parts = send_parts(job, id, part_bytes);
    if (!parts) return give_up(std::move(parts).error());
    if (Result<void> same = core_.meta.recheck_upload(job.key, plan); !same) {
        // Content that starts from nobody's replaces whatever is there now.
        if (same.error().kind != ErrorKind::stale || !job.base_etag.empty()) {
            return give_up(std::move(same).error());
        }
    }
    std::optional<ETag> if_match;
    if (traits.destination_conditions && !job.base_etag.empty()) if_match = job.base_etag;
    Result<PutReply> reply = core_.store.complete_upload(job.key, id, *parts, if_match, options);
    // With the outcome open the upload may be whole: nothing to abort then.
    if (!reply && !reply.error().outcome_unknown) return give_up(std::move(reply).error());
    return reply;
}

Result<std::vector<UploadPart>> Uploader::send_parts(const UploadJob& job, const UploadId& id,
                                                     uint64_t part_bytes) {
    const uint64_t size = job.spool->size();
    const size_t count = static_cast<size_t>((size + part_bytes - 1) / part_bytes);
    std::vector<std::optional<Result<UploadPart>>> sent(count);
    std::atomic<bool> failed{false};
    for_each_parallel(core_.helpers, count, core_.config.upload_parallel, [&](size_t i) {
        if (failed) return;
        const uint64_t offset = i * part_bytes;
        const uint64_t length = std::min(part_bytes, size - offset);
        const unsigned number = static_cast<unsigned>(i) + 1;
        const auto send_part = [&] {
            return core_.store.upload_part(job.key, id, number, job.spool->body(offset, length),
                                           {.request_class = RequestClass::data});
        };
        Result<UploadPart> part = send_part();
        // The same bytes under the same number: sending a part twice does no harm.
        if (!part && part.error().outcome_unknown) part = send_part();
        if (!part) failed = true;
        sent[i].emplace(std::move(part));
    });
    std::vector<UploadPart> parts;
    for (std::optional<Result<UploadPart>>& part : sent) {
        if (!part) continue;  // not tried: another one failed
        parts.push_back(TRY(std::move(*part)));
    }
    return parts;
}

// The reply was lost. The object tells whether the request arrived: by what it was made of where
// the ETag or the CRC says so.
Result<std::optional<PutReply>> Uploader::look_for(const UploadJob& job, const UploadPlan& plan) {
    Result<HeadReply> head = core_.store.head(job.key);
    if (!head) {
        if (head.error().kind == ErrorKind::not_found) return std::optional<PutReply>();
        return std::move(head).error();
    }
    const ObjectInfo& now = head->info;
    const bool untouched =
        plan.exists && now.etag == plan.base_etag && now.last_modified == plan.base_last_modified;
    if (untouched || now.size != job.spool->size()) return std::optional<PutReply>();
    const bool same_content = iequals(now.etag.str(), TRY(job.spool->md5_hex()));
    // Without a content hash in the ETag (multipart, KMS) the size must do: the key's turn is ours,
    // and the object changed within the request's time.
    const bool etag_is_hash = now.type == ObjectType::normal && now.etag.size() == 32 &&
                              now.attributes.sse.algorithm != "aws:kms" &&
                              now.attributes.sse.algorithm != "KMS";
    if (!same_content && etag_is_hash) return std::optional<PutReply>();
    PutReply reply;
    reply.etag = now.etag;
    reply.version_id = now.version_id;
    reply.date = now.date;
    reply.crc64 = now.crc64;
    return std::optional<PutReply>(std::move(reply));
}

}  // namespace xbucket
