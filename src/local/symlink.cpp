// SPDX-FileCopyrightText: the xbucket authors
// PutSymlink and GetSymlink of OSS (protocol.md 6): the target is a key of the same bucket, from
// its root; whether it exists is not checked.
#include "commit.h"
#include "handlers.h"
#include "metadata.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

namespace xbucket::local {

Outcome<Reply> put_symlink(Site& site, Call& call) {
    const Request& request = call.request;
    if (!request.oss()) return Refusal(501, "NotImplemented", "S3 has no symlinks.");
    ASK(check_key(request, request.key));
    const auto target = percent_decode(request.header("x-oss-symlink-target"));
    if (!target || target->empty()) {
        return invalid_argument("The symlink's target is not valid.", "x-oss-symlink-target",
                                std::string(request.header("x-oss-symlink-target")));
    }
    ASK(check_key(request, *target));
    ObjectRecord record;
    record.bucket = request.bucket;
    record.key = request.key;
    apply(ASK(metadata_from(request, site.now())), record);
    record.kind = ObjectKind::symlink;
    record.target = *target;
    record.etag = hex_encode(md5(*target));
    record.crc64 = 0;
    BucketState bucket;
    ASK(commit_object(site, call, record, {}, &bucket));
    Reply reply(200);
    reply.add("ETag", quoted_etag(record, request.dialect));
    const std::string version = version_id_on_wire(bucket, record);
    if (!version.empty()) reply.add("x-oss-version-id", version);
    return reply;
}

Outcome<Reply> get_symlink(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const Found found = ASK(find_object(site, *lease, call.request, Links::keep));
    const ObjectRecord& link = found.record;
    if (link.kind != ObjectKind::symlink) {
        return Refusal(400, "NotSymlink", "The object is not a symlink.", "0026-00000022");
    }
    Reply reply(200);
    reply.add("x-oss-symlink-target", percent_encode(link.target, true));
    reply.add("ETag", quoted_etag(link, Dialect::oss));
    reply.add("Last-Modified", format_http_date(WallTime::from_seconds(link.mtime)));
    for (const auto& a : link.attributes.list()) {
        if (a.kind == AttributeKind::user) reply.add("x-oss-meta-" + a.name, a.value);
    }
    const std::string version = version_id_on_wire(found.bucket, link);
    if (!version.empty()) reply.add("x-oss-version-id", version);
    return reply;
}

}  // namespace xbucket::local
