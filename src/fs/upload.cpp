// SPDX-FileCopyrightText: the xbucket authors
#include "upload.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/meta/posix_record.h"
#include "xbucket/store/content_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <sys/stat.h>

namespace xbucket {
namespace {

// How often an upload is planned anew because somebody changed the object in between, or because
// a request surely did not arrive. Beyond that close() reports it and the data stays.
constexpr int kAttemptsMax = 4;

bool somebody_came_first(ErrorKind kind) {
    return kind == ErrorKind::precondition_failed || kind == ErrorKind::conflict ||
           kind == ErrorKind::already_exists;
}

// The service has answered, and not for want of time or for what somebody else did: perhaps it
// does not take one of the attributes.
bool may_be_of_attributes(const Error& error) {
    return error.http_status >= 400 && error.kind != ErrorKind::throttled &&
           !somebody_came_first(error.kind);
}

Error replaced_meanwhile(const ObjectKey& key) {
    return fail(ErrorKind::stale,
                fmt::format("'{}' was replaced by somebody else while it was being changed here; "
                            "nothing was uploaded, so that their data stays",
                            printable(key.str())));
}

Error made_meanwhile(const ObjectKey& key) {
    return fail(ErrorKind::stale,
                fmt::format("'{}' was made by somebody else, too, after it was made here; nothing "
                            "was uploaded, so that their data stays",
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

// With the mount's defaults, which are not recorded, where `sent` has something else.
PosixRecord spelled_out(PosixRecord wanted, const PosixRecord& sent, const FsConfig& config) {
    if (sent.mode && !wanted.mode) wanted.mode = S_IFREG | (config.file_mode & kModeBits);
    if (sent.uid && !wanted.uid) wanted.uid = config.uid;
    if (sent.gid && !wanted.gid) wanted.gid = config.gid;
    return wanted;
}

// Whether an object of its size has the content that was sent.
enum class Likeness { other, unclear, same };
Likeness judged(bool same) { return same ? Likeness::same : Likeness::other; }

// What the service copied was never here.
Likeness compare_with_source(ObjectStore& store, const FileContent::Base& source,
                             const ObjectInfo& object) {
    if (iequals(object.etag.str(), source.etag.str())) return Likeness::same;
    const Result<HeadReply> head = store.head(source.copied_from);
    if (!head || head->info.etag != source.etag) return Likeness::unclear;
    if (object.crc64 && head->info.crc64) return judged(*object.crc64 == *head->info.crc64);
    const bool hashes = etag_is_content_hash(object) && etag_is_content_hash(head->info);
    return hashes ? Likeness::other : Likeness::unclear;
}

Result<Likeness> compare(ObjectStore& store, const FileContent& content, const ObjectInfo& object) {
    const bool etag_is_hash = etag_is_content_hash(object);
    if (content.missing({0, object.size}).empty()) {
        if (object.crc64) return judged(*object.crc64 == TRY(content.crc64()));
        if (etag_is_hash) return judged(iequals(object.etag.str(), TRY(content.md5_hex())));
        return Likeness::unclear;
    }
    if (is_whole_copy(content)) return compare_with_source(store, content.base(), object);
    // It was sent in parts, or appended: neither makes an ETag of that kind.
    return etag_is_hash ? Likeness::other : Likeness::unclear;
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
    Doubt doubt;
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        Result<Sent> sent = send(again, doubt);
        if (sent) return finish(job, std::move(*sent));
        if (std::optional<Sent> late = arrived_late(job, doubt, sent.error())) {
            return finish(job, std::move(*late));
        }
        again.ahead = nullptr;
        // What was acknowledged by the journal does not keep content away: that one of it is at
        // fault, and which, is found out where it is sent alone.
        const bool without_journaled = doubt.journaled && may_be_of_attributes(sent.error());
        if (without_journaled) again.journaled = Journaled::waits;
        const bool try_again =
            !doubt.unseen && (without_journaled || sent.error().outcome_unknown ||
                              somebody_came_first(sent.error().kind));
        // What is there now is our own, damaged on its way.
        const bool own = last.kind == ErrorKind::checksum_mismatch &&
                         sent.error().kind == ErrorKind::stale && attempt != 0;
        if (own) break;
        last = in_doubt(std::move(sent).error());
        if (!try_again) break;
    }
    return std::move(last).with_context("upload of '" + printable(job.key.str()) + "'");
}

std::optional<Uploader::Sent> Uploader::arrived_late(const UploadJob& job, const Doubt& before,
                                                     const Error& stale) {
    if (!before.maybe || stale.kind != ErrorKind::stale) return std::nullopt;
    Result<std::optional<Landed>> landed = look_for(job, before.maybe->plan);
    if (!landed || !*landed || !(*landed)->proven) return std::nullopt;
    Sent sent = *before.maybe;
    sent.reply = std::move((*landed)->reply);
    return sent;
}

Uploaded Uploader::finish(const UploadJob& job, Sent sent) {
    Uploaded uploaded;
    const uint64_t size = job.content->size();
    const auto finish = [&] {
        FinishedUpload finished = core_.meta.finish_upload(job.key, sent.plan, sent.reply, size);
        uploaded.stat = std::move(finished.stat);
        uploaded.settled = std::move(finished.settled);
    };
    finish();
    // Ours under another ETag, where its attributes were edited afterwards.
    const auto is_ours = [&] {
        return sent.reply.etag.empty() || uploaded.stat.etag == sent.reply.etag ||
               uploaded.stat.edited == sent.reply.etag;
    };
    if (!is_ours()) {
        // Somebody else's by now, or the reply was wrong: what it was made of tells.
        const Result<std::optional<Landed>> landed = look_for(job, sent.plan);
        if (landed && *landed && (*landed)->proven) {
            sent.reply = (*landed)->reply;
            finish();
        }
    }
    uploaded.etag = is_ours() ? uploaded.stat.etag : sent.reply.etag;
    uploaded.late = sent.late;
    return uploaded;
}

Result<UploadPlan> Uploader::plan_for(const UploadJob& job) {
    UploadPlan plan = TRY(core_.meta.plan_upload(job.key, job.staged, job.journaled));
    const FileContent::Base base = job.content->base();
    if (base.is_own() && plan.exists && plan.base_etag != base.etag) {
        return replaced_meanwhile(job.key);
    }
    if (job.must_be_new && plan.exists && !TRY(arrived_before(job))) return made_meanwhile(job.key);
    return plan;
}

Result<bool> Uploader::arrived_before(const UploadJob& job) {
    if (!job.in_doubt) return false;
    const std::optional<Landed> landed = TRY(look_for(job, UploadPlan{}));
    return landed && landed->proven;
}

Result<AheadUpload> Uploader::begin_ahead(const UploadJob& job) {
    AheadUpload ahead;
    ahead.plan = TRY(plan_for(job));
    ahead.posix = job.staged.posix;
    ahead.upload = TRY(core_.uploads->begin(job.key, ahead.plan.attributes, job.content, true));
    return ahead;
}

Result<Uploader::Sent> Uploader::send(const UploadJob& job, Doubt& doubt) {
    if (job.ahead) {
        std::optional<Sent> sent = TRY(send_ahead(job, doubt));
        if (sent) return std::move(*sent);
    }
    Sent sent;
    doubt.journaled = false;
    sent.plan = TRY(plan_for(job));
    doubt.journaled = sent.plan.journaled != nullptr;
    if (job.append_only && job.content->only_grew()) {
        std::optional<Sent> appended = TRY(append(job, sent.plan, doubt));
        if (appended) return std::move(*appended);
    }
    if (is_whole_copy(*job.content)) {
        Result<PutReply> copied = copy_whole(job, sent.plan);
        if (copied || copied.error().kind != ErrorKind::unsupported) {
            return resolved(job, std::move(sent), std::move(copied), doubt);
        }
    }
    const bool in_parts = core_.uploads->in_parts(job.content->size());
    Result<PutReply> reply = in_parts ? put_parts(job, sent.plan) : put_whole(job, sent.plan);
    return resolved(job, std::move(sent), std::move(reply), doubt);
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
    request.guard.destination_must_not_exist = job.exclusive && !plan.exists;
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
                                                       Doubt& doubt) {
    const uint64_t from = job.content->base().size;
    const uint64_t size = job.content->size();
    // OSS AppendObject: what it makes has the limit of a single PUT.
    const bool too_large = size > core_.store.traits().put_bytes_max;
    if (!plan.exists || size == from || too_large) return std::optional<Sent>();
    Result<PutReply> reply = core_.store.append(job.key, from, job.content->body({from, size}),
                                                {.request_class = RequestClass::data});
    if (!reply && reply.error().kind == ErrorKind::unsupported) return std::optional<Sent>();
    // An append takes no metadata along. Only a time that is recorded would be wrong now.
    plan.attributes = plan.base_attributes;
    plan.pending = PosixRecord{};
    Sent sent;
    if (job.times_set || read_posix_record(plan.base_attributes).mtime) {
        sent.late.mtime = job.staged.posix.mtime;
    }
    sent.plan = std::move(plan);
    return std::optional<Sent>(TRY(resolved(job, std::move(sent), std::move(reply), doubt)));
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
    request.must_not_exist = job.exclusive && !plan.exists;
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
        if (!sent && sent.error().kind == ErrorKind::stale && nobodys) {
            sent = job.must_be_new ? Result<void>(made_meanwhile(job.key)) : Result<void>{};
        }
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

Result<std::optional<Uploader::Sent>> Uploader::send_ahead(const UploadJob& job, Doubt& doubt) {
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
    Result<PutReply> reply = complete(job, upload);
    Sent sent;
    sent.plan = std::move(*plan);
    // What is there now is what the upload was begun with: the rest is made up for afterwards.
    if (sent.plan.attributes != begun) sent.plan.late_attributes = sent.plan.attributes;
    // Recorded in the bucket meanwhile; what was staged goes with the times.
    if (job.ahead->plan.exists)
        sent.plan.late_posix =
            difference(read_posix_record(job.ahead->plan.base_attributes),
                       read_posix_record(sent.plan.base_attributes), /*times_set=*/false);
    sent.plan.attributes = sent.plan.base_attributes = begun;
    sent.plan.pending = job.ahead->plan.pending;
    const PosixRecord wanted = spelled_out(job.staged.posix, job.ahead->posix, core_.config);
    sent.late = difference(job.ahead->posix, wanted, job.times_set);
    return std::optional<Sent>(TRY(resolved(job, std::move(sent), std::move(reply), doubt)));
}

Result<Uploader::Sent> Uploader::resolved(const UploadJob& job, Sent sent, Result<PutReply> reply,
                                          Doubt& doubt) {
    if (reply) {
        sent.reply = std::move(*reply);
        return sent;
    }
    Error error = std::move(reply).error();
    const bool lost = error.outcome_unknown;
    // Refused may mean that a request repeated on its way met its own success.
    if (!lost && !somebody_came_first(error.kind)) return error;
    Result<std::optional<Landed>> landed = look_for(job, sent.plan);
    if (!landed) {
        doubt.unseen = true;
        error = std::move(landed).error();
        error.outcome_unknown = true;
        return error;
    }
    // After a refusal somebody else's content of the same size is what one has to expect.
    if (*landed && (lost || (*landed)->proven)) {
        sent.reply = std::move((*landed)->reply);
        return sent;
    }
    if (*landed) error.outcome_unknown = true;
    if (error.outcome_unknown) doubt.maybe = std::move(sent);
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
    // Where nothing tells, the size must do: the key's turn is ours, and the object changed within
    // the request's time.
    const Likeness likeness = TRY(compare(core_.store, *job.content, now));
    if (likeness == Likeness::other) return std::optional<Landed>();
    Landed landed;
    landed.proven = likeness == Likeness::same;
    landed.reply.etag = now.etag;
    landed.reply.version_id = now.version_id;
    landed.reply.date = now.date;
    landed.reply.crc64 = now.crc64;
    return std::optional<Landed>(std::move(landed));
}

}  // namespace xbucket
