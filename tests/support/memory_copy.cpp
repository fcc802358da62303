// SPDX-FileCopyrightText: the xbucket authors
// CopyObject of the in-memory bucket: what a copy keeps, drops and refuses (protocol.md 3).
#include "support/memory_bucket.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::testing {

namespace {

Error precondition_failed(int status, const char* which) {
    return service_error(ErrorKind::precondition_failed, status,
                         status == 304 ? "NotModified" : "PreconditionFailed",
                         fmt::format("{} does not hold", which));
}

}  // namespace

Result<void> MemoryBucket::check_guard(const CopyGuard& guard, const MemoryVersion& source) const {
    const bool both_times = guard.source_unmodified_since && guard.source_modified_since;
    if (both_times && !service_.traits.both_time_conditions)
        return service_error(ErrorKind::unsupported, 400, "NotImplemented",
                             "if-unmodified-since and if-modified-since on one copy");
    if (!service_.copy_conditions) return {};
    // Conditions travel as HTTP dates: whole seconds.
    const WallTime modified =
        service_.compares_subseconds ? source.modified : told(source.modified);
    const bool etag_holds = !guard.source_if_match || *guard.source_if_match == source.etag;
    if (!etag_holds) return precondition_failed(412, "copy-source-if-match");
    const bool overruled = guard.source_if_match && service_.if_match_overrules_time;
    if (guard.source_unmodified_since && !overruled &&
        modified > told(*guard.source_unmodified_since))
        return precondition_failed(412, "copy-source-if-unmodified-since");
    if (guard.source_modified_since && modified <= told(*guard.source_modified_since))
        return precondition_failed(service_.traits.dialect == "oss" ? 304 : 412,
                                   "copy-source-if-modified-since");
    return {};
}

Result<void> MemoryBucket::check_destination(const CopyGuard& guard,
                                             const MemoryVersion* existing) const {
    using Conditions = MemoryService::DestinationConditions;
    if (guard.destination_if_match) {
        if (service_.copy_destination == Conditions::refused)
            return service_error(ErrorKind::unsupported, 400, "NotImplemented",
                                 "If-Match on a copy's destination is not implemented");
        if (service_.copy_destination == Conditions::honoured &&
            (existing == nullptr || existing->etag != *guard.destination_if_match))
            return precondition_failed(412, "If-Match");
    }
    const bool heeded =
        service_.copy_must_not_exist &&
        !(service_.must_not_exist_ignored_when_versioned && !service_.versioning.empty());
    if (guard.destination_must_not_exist && heeded && existing != nullptr)
        return service_error(ErrorKind::already_exists, 409, "FileAlreadyExists",
                             "the destination exists already");
    if (existing != nullptr && existing->immutable && service_.versioning.empty())
        return service_error(ErrorKind::not_permitted, 409, "FileImmutable",
                             "the object is under a retention policy");
    return {};
}

Result<void> MemoryBucket::judge(const CopyRequest& request) const {
    LockGuard lock(mutex_);
    const MemoryVersion& source = *TRY(find(request.source, request.source_version));
    TRY(check_guard(request.guard, source));
    return check_destination(request.guard, current(request.destination));
}

Result<CopyReply> MemoryBucket::copy(const CopyRequest& request) {
    ObjectAttributes sent;
    if (request.replace) sent = TRY(accept(request.destination, *request.replace));
    TRY(check_key(request.destination));

    LockGuard lock(mutex_);
    const MemoryVersion source = *TRY(find(request.source, request.source_version));
    const bool in_place = request.source == request.destination && request.source_version.empty();
    if (source.type == ObjectType::appendable && (!in_place || !service_.versioning.empty()))
        return service_error(ErrorKind::unsupported, 409, "OperationNotSupported",
                             "an appendable object can only be copied onto itself, and only in a "
                             "bucket without versioning");
    if (!readable_now(source) && (!in_place || service_.archived_copy_refused))
        return service_error(ErrorKind::archived, 403, "InvalidObjectState",
                             "the object is archived and must be restored before it can be copied");
    TRY(check_guard(request.guard, source));
    TRY(check_destination(request.guard, current(request.destination)));

    if (in_place && !request.replace && service_.versioning.empty()) {
        if (!service_.self_copy_without_replace_wipes)
            return service_error(ErrorKind::invalid_argument, 400, "InvalidRequest",
                                 "This copy request is illegal because it is trying to copy an "
                                 "object to itself without changing anything");
        sent = TRY(accept(request.destination, {}));
    }

    MemoryVersion made;
    made.body = source.body;
    made.etag = source.etag;
    made.type = source.type;
    made.symlink_target = source.symlink_target;
    const bool same_class =
        request.replace && sent.storage_class == source.attributes.storage_class;
    if (in_place && same_class && service_.traits.copy_keeps_restored &&
        service_.versioning.empty()) {
        made.restore_ready = source.restore_ready;
        made.restore_until = source.restore_until;
    }
    const bool takes_sent = request.replace || (in_place && service_.versioning.empty());
    made.attributes = takes_sent ? sent : source.attributes;
    if (!takes_sent) {
        // The directive does not govern these: unless sent they go back to the defaults.
        made.attributes.acl = service_.traits.default_acl;
        made.attributes.storage_class = service_.traits.default_storage_class;
        made.attributes.sse = {};
        made.attributes.website_redirect.clear();
        made.attributes.lock = {};
    }
    const bool tags_stay = !takes_sent || service_.tags_kept_by_replace;
    const bool tags_sent = request.replace && request.replace->tags;
    if (!tags_sent || !service_.tags_ride_along_copies)
        made.attributes.tags = tags_stay ? source.attributes.tags : std::nullopt;

    const uint64_t bytes = source.body->size();
    const bool in_parts =
        service_.traits.copy_bytes_max != 0 && bytes > service_.traits.copy_bytes_max;
    if (in_parts) {
        // The store copies part by part: a new ETag, and nothing comes along that was not sent.
        made.type = ObjectType::multipart;
        made.etag = parts_etag({Part{source.body, content_etag(*source.body)}});
        if (!(request.replace && request.replace->tags)) made.attributes.tags.reset();
    } else if (made.type == ObjectType::multipart && service_.copy_makes_single_part) {
        made.type = ObjectType::normal;
        made.etag = content_etag(*source.body);
    }
    if (made.attributes.tags && made.attributes.tags->empty()) made.attributes.tags.reset();
    if (!service_.default_encryption.empty() && made.attributes.sse.empty()) {
        made.attributes.sse.algorithm = service_.default_encryption;
        made.etag = content_etag(*source.body + " as encrypted by itself");
    }
    made.modified = service_time();
    const VersionId source_version = source.id;
    const MemoryVersion& stored = store(request.destination, std::move(made));
    return CopyReply{stored.etag, told(stored.modified), told(service_time()),
                     stored.id,   source_version,        in_parts ? source.etag : ETag()};
}

}  // namespace xbucket::testing
