// SPDX-FileCopyrightText: the xbucket authors
// AppendObject of OSS (protocol.md 6). Every append is a blob of its own; when there are many, the
// next one writes them together, so that reading stays a matter of few files.
#include "commit.h"
#include "customer_key.h"
#include "handlers.h"
#include "metadata.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::local {

namespace {

constexpr uint64_t kAppendedMax = 5ULL << 30;
constexpr size_t kSegmentsMax = 256;

Outcome<void> check_position(const std::optional<ObjectRecord>& existing, uint64_t position) {
    if (existing && existing->kind != ObjectKind::appendable) {
        return Refusal(409, "ObjectNotAppendable", "The object is not appendable.",
                       "0026-00000004");
    }
    const uint64_t length = existing ? existing->size : 0;
    if (position == length) return {};
    return Refusal(409, "PositionNotEqualToLength", "Position is not equal to file length.",
                   "0026-00000016")
        .header("x-oss-next-append-position", fmt::to_string(length))
        .header("x-oss-hash-crc64ecma", fmt::to_string(existing ? existing->crc64.value_or(0) : 0));
}

// What there was and what came, as one blob; the existing one's segments otherwise.
Result<std::unique_ptr<Incoming>> merged(Site& site, const ObjectRecord& existing,
                                         const Segment& added) {
    auto whole = TRY(site.blobs.create());
    std::vector<Segment> all = existing.segments;
    all.push_back(added);
    TRY(site.blobs.read(existing.bucket, all, 0, existing.size + added.size,
                        [&](std::string_view bytes) { return whole->append(bytes); }));
    TRY(site.blobs.publish(*whole));
    return whole;
}

// The record after the append; metadata is taken from the first one only.
Outcome<ObjectRecord> extended(const Request& request, int64_t now,
                               const std::optional<ObjectRecord>& existing, const Incoming& added) {
    ObjectRecord record;
    if (existing) {
        record = *existing;
    } else {
        record.bucket = request.bucket;
        record.key = request.key;
        record.kind = ObjectKind::appendable;
        record.crc64 = 0;
        apply(ASK(metadata_from(request, now)), record);
        if (!record.attributes.has(AttributeKind::http, "content-type")) {
            record.attributes.set(AttributeKind::http, "content-type",
                                  default_content_type(request.key, request.dialect));
        }
    }
    record.size += added.size();
    record.crc64 = crc64_combine(record.crc64.value_or(0), added.crc64(), added.size());
    record.etag = hex_encode(md5(fmt::format("{}/{}", *record.crc64, record.size)));
    return record;
}

}  // namespace

Outcome<Reply> append_object(Site& site, Call& call) {
    const Request& request = call.request;
    if (!request.oss()) return Refusal(501, "NotImplemented", "S3 has no AppendObject.");
    ASK(check_key(request, request.key));
    const std::string* text = request.param("position");
    const auto position = text == nullptr ? std::nullopt : parse_u64(*text);
    if (!position) return invalid_argument("position must be a number of bytes.", "position");
    Incoming& added = *call.body.file;
    if (*position + added.size() > kAppendedMax) {
        return Refusal(400, "EntityTooLarge", "The object would be over 5 GB.");
    }
    ASK(site.blobs.publish(added));
    std::unique_ptr<Incoming> whole;
    {
        const auto lease = ASK(site.db.reader());
        const auto existing = ASK(find_current(*lease, request.bucket, request.key));
        if (existing && existing->kind == ObjectKind::appendable && existing->size == *position &&
            existing->segments.size() >= kSegmentsMax) {
            whole = ASK(merged(site, *existing, added.segment()));
        }
    }
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    const BucketState bucket = ASK(find_bucket(site, c, request.bucket));
    const auto existing = ASK(find_current(c, request.bucket, request.key));
    ASK(check_position(existing, *position));
    if (existing) ASK(check_customer_key(request, "", existing->attributes));
    ObjectRecord record = ASK(extended(request, site.now(), existing, added));
    const bool changes = !existing || added.size() > 0;
    if (changes) {
        record.mtime = site.now();
        if (whole && whole->crc64() == *record.crc64) {
            ASK(transaction->discard(record.segments));
            record.segments = {whole->segment()};
        } else if (added.size() > 0) {
            record.segments.push_back(added.segment());
        }
        ASK(write_current(c, record));
        ASK(transaction->commit());
        if (whole && record.segments.size() == 1) {
            site.blobs.keep(*whole);
        } else if (added.size() > 0) {
            site.blobs.keep(added);
        }
    }
    Reply reply(200);
    reply.add("ETag", quoted_etag(record, request.dialect));
    reply.add("x-oss-next-append-position", fmt::to_string(record.size));
    reply.add("x-oss-hash-crc64ecma", fmt::to_string(*record.crc64));
    const std::string version = version_id_on_wire(bucket, record);
    if (!version.empty()) reply.add("x-oss-version-id", version);
    return reply;
}

}  // namespace xbucket::local
