// SPDX-FileCopyrightText: the xbucket authors
// The service and its buckets: folders of DIR, settings in the database.
#include "handlers.h"
#include "lookup.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket::local {

namespace {

constexpr const char* kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

bool is_bucket_name(const std::string& name, bool dots) {
    if (name.size() < 3 || name.size() > 63 || name.front() == '-' || name.back() == '-') {
        return false;
    }
    return std::all_of(name.begin(), name.end(),
                       [dots](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                                  (dots && c == '.');
                       }) &&
           name.front() != '.';
}

void write_owner(XmlWriter& xml) {
    xml.open("Owner").element("ID", "xbucket").element("DisplayName", "xbucket").close("Owner");
}

}  // namespace

Outcome<Reply> list_buckets(Site& site, Call& call) {
    const Request& request = call.request;
    const auto lease = ASK(site.db.reader());
    XmlWriter xml("ListAllMyBucketsResult", request.oss() ? "" : kS3Namespace);
    write_owner(xml);
    const std::string* prefix = request.param("prefix");
    xml.open("Buckets");
    for (const auto& name : site.db.bucket_names()) {
        if (prefix != nullptr && !name.starts_with(*prefix)) continue;
        const auto bucket = ASK(site.db.bucket(*lease, name));
        if (!bucket) continue;
        xml.open("Bucket").element("Name", name);
        xml.element("CreationDate", format_iso8601(WallTime::from_seconds(bucket->created)));
        if (request.oss()) {
            const std::string& region = site.config.region;
            xml.element("Location", "oss-" + region).element("Region", region);
            xml.element("ExtranetEndpoint", "oss-" + region + ".aliyuncs.com");
            xml.element("IntranetEndpoint", "oss-" + region + "-internal.aliyuncs.com");
            xml.element("StorageClass", "Standard");
        }
        xml.close("Bucket");
    }
    xml.close("Buckets");
    return Reply::xml(xml.finish());
}

Outcome<Reply> head_bucket(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, call.request.bucket));
    Reply reply(200);
    reply.add(call.request.oss() ? "x-oss-bucket-region" : "x-amz-bucket-region",
              site.config.region);
    return reply;
}

Outcome<Reply> put_bucket(Site& site, Call& call) {
    const Request& request = call.request;
    const std::string& name = request.bucket;
    if (!is_bucket_name(name, !request.oss())) {
        return Refusal(400, "InvalidBucketName", "The specified bucket is not valid.",
                       "0015-00000001")
            .detail("BucketName", name);
    }
    const auto acl = acl_from_wire(request.ext("acl"));
    if (!acl) return invalid_argument("The canned ACL is not known.", "acl");
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    auto existing = ASK(site.db.bucket(c, name));
    if (existing && !request.oss()) {
        return Refusal(409, "BucketAlreadyOwnedByYou",
                       "Your previous request to create the named bucket succeeded and you "
                       "already own it.")
            .detail("BucketName", name);
    }
    const std::string path = site.blobs.bucket_path(name);
    if (!existing && ::mkdir(path.c_str(), 0777) != 0) {
        return Refusal(500, "InternalError",
                       fmt::format("cannot make the folder {}: {}", path, std::strerror(errno)));
    }
    BucketState state;
    if (existing) {
        state = *existing;
    } else {
        state.name = name;
        state.created = site.now();
        state.versioning = site.config.versioning ? "Enabled" : "";
    }
    if (!existing || request.ext_if("acl")) state.acl = *acl == "private" ? "" : *acl;
    ASK(site.db.write_bucket(c, state));
    ASK(transaction->commit());
    Reply reply(200);
    reply.add("Location", "/" + name);
    return reply;
}

Outcome<Reply> delete_bucket(Site& site, Call& call) {
    const Request& request = call.request;
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    ASK(find_bucket(site, c, request.bucket));
    {
        Query q(c,
                "SELECT 1 FROM objects WHERE bucket=?1 UNION ALL "
                "SELECT 1 FROM versions WHERE bucket=?1 UNION ALL "
                "SELECT 1 FROM uploads WHERE bucket=?1 LIMIT 1");
        if (ASK(q.text(request.bucket).step())) {
            return Refusal(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.",
                           "0015-00000301")
                .detail("BucketName", request.bucket);
        }
    }
    // A folder that still holds files (deleted as objects, kept as files) is not ours to remove.
    const std::string path = site.blobs.bucket_path(request.bucket);
    if (::rmdir(path.c_str()) != 0) {
        return Refusal(
            409, "BucketNotEmpty",
            fmt::format("the folder {} still holds files: {}", path, std::strerror(errno)),
            "0015-00000301");
    }
    Query q(c, "DELETE FROM buckets WHERE name=?");
    ASK(q.text(request.bucket).run());
    Query forget(c, "DELETE FROM imported WHERE bucket=?");
    ASK(forget.text(request.bucket).run());
    ASK(transaction->commit());
    return Reply(204);
}

}  // namespace xbucket::local
