// SPDX-FileCopyrightText: the xbucket authors
// Object and bucket tags (protocol.md 7). Last-Modified does not move.
#include "handlers.h"
#include "metadata.h"
#include "rewrite.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

namespace {

constexpr const char* kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

Outcome<std::string> tags_of_body(const std::string& body) {
    const XmlDocument document = ASK(XmlDocument::parse(body, "Tagging"));
    const auto sets = document.root().children("TagSet");
    if (sets.size() != 1) return malformed_xml();
    QueryParameters pairs;
    for (const auto& tag : sets.front().children("Tag")) {
        if (!tag.has("Key") || !tag.has("Value")) return malformed_xml();
        pairs.emplace_back(tag.text("Key"), tag.text("Value"));
    }
    return tags_from_pairs(pairs);
}

std::string tags_xml(const Request& request, const std::string& stored) {
    XmlWriter xml("Tagging", request.oss() ? "" : kS3Namespace);
    xml.open("TagSet");
    for (const auto& [key, value] : tags_to_pairs(stored)) {
        xml.open("Tag").element("Key", key).element("Value", value).close("Tag");
    }
    return xml.close("TagSet").finish();
}

// S3 wants these bodies covered by a digest (protocol.md 7).
Outcome<void> check_digest_given(const Call& call) {
    const Request& request = call.request;
    if (request.oss() || request.headers.has("content-md5") || !call.body.checksums.empty()) {
        return {};
    }
    return Refusal(400, "InvalidRequest",
                   "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
}

}  // namespace

Outcome<Found> rewrite(Site& site, const Request& request,
                       const std::function<Outcome<void>(ObjectRecord&)>& change) {
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    Found found;
    found.bucket = ASK(find_bucket(site, c, request.bucket));
    const std::string* version = request.param("versionId");
    const std::string wanted = version == nullptr ? "" : *version;
    auto record = wanted.empty() ? ASK(find_current(c, request.bucket, request.key))
                                 : ASK(find_version(c, request.bucket, request.key, wanted));
    if (!record) {
        if (wanted.empty()) return no_such_key(request);
        return Refusal(404, "NoSuchVersion", "The specified version does not exist.");
    }
    if (record->delete_marker) return method_not_allowed(request);
    ASK(change(*record));
    const auto current = ASK(find_current(c, request.bucket, request.key));
    if (current && current->version_id == record->version_id) {
        ASK(write_current(c, *record));
    } else {
        ASK(write_older(c, *record));
    }
    ASK(transaction->commit());
    found.record = std::move(*record);
    return found;
}

void add_version(Reply& reply, const Request& request, const Found& found) {
    const std::string version = version_id_on_wire(found.bucket, found.record);
    if (!version.empty()) reply.add(std::string(request.prefix()) + "version-id", version);
}

Outcome<Reply> get_tagging(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const Found found = ASK(find_object(site, *lease, call.request, Links::keep));
    Reply reply = Reply::xml(tags_xml(call.request, found.record.tags));
    add_version(reply, call.request, found);
    return reply;
}

Outcome<Reply> put_tagging(Site& site, Call& call) {
    ASK(check_digest_given(call));
    const std::string tags = ASK(tags_of_body(call.body.text));
    const Found found = ASK(rewrite(site, call.request, [&](ObjectRecord& r) -> Outcome<void> {
        r.tags = tags;
        return {};
    }));
    Reply reply(200);
    add_version(reply, call.request, found);
    return reply;
}

Outcome<Reply> delete_tagging(Site& site, Call& call) {
    const Found found = ASK(rewrite(site, call.request, [](ObjectRecord& r) -> Outcome<void> {
        r.tags.clear();
        return {};
    }));
    Reply reply(204);
    add_version(reply, call.request, found);
    return reply;
}

Outcome<Reply> get_bucket_tagging(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const BucketState bucket = ASK(find_bucket(site, *lease, call.request.bucket));
    if (bucket.tags.empty() && !call.request.oss()) {
        return Refusal(404, "NoSuchTagSet", "The TagSet does not exist");
    }
    return Reply::xml(tags_xml(call.request, bucket.tags));
}

Outcome<Reply> put_bucket_tagging(Site& site, Call& call) {
    const bool removes = call.request.method == "DELETE";
    const std::string tags = removes ? std::string() : ASK(tags_of_body(call.body.text));
    auto transaction = ASK(site.db.begin());
    BucketState bucket = ASK(find_bucket(site, **transaction, call.request.bucket));
    bucket.tags = tags;
    ASK(site.db.write_bucket(**transaction, bucket));
    ASK(transaction->commit());
    return Reply(removes || !call.request.oss() ? 204 : 200);
}

}  // namespace xbucket::local
