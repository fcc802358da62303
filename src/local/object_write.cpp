// SPDX-FileCopyrightText: the xbucket authors
// PutObject, and the commit that all writes share.
#include "commit.h"
#include "customer_key.h"
#include "handlers.h"
#include "metadata.h"
#include "versions.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::local {

Outcome<void> check_not_locked(const Request& request, const ObjectRecord& record, int64_t now) {
    bool locked = record.attributes.get(AttributeKind::system, "lock-hold") == "ON";
    const auto until = parse_iso8601(record.attributes.get(AttributeKind::system, "lock-until"));
    if (until && until->seconds() > now) locked = true;
    if (!locked) return {};
    if (request.oss()) {
        return Refusal(409, "FileImmutable", "The object you specified is immutable.",
                       "0026-00000031");
    }
    return Refusal(403, "AccessDenied", "Access Denied because object protected by object lock.");
}

Outcome<void> commit_object(
    Site& site, const Call& call, ObjectRecord& record,
    const std::vector<std::unique_ptr<Incoming>>& blobs, BucketState* bucket_out,
    const std::function<Outcome<void>(ObjectDb::Transaction&, const BucketState&)>& before) {
    for (const auto& blob : blobs) ASK(site.blobs.publish(*blob));
    auto transaction = ASK(site.db.begin());
    const BucketState bucket = ASK(find_bucket(site, **transaction, record.bucket));
    if (before) ASK(before(*transaction, bucket));
    const auto existing = ASK(find_current(**transaction, record.bucket, record.key));
    if (!call.misbehaviour.ignore_conditions) {
        ASK(check_write_conditions(call.request, bucket, existing));
    }
    if (existing && bucket.versioning.empty()) {
        ASK(check_not_locked(call.request, *existing, site.now()));
    }
    if (record.mtime == 0) record.mtime = site.now();
    ASK(put_version(*transaction, bucket, record));
    ASK(transaction->commit());
    for (const auto& blob : blobs) site.blobs.keep(*blob);
    if (bucket_out != nullptr) *bucket_out = bucket;
    return {};
}

Outcome<Reply> put_object(Site& site, Call& call) {
    const Request& request = call.request;
    ASK(check_key(request, request.key));
    ObjectRecord record;
    record.bucket = request.bucket;
    record.key = request.key;
    apply(ASK(metadata_from(request, site.now())), record);
    if (!record.attributes.has(AttributeKind::http, "content-type")) {
        record.attributes.set(AttributeKind::http, "content-type",
                              default_content_type(request.key, request.dialect));
    }
    for (const auto& checksum : call.body.checksums.list()) {
        record.attributes.set(AttributeKind::system, checksum.name, checksum.value);
        record.attributes.set(AttributeKind::system, "checksum-type", "FULL_OBJECT");
    }
    std::vector<std::unique_ptr<Incoming>> blobs;
    Incoming& file = *call.body.file;
    const std::string file_md5 = file.md5();
    record.size = file.size();
    record.crc64 = file.crc64();
    record.etag = hex_encode(file_md5);
    make_etag_opaque(record);
    if (record.size > 0) {
        record.segments = {file.segment()};
        blobs.push_back(std::move(call.body.file));
    }
    BucketState bucket;
    ASK(commit_object(site, call, record, blobs, &bucket));

    Reply reply(200);
    reply.add("ETag", quoted_etag(record, request.dialect));
    if (request.oss()) {
        reply.add("x-oss-hash-crc64ecma", fmt::to_string(*record.crc64));
        reply.add("Content-MD5", base64_encode(file_md5));
    }
    const std::string version = version_id_on_wire(bucket, record);
    if (!version.empty()) reply.add(std::string(request.prefix()) + "version-id", version);
    add_sse_headers(reply, request, record.attributes);
    for (const auto& checksum : call.body.checksums.list()) {
        reply.add("x-amz-" + checksum.name, checksum.value);
    }
    return reply;
}

}  // namespace xbucket::local
