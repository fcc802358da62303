// SPDX-FileCopyrightText: the xbucket authors
#include "upload.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/meta/posix_record.h"
#include "xbucket/store/content_hash.h"

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

Error source_replaced(const ObjectKey& source) {
    return fail(ErrorKind::stale, fmt::format("'{}' was replaced or deleted while it was being "
                                              "copied; copy it again",
                                              printable(source.str())));
}

bool is_whole_copy(const FileContent& content) {
    const FileContent::Base base = content.base();
    return !base.copied_from.empty() && base.size == base.object_size &&
           content.size() == base.size && content.only_grew();
}

// Whether an object that was begun with `sent` can be made to have `wanted` by a metadata update
// afterwards. Class, encryption, ACL and tags have to be right from the start.
bool can_be_mended(const ObjectAttributes& sent, const ObjectAttributes& wanted) {
    return sent.storage_class == wanted.storage_class && sent.sse == wanted.sse &&
           sent.acl == wanted.acl && sent.tags == wanted.tags && sent.lock == wanted.lock &&
           sent.website_redirect == wanted.website_redirect && sent.persistent == wanted.persistent;
}

PosixRecord difference(const PosixRecord& sent, const PosixRecord& wanted, bool times_set) {
    PosixRecord late;
    if (wanted.mode != sent.mode) late.mode = wanted.mode;
    if (wanted.uid != sent.uid) late.uid = wanted.uid;
    if (wanted.gid != sent.gid) late.gid = wanted.gid;
    // Recording when the last byte was written would copy every large object once more; what was
    // sent is when its upload began.
    if (times_set && wanted.mtime != sent.mtime) late.mtime = wanted.mtime;
    return late;
}

}  // namespace

Result<Uploaded> Uploader::upload(const UploadJob& job) {
    Error last;
    UploadJob again = job;
    // An attempt whose reply was lost may yet be applied, whatever becomes of the next.
    const auto in_doubt = [&last](Error error) {
        error.outcome_unknown = error.outcome_unknown || last.outcome_unknown;
        return error;
    };
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        bool unseen = false;
        Result<Sent> sent = send(again, unseen);
        if (sent) return finish(job, std::move(*sent));
        again.ahead = nullptr;
        const bool try_again =
            !unseen && (sent.error().outcome_unknown || somebody_came_first(sent.error().kind));
        // What is there now is our own, damaged on its way.
        const bool own = last.kind == ErrorKind::checksum_mismatch &&
                         sent.error().kind == ErrorKind::stale && attempt != 0;
        if (own) break;
        last = in_doubt(std::move(sent).error());
        if (!try_again) break;
    }
    return std::move(last).with_context("upload of '" + printable(job.key.str()) + "'");
}

Result<Uploaded> Uploader::finish(const UploadJob& job, Sent sent) {
    Uploaded uploaded;
    const uint64_t size = job.content->size();
    uploaded.stat = TRY(core_.meta.finish_upload(job.key, sent.plan, sent.reply, size));
    const bool other = !sent.reply.etag.empty() && uploaded.stat.etag != sent.reply.etag;
    if (other && !sent.plan.late_attributes) {
        // Somebody else's by now, or the reply was wrong: what it was made of tells.
        const Result<std::optional<Landed>> landed = look_for(job, sent.plan);
        if (landed && *landed && (*landed)->proven) {
            sent.reply = (*landed)->reply;
            uploaded.stat = TRY(core_.meta.finish_upload(job.key, sent.plan, sent.reply, size));
        }
    }
    // An edit of the metadata may give the same content another ETag; without one, another ETag is
    // somebody else's content.
    const bool edited = sent.plan.late_attributes.has_value() && uploaded.stat.size == size;
    uploaded.etag = edited || sent.reply.etag.empty() ? uploaded.stat.etag : sent.reply.etag;
    uploaded.late = sent.late;
    return uploaded;
}

Result<UploadPlan> Uploader::plan_for(const UploadJob& job) {
    UploadPlan plan = TRY(core_.meta.plan_upload(job.key, job.staged));
    const FileContent::Base base = job.content->base();
    if (base.is_own() && plan.exists && plan.base_etag != base.etag) {
        return replaced_meanwhile(job.key);
    }
    return plan;
}

Result<AheadUpload> Uploader::begin_ahead(const UploadJob& job) {
    AheadUpload ahead;
    ahead.plan = TRY(plan_for(job));
    ahead.posix = job.staged.posix;
    ahead.upload = TRY(core_.uploads->begin(job.key, ahead.plan.attributes, job.content, true));
    return ahead;
}

Result<Uploader::Sent> Uploader::send(const UploadJob& job, bool& unseen) {
    if (job.ahead) {
        std::optional<Sent> sent = TRY(send_ahead(job, unseen));
        if (sent) return std::move(*sent);
    }
    Sent sent;
    sent.plan = TRY(plan_for(job));
    if (job.append_only && job.content->only_grew()) {
        std::optional<Sent> appended = TRY(append(job, sent.plan, unseen));
        if (appended) return std::move(*appended);
    }
    if (is_whole_copy(*job.content)) {
        Result<PutReply> copied = copy_whole(job, sent.plan);
        if (copied || copied.error().kind != ErrorKind::unsupported) {
            sent.reply = TRY(resolved(job, sent.plan, std::move(copied), unseen));
            return sent;
        }
    }
    const bool in_parts = core_.uploads->in_parts(job.content->size());
    Result<PutReply> reply = in_parts ? put_parts(job, sent.plan) : put_whole(job, sent.plan);
    sent.reply = TRY(resolved(job, sent.plan, std::move(reply), unseen));
    return sent;
}

// The data of another object, and nothing of its metadata: that is what was planned.
Result<PutReply> Uploader::copy_whole(const UploadJob& job, const UploadPlan& plan) {
    const FileContent::Base base = job.content->base();
    const StoreTraits& traits = core_.store.traits();
    CopyRequest request;
    request.source = base.copied_from;
    request.destination = job.key;
    request.source_bytes = base.object_size;
    request.replace = plan.attributes;
    request.guard.source_if_match = base.etag;
    if (traits.destination_conditions && plan.exists) {
        request.guard.destination_if_match = plan.base_etag;
    }
    Result<CopyReply> copied = core_.store.copy(request, {.request_class = RequestClass::data});
    const bool refused = !copied && (copied.error().kind == ErrorKind::not_found ||
                                     copied.error().kind == ErrorKind::precondition_failed);
    if (!copied && !refused) return std::move(copied).error();
    // Which of the two objects was refused; and a service that ignores the guard may have copied
    // something else.
    if (refused || !traits.copy_conditions_known) {
        const Result<HeadReply> source = core_.store.head(base.copied_from);
        if (!source || source->info.etag != base.etag) return source_replaced(base.copied_from);
    }
    if (!copied) return std::move(copied).error();
    PutReply reply;
    reply.etag = copied->etag;
    reply.version_id = copied->version_id;
    reply.date = copied->date;
    return reply;
}

// What was written behind the end of an appendable object goes there, and the object stays
// appendable. Nothing where it is not appendable any more.
Result<std::optional<Uploader::Sent>> Uploader::append(const UploadJob& job, UploadPlan plan,
                                                       bool& unseen) {
    const uint64_t from = job.content->base().size;
    const uint64_t size = job.content->size();
    if (!plan.exists || size == from) return std::optional<Sent>();
    Result<PutReply> reply = core_.store.append(job.key, from, job.content->body({from, size}),
                                                {.request_class = RequestClass::data});
    if (!reply && reply.error().kind == ErrorKind::unsupported) return std::optional<Sent>();
    Sent sent;
    sent.reply = TRY(resolved(job, plan, std::move(reply), unseen));
    // An append takes no metadata along. Only a time that is recorded would be wrong now.
    plan.attributes = plan.base_attributes;
    plan.pending = PosixRecord{};
    if (job.times_set || read_posix_record(plan.base_attributes).mtime) {
        sent.late.mtime = job.staged.posix.mtime;
    }
    sent.plan = std::move(plan);
    return std::optional<Sent>(std::move(sent));
}

Result<PutReply> Uploader::put_whole(const UploadJob& job, const UploadPlan& plan) {
    PutRequest request;
    request.key = job.key;
    const uint64_t size = job.content->size();
    TRY(core_.uploads->fetch(job.key, *job.content, {0, size}));
    if (size != 0) request.body = job.content->body({0, size});
    request.attributes = plan.attributes;
    // Closes the window between the plan's HEAD and this request, where a service has a lock.
    if (core_.store.traits().destination_conditions && plan.exists) {
        request.if_match = plan.base_etag;
    }
    return core_.store.put(request, {.request_class = RequestClass::data});
}

Result<PutReply> Uploader::put_parts(const UploadJob& job, UploadPlan& plan) {
    const std::shared_ptr<PartUpload> upload =
        TRY(core_.uploads->begin(job.key, plan.attributes, job.content, false));
    Result<void> sent = upload->send_rest();
    if (sent) {
        sent = core_.meta.recheck_upload(job.key, plan);
        // Content that starts from nobody's replaces whatever is there now.
        const bool nobodys = !job.content->base().is_own();
        if (!sent && sent.error().kind == ErrorKind::stale && nobodys) sent = Result<void>{};
    }
    if (!sent) {
        upload->abort();
        return std::move(sent).error();
    }
    return complete(job, *upload);
}

Result<PutReply> Uploader::complete(const UploadJob& job, PartUpload& upload) {
    std::optional<ETag> if_match;
    const FileContent::Base base = job.content->base();
    if (core_.store.traits().destination_conditions && base.is_own()) if_match = base.etag;
    Result<PutReply> reply = upload.complete(if_match);
    if (!reply && !reply.error().outcome_unknown) upload.abort();
    return reply;
}

Result<std::optional<Uploader::Sent>> Uploader::send_ahead(const UploadJob& job, bool& unseen) {
    PartUpload& upload = *job.ahead->upload;
    const bool fits = upload.key() == job.key && core_.uploads->in_parts(job.content->size());
    Result<void> rest = fits ? upload.send_rest() : Result<void>();
    if (!fits || (!rest && rest.error().kind == ErrorKind::file_too_large)) {
        upload.abort();
        return std::optional<Sent>();
    }
    Result<UploadPlan> plan = rest ? plan_for(job) : Result<UploadPlan>(rest.error());
    const ObjectAttributes& begun = job.ahead->plan.attributes;
    if (!plan || !can_be_mended(begun, plan->attributes)) {
        upload.abort();
        if (!plan) return std::move(plan).error();
        return std::optional<Sent>();
    }
    Sent sent;
    sent.reply = TRY(resolved(job, *plan, complete(job, upload), unseen));
    sent.plan = std::move(*plan);
    // What is there now is what the upload was begun with: the rest is made up for afterwards.
    if (sent.plan.attributes != begun) sent.plan.late_attributes = sent.plan.attributes;
    sent.plan.attributes = sent.plan.base_attributes = begun;
    sent.plan.pending = job.ahead->plan.pending;
    sent.late = difference(job.ahead->posix, job.staged.posix, job.times_set);
    return std::optional<Sent>(std::move(sent));
}

Result<PutReply> Uploader::resolved(const UploadJob& job, const UploadPlan& plan,
                                    Result<PutReply> reply, bool& unseen) {
    if (reply) return reply;
    Error error = std::move(reply).error();
    const bool lost = error.outcome_unknown;
    // Refused may mean that a request repeated on its way met its own success.
    if (!lost && !somebody_came_first(error.kind)) return error;
    Result<std::optional<Landed>> landed = look_for(job, plan);
    if (!landed) {
        unseen = true;
        error = std::move(landed).error();
        error.outcome_unknown = true;
        return error;
    }
    if (!*landed) return error;
    // After a refusal somebody else's content of the same size is what one has to expect.
    if (lost || (*landed)->proven) return std::move((*landed)->reply);
    error.outcome_unknown = true;
    return error;
}

// No reply, or a refusal. The object tells whether the request arrived: by what it was made of
// where the ETag or the CRC says so.
Result<std::optional<Uploader::Landed>> Uploader::look_for(const UploadJob& job,
                                                           const UploadPlan& plan) {
    Result<HeadReply> head = core_.store.head(job.key);
    if (!head) {
        if (head.error().kind == ErrorKind::not_found) return std::optional<Landed>();
        return std::move(head).error();
    }
    const ObjectInfo& now = head->info;
    const bool untouched =
        plan.exists && now.etag == plan.base_etag && now.last_modified == plan.base_last_modified;
    if (untouched || now.size != job.content->size()) return std::optional<Landed>();
    const bool all_here = job.content->missing({0, now.size}).empty();
    // Without a content hash in the ETag the size must do: the key's turn is ours, and the object
    // changed within the request's time.
    const bool etag_is_hash = etag_is_content_hash(now);
    if (all_here && now.crc64) {
        if (*now.crc64 != TRY(job.content->crc64())) return std::optional<Landed>();
    } else if (etag_is_hash && !iequals(now.etag.str(), TRY(job.content->md5_hex()))) {
        return std::optional<Landed>();
    }
    Landed landed;
    landed.proven = all_here && (now.crc64 || etag_is_hash);
    landed.reply.etag = now.etag;
    landed.reply.version_id = now.version_id;
    landed.reply.date = now.date;
    landed.reply.crc64 = now.crc64;
    return std::optional<Landed>(std::move(landed));
}

}  // namespace xbucket
