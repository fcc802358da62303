// SPDX-FileCopyrightText: the xbucket authors
// Canned ACLs of objects and buckets (protocol.md 7): OSS names them in a grant, S3 spells them as
// lists of grants. What no canned name describes is refused.
#include "handlers.h"
#include "rewrite.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include <fmt/format.h>

namespace xbucket::local {

namespace {

constexpr std::string_view kGroups = "http://acs.amazonaws.com/groups/global/";

void write_grant(std::string& out, bool group, std::string_view name, std::string_view permission) {
    out += "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"";
    if (group) {
        out += fmt::format("Group\"><URI>{}{}</URI>", kGroups, name);
    } else {
        out += fmt::format("CanonicalUser\"><ID>{0}</ID><DisplayName>{0}</DisplayName>", name);
    }
    out += fmt::format("</Grantee><Permission>{}</Permission></Grant>", permission);
}

std::string acl_xml(const Request& request, const std::string& acl, std::string_view unset) {
    XmlWriter xml("AccessControlPolicy",
                  request.oss() ? "" : "http://s3.amazonaws.com/doc/2006-03-01/");
    xml.open("Owner").element("ID", "xbucket").element("DisplayName", "xbucket").close("Owner");
    xml.open("AccessControlList");
    if (request.oss()) {
        xml.element("Grant", acl.empty() ? unset : std::string_view(acl));
    } else {
        std::string grants;
        write_grant(grants, false, "xbucket", "FULL_CONTROL");
        if (acl == "public-read" || acl == "public-read-write") {
            write_grant(grants, true, "AllUsers", "READ");
        }
        if (acl == "public-read-write") write_grant(grants, true, "AllUsers", "WRITE");
        if (acl == "authenticated-read") write_grant(grants, true, "AuthenticatedUsers", "READ");
        xml.raw(grants);
    }
    return xml.close("AccessControlList").finish();
}

// The canned name for S3's grants.
Outcome<std::string> canned_of(const XmlElement& policy) {
    bool read = false;
    bool write = false;
    bool authenticated = false;
    const auto lists = policy.children("AccessControlList");
    if (lists.size() != 1) return malformed_xml();
    for (const auto& grant : lists.front().children("Grant")) {
        const auto grantees = grant.children("Grantee");
        if (grantees.size() != 1) return malformed_xml();
        const std::string uri = grantees.front().text("URI");
        const std::string permission = grant.text("Permission");
        if (uri.empty()) continue;  // a user; there is only the owner here
        if (uri == std::string(kGroups) + "AllUsers" && permission == "READ") {
            read = true;
        } else if (uri == std::string(kGroups) + "AllUsers" && permission == "WRITE") {
            write = true;
        } else if (uri == std::string(kGroups) + "AuthenticatedUsers" && permission == "READ") {
            authenticated = true;
        } else {
            return Refusal(501, "NotImplemented", "This server knows canned ACLs only.");
        }
    }
    if (write) return std::string("public-read-write");
    if (read) return std::string("public-read");
    return std::string(authenticated ? "authenticated-read" : "");
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
    if (request.oss() || call.body.text.empty()) {
        return Refusal(400, request.oss() ? "MissingArgument" : "MissingSecurityHeader",
                       "Your request was missing the header of the ACL.")
            .detail("ArgumentName", std::string(request.prefix()) + std::string(header));
    }
    const XmlDocument document = ASK(XmlDocument::parse(call.body.text, "AccessControlPolicy"));
    return canned_of(document.root());
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
