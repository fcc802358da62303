// SPDX-FileCopyrightText: the xbucket authors
// DeleteObject and DeleteMultipleObjects (protocol.md 6).
#include "commit.h"
#include "handlers.h"
#include "metadata.h"
#include "versions.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <optional>

namespace xbucket::local {

namespace {

// S3: If-Match on DELETE; nothing to delete is no failure of it.
Outcome<void> check_delete_condition(const Request& request,
                                     const std::optional<ObjectRecord>& existing) {
    const auto wanted = request.oss() ? std::nullopt : request.headers.get("if-match");
    if (!wanted) return {};
    if (!existing) return no_such_key(request);
    if (!etag_matches(*wanted, existing->etag)) return precondition_failed("If-Match");
    return {};
}

Outcome<Deleted> delete_one(Site& site, const Request& request, ObjectDb::Transaction& t,
                            const BucketState& bucket, const std::string& key,
                            const std::string& version) {
    Connection& c = *t;
    if (!version.empty()) {
        const auto found = ASK(find_version(c, bucket.name, key, version));
        if (found) ASK(check_not_locked(request, *found, site.now()));
        return delete_version(t, bucket, key, version);
    }
    if (bucket.versioning.empty()) {
        const auto found = ASK(find_current(c, bucket.name, key));
        if (found) ASK(check_not_locked(request, *found, site.now()));
    }
    return delete_current(t, bucket, key, site.now());
}

}  // namespace

Outcome<Reply> delete_object(Site& site, Call& call) {
    const Request& request = call.request;
    auto transaction = ASK(site.db.begin());
    const BucketState bucket = ASK(find_bucket(site, **transaction, request.bucket));
    if (!call.misbehaviour.ignore_conditions) {
        ASK(check_delete_condition(request,
                                   ASK(find_current(**transaction, request.bucket, request.key))));
    }
    const std::string* version = request.param("versionId");
    const Deleted deleted = ASK(delete_one(site, request, *transaction, bucket, request.key,
                                           version == nullptr ? "" : *version));
    ASK(transaction->commit());
    Reply reply(204);
    const std::string prefix(request.prefix());
    if (deleted.marker) reply.add(prefix + "delete-marker", "true");
    if (!bucket.versioning.empty() && (deleted.marker || version != nullptr)) {
        reply.add(prefix + "version-id", deleted.version_id.empty() ? "null" : deleted.version_id);
    }
    return reply;
}

Outcome<Reply> delete_objects(Site& site, Call& call) {
    const Request& request = call.request;
    if (!request.oss() && !request.headers.has("content-md5") && call.body.checksums.empty()) {
        return Refusal(400, "InvalidRequest",
                       "Missing required header for this request: Content-MD5 OR "
                       "x-amz-checksum-*");
    }
    const XmlDocument document = ASK(XmlDocument::parse(call.body.text, "Delete"));
    const auto objects = document.root().children("Object");
    if (objects.empty() || objects.size() > 1000) return malformed_xml();
    const bool quiet = iequals(document.root().text("Quiet"), "true");
    // encoding-type=url asks for it in the reply; a parameter on OSS's requests as well.
    const std::string* encoding = request.param("encoding-type");
    const bool url = (encoding != nullptr && *encoding == "url") ||
                     document.root().text("EncodingType") == "url";

    auto transaction = ASK(site.db.begin());
    const BucketState bucket = ASK(find_bucket(site, **transaction, request.bucket));
    XmlWriter xml("DeleteResult", request.oss() ? "" : "http://s3.amazonaws.com/doc/2006-03-01/");
    if (url) xml.element("EncodingType", "url");
    for (const auto& object : objects) {
        const std::string key = object.text("Key");
        const std::string version = object.text("VersionId");
        const std::string shown = url ? percent_encode(key) : key;
        auto deleted = delete_one(site, request, *transaction, bucket, key, version);
        if (!deleted) {
            xml.open("Error").element("Key", shown).element("Code", deleted.error().code);
            if (!version.empty()) xml.element("VersionId", version);
            xml.element("Message", deleted.error().message).close("Error");
            continue;
        }
        if (quiet) continue;
        xml.open("Deleted").element("Key", shown);
        if (!version.empty()) xml.element("VersionId", version);
        if (deleted->marker) {
            xml.boolean("DeleteMarker", true);
            xml.element("DeleteMarkerVersionId",
                        deleted->version_id.empty() ? "null" : deleted->version_id);
        }
        xml.close("Deleted");
    }
    ASK(transaction->commit());
    return Reply::xml(xml.finish());
}

}  // namespace xbucket::local
