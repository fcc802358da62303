// SPDX-FileCopyrightText: the xbucket authors
// Canned ACLs of objects and buckets (protocol.md 7): OSS names them in a grant, S3 spells them as
// lists of grants, and takes grants that no canned name describes.
#include "grants.h"
#include "handlers.h"
#include "rewrite.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include <fmt/format.h>

namespace xbucket::local {

namespace {

std::string acl_xml(const Request& request, const std::string& acl, std::string_view unset) {
    XmlWriter xml("AccessControlPolicy",
                  request.oss() ? "" : "http://s3.amazonaws.com/doc/2006-03-01/");
    xml.open("Owner").element("ID", "xbucket").element("DisplayName", "xbucket").close("Owner");
    xml.open("AccessControlList");
    if (request.oss()) {
        const std::string_view read = is_public(acl) ? "public-read" : "private";
        const bool canned = acl.find('=') == std::string::npos;
        xml.element("Grant", !canned ? read : acl.empty() ? unset : std::string_view(acl));
    } else {
        xml.raw(grants_xml(acl));
    }
    return xml.close("AccessControlList").finish();
}

// From header or body, in stored form.
Outcome<std::string> wanted_acl(const Call& call, std::string_view header) {
    const Request& request = call.request;
    const auto canned = request.ext_if(header);
    if (canned && !canned->empty()) {
        const auto acl = acl_from_wire(*canned);
        if (!acl)
            return invalid_argument("no such canned ACL", std::string(header),
                                    std::string(*canned));
        return *acl == "private" && !request.oss() ? std::string() : *acl;
    }
    if (std::string grants = ASK(grants_from_headers(request)); !grants.empty()) return grants;
    if (request.oss() || call.body.text.empty()) {
        return Refusal(400, request.oss() ? "MissingArgument" : "MissingSecurityHeader",
                       "Your request was missing the header of the ACL.")
            .detail("ArgumentName", std::string(request.prefix()) + std::string(header));
    }
    const XmlDocument document = ASK(XmlDocument::parse(call.body.text, "AccessControlPolicy"));
    return acl_from_policy(document.root());
}

}  // namespace

Outcome<Reply> get_acl(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const Found found = ASK(find_object(site, *lease, call.request, Links::keep));
    Reply reply = Reply::xml(acl_xml(call.request, found.record.acl, "default"));
    add_version(reply, call.request, found);
    return reply;
}

Outcome<Reply> put_acl(Site& site, Call& call) {
    const std::string acl = ASK(wanted_acl(call, call.request.oss() ? "object-acl" : "acl"));
    const Found found = ASK(rewrite(site, call.request, [&](ObjectRecord& r) -> Outcome<void> {
        r.acl = acl;
        return {};
    }));
    Reply reply(200);
    add_version(reply, call.request, found);
    return reply;
}

Outcome<Reply> get_bucket_acl(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const BucketState bucket = ASK(find_bucket(site, *lease, call.request.bucket));
    return Reply::xml(acl_xml(call.request, bucket.acl, "private"));
}

Outcome<Reply> put_bucket_acl(Site& site, Call& call) {
    std::string acl = ASK(wanted_acl(call, "acl"));
    if (acl == "private") acl.clear();
    auto transaction = ASK(site.db.begin());
    BucketState bucket = ASK(find_bucket(site, **transaction, call.request.bucket));
    bucket.acl = acl;
    ASK(site.db.write_bucket(**transaction, bucket));
    ASK(transaction->commit());
    return Reply(200);
}

}  // namespace xbucket::local
