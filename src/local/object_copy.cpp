// SPDX-FileCopyrightText: the xbucket authors
// CopyObject, the way metadata is written: what each dialect keeps, drops and refuses
// (protocol.md 3.2 for OSS, 3.7 for S3). The rules that bite:
//   OSS, in place, unversioned: the directive is ignored, the request's metadata is all there is.
//   S3, in place, nothing changed: 400 InvalidRequest.
//   ACL, class and encryption never come from the source; tags do unless told otherwise.
#include "commit.h"
#include "copy_source.h"
#include "customer_key.h"
#include "handlers.h"
#include "metadata.h"
#include "versions.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::local {

namespace {

constexpr uint64_t kCopyMax = 5ULL << 30;

struct Directives {
    bool replace_metadata = false;
    bool replace_tags = false;
};

Outcome<bool> parse_directive(const Request& request, std::string_view name) {
    const std::string_view text = request.ext(name);
    if (text.empty() || iequals(text, "COPY")) return false;
    if (iequals(text, "REPLACE")) return true;
    return invalid_argument("The directive must be COPY or REPLACE.", std::string(name),
                            std::string(text));
}

bool is_in_place(const Request& request, const CopySource& source) {
    return source.bucket == request.bucket && source.key == request.key;
}

// A self-copy without a version must change something on S3.
Outcome<void> check_s3_change(const Request& request, const CopySource& source,
                              const ObjectRecord& from, const NewMetadata& wanted,
                              const Directives& directives) {
    if (!is_in_place(request, source) || !source.version.empty() || directives.replace_metadata) {
        return {};
    }
    const bool changes =
        (request.ext_if("storage-class") && wanted.storage_class != from.storage_class) ||
        wanted.attributes.has(AttributeKind::system, "website-redirect") ||
        wanted.attributes.has(AttributeKind::system, "sse") || has_customer_key(wanted.attributes);
    if (changes) return {};
    return Refusal(400, "InvalidRequest",
                   "This copy request is illegal because it is trying to copy an object to itself "
                   "without changing the object's metadata, storage class, website redirect "
                   "location or encryption attributes.");
}

// Appendable objects can have their metadata changed in place and nothing else (protocol.md 3.5).
Outcome<void> check_appendable(const Request& request, const BucketState& bucket,
                               const CopySource& source, const ObjectRecord& from) {
    if (from.kind != ObjectKind::appendable) return {};
    if (is_in_place(request, source) && bucket.versioning.empty()) return {};
    return Refusal(400, "OperationNotSupported",
                   "The operation is not supported for this resource: an appendable object can "
                   "only be copied onto itself, and not in a versioned bucket.");
}

Outcome<void> check_size(const Request& request, const CopySource& source, const ObjectRecord& from,
                         const NewMetadata& wanted) {
    if (from.size <= kCopyMax) return {};
    // OSS: in place, class and encryption unchanged, any size is metadata only (protocol.md 3.3).
    const bool shallow = request.oss() && source.bucket == request.bucket &&
                         wanted.storage_class == from.storage_class &&
                         wanted.attributes.get(AttributeKind::system, "sse") ==
                             from.attributes.get(AttributeKind::system, "sse");
    if (shallow) return {};
    if (request.oss()) {
        return Refusal(400, "EntityTooLarge",
                       "The object is too large for one copy; use "
                       "UploadPartCopy.");
    }
    return Refusal(400, "InvalidRequest",
                   "The specified copy source is larger than the maximum allowable size for a "
                   "copy source: 5368709120");
}

// The new object: contents of `from`, metadata by the rules above.
ObjectRecord compose(const Request& request, const BucketState& bucket, const CopySource& source,
                     const ObjectRecord& from, NewMetadata wanted, const Directives& directives) {
    ObjectRecord to;
    to.bucket = request.bucket;
    to.key = request.key;
    to.size = from.size;
    to.etag = from.etag;
    to.kind = from.kind;
    to.crc64 = from.crc64;
    to.target = from.target;
    const bool in_place = is_in_place(request, source);
    std::string tags = directives.replace_tags ? std::move(wanted.tags) : from.tags;
    // Elsewhere a copy is a new object, which nobody has restored.
    const bool only_metadata = request.oss() && in_place && bucket.versioning.empty();
    if (only_metadata && wanted.storage_class == from.storage_class) {
        to.restore_ready = from.restore_ready;
        to.restore_until = from.restore_until;
        to.restore_days = from.restore_days;
    }
    const bool takes_request = directives.replace_metadata || only_metadata;
    apply(std::move(wanted), to);
    to.tags = std::move(tags);
    if (!takes_request) {
        for (const auto kind :
             {AttributeKind::http, AttributeKind::user, AttributeKind::persistent}) {
            to.attributes.take_kind_from(from.attributes, kind);
        }
    } else if (!to.attributes.has(AttributeKind::http, "content-type")) {
        to.attributes.set(AttributeKind::http, "content-type",
                          default_content_type(to.key, request.dialect));
    }
    for (const auto& a : from.attributes.list()) {
        if (a.kind == AttributeKind::system && a.name.starts_with("checksum-")) {
            to.attributes.set(a.kind, a.name, a.value);
        }
    }
    make_etag_opaque(to);
    return to;
}

struct Plan {
    CopySource source;
    NewMetadata wanted;
    Directives directives;
};

// Judges the copy against the state of the transaction and says what would be written, with the
// source's own segments.
Outcome<ObjectRecord> judge(Site& site, const Call& call, Connection& c, const BucketState& bucket,
                            const Plan& plan, const ObjectRecord& from) {
    const Request& request = call.request;
    ASK(check_customer_key(request, "copy-source-", from.attributes));
    if (!call.misbehaviour.ignore_conditions) ASK(check_copy_conditions(request, from));
    ASK(check_readable(request, from, site.now()));
    ASK(check_appendable(request, bucket, plan.source, from));
    ASK(check_size(request, plan.source, from, plan.wanted));
    if (!request.oss()) {
        ASK(check_s3_change(request, plan.source, from, plan.wanted, plan.directives));
    }
    const auto existing = ASK(find_current(c, request.bucket, request.key));
    if (!call.misbehaviour.ignore_conditions) {
        ASK(check_write_conditions(request, bucket, existing));
    }
    if (existing && bucket.versioning.empty()) {
        ASK(check_not_locked(request, *existing, site.now()));
    }
    ObjectRecord to = compose(request, bucket, plan.source, from, plan.wanted, plan.directives);
    if (call.misbehaviour.lose_tags) to.tags.clear();
    to.mtime = site.now();
    return to;
}

struct Copied {
    ObjectRecord from;
    ObjectRecord to;
    BucketState bucket;
    BucketState source_bucket;
};

// In place and unversioned: one row changes, the bytes stay where they are.
Outcome<Copied> copy_row(Site& site, const Call& call, const Plan& plan) {
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    Copied done;
    done.bucket = ASK(find_bucket(site, c, call.request.bucket));
    if (!done.bucket.versioning.empty()) {
        return Refusal(500, "InternalError", "The bucket's versioning changed; try again.");
    }
    done.source_bucket = done.bucket;
    auto from = ASK(find_current(c, call.request.bucket, call.request.key));
    if (!from) return no_such_key(call.request);
    done.from = std::move(*from);
    done.to = ASK(judge(site, call, c, done.bucket, plan, done.from));
    done.to.segments = done.from.segments;
    ASK(put_version(*transaction, done.bucket, done.to));
    ASK(transaction->commit());
    return done;
}

// The bytes are linked first, outside the transaction; nullopt when the source was replaced in
// between.
Outcome<std::optional<Copied>> copy_linked(Site& site, const Call& call, const Plan& plan) {
    Copied done;
    {
        const auto lease = ASK(site.db.reader());
        done.source_bucket = ASK(find_bucket(site, *lease, plan.source.bucket));
        done.from = ASK(find_record(site, *lease, call.request, done.source_bucket, plan.source.key,
                                    plan.source.version));
    }
    std::vector<std::unique_ptr<Incoming>> blobs;
    std::vector<Segment> segments;
    for (const auto& s : done.from.segments) {
        auto blob = site.blobs.clone(plan.source.bucket, s);
        if (!blob) {
            const ErrorKind kind = blob.error().kind;
            if (kind == ErrorKind::not_found || kind == ErrorKind::stale) {
                return std::optional<Copied>();
            }
            return blob.error();
        }
        segments.push_back({(*blob)->id(), s.imported() ? 0 : s.offset, s.size, {}, 0});
        blobs.push_back(std::move(*blob));
    }
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    done.bucket = ASK(find_bucket(site, c, call.request.bucket));
    const std::string held = serialize_segments(done.from.segments);
    auto from =
        plan.source.version.empty()
            ? ASK(find_current(c, plan.source.bucket, plan.source.key))
            : ASK(find_version(c, plan.source.bucket, plan.source.key, plan.source.version));
    if (!from || serialize_segments(from->segments) != held) return std::optional<Copied>();
    done.from = std::move(*from);
    done.to = ASK(judge(site, call, c, done.bucket, plan, done.from));
    done.to.segments = std::move(segments);
    ASK(put_version(*transaction, done.bucket, done.to));
    ASK(transaction->commit());
    for (const auto& blob : blobs) site.blobs.keep(*blob);
    return std::optional<Copied>(std::move(done));
}

Outcome<Copied> copy(Site& site, const Call& call, const Plan& plan) {
    const Request& request = call.request;
    BucketState bucket;
    {
        const auto lease = ASK(site.db.reader());
        bucket = ASK(find_bucket(site, *lease, request.bucket));
        const BucketState source = ASK(find_bucket(site, *lease, plan.source.bucket));
        // Also brings an imported file's row up to date.
        ASK(find_record(site, *lease, request, source, plan.source.key, plan.source.version));
    }
    if (is_in_place(request, plan.source) && bucket.versioning.empty()) {
        return copy_row(site, call, plan);
    }
    for (int attempt = 0; attempt < 8; ++attempt) {
        auto done = ASK(copy_linked(site, call, plan));
        if (done) return std::move(*done);
    }
    return Refusal(503, "SlowDown", "The copy's source keeps changing; try again.");
}

}  // namespace

Outcome<Reply> copy_object(Site& site, Call& call) {
    const Request& request = call.request;
    ASK(check_key(request, request.key));
    Plan plan;
    plan.source = ASK(parse_copy_source(request));
    plan.directives.replace_metadata = ASK(parse_directive(request, "metadata-directive"));
    plan.directives.replace_tags = ASK(parse_directive(request, "tagging-directive"));
    plan.wanted = ASK(metadata_from(request, site.now()));
    const Copied done = ASK(copy(site, call, plan));

    XmlWriter xml("CopyObjectResult",
                  request.oss() ? "" : "http://s3.amazonaws.com/doc/2006-03-01/");
    xml.element("LastModified", format_iso8601(WallTime::from_seconds(done.to.mtime)));
    xml.element("ETag", quoted_etag(done.to, request.dialect));
    Reply reply = Reply::xml(xml.finish());
    const std::string prefix(request.prefix());
    const std::string version = version_id_on_wire(done.bucket, done.to);
    if (!version.empty()) reply.add(prefix + "version-id", version);
    const std::string source_version = version_id_on_wire(done.source_bucket, done.from);
    if (!source_version.empty()) reply.add(prefix + "copy-source-version-id", source_version);
    if (request.oss()) {
        reply.add("ETag", quoted_etag(done.to, request.dialect));
        if (done.to.crc64) reply.add("x-oss-hash-crc64ecma", fmt::to_string(*done.to.crc64));
    }
    add_sse_headers(reply, request, done.to.attributes);
    return reply;
}

}  // namespace xbucket::local
