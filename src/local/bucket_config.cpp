// SPDX-FileCopyrightText: the xbucket authors
// What clients ask of a bucket besides its objects: info, location, versioning, and the many
// configurations that this server does not have, each missing with its own code.
#include "handlers.h"
#include "lookup.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <array>
#include <utility>

namespace xbucket::local {

namespace {
constexpr const char* kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
}

Outcome<Reply> get_bucket_info(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const BucketState bucket = ASK(find_bucket(site, *lease, call.request.bucket));
    const std::string location = "oss-" + site.config.region;
    XmlWriter xml("BucketInfo");
    xml.open("Bucket");
    xml.element("CreationDate", format_iso8601(WallTime::from_seconds(bucket.created)));
    xml.element("ExtranetEndpoint", location + ".aliyuncs.com");
    xml.element("IntranetEndpoint", location + "-internal.aliyuncs.com");
    xml.element("Location", location).element("StorageClass", "Standard");
    xml.element("DataRedundancyType", "LRS").element("Name", bucket.name);
    if (!bucket.versioning.empty()) xml.element("Versioning", bucket.versioning);
    xml.open("Owner").element("ID", "xbucket").element("DisplayName", "xbucket").close("Owner");
    xml.open("AccessControlList");
    xml.element("Grant", bucket.acl.empty() ? "private" : bucket.acl);
    xml.close("AccessControlList").close("Bucket");
    return Reply::xml(xml.finish());
}

Outcome<Reply> get_location(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, call.request.bucket));
    const bool oss = call.request.oss();
    std::string body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint";
    if (!oss) body += std::string(" xmlns=\"") + kS3Namespace + "\"";
    body += ">";
    // S3 says nothing for its first region.
    if (oss || site.config.region != "us-east-1") {
        XmlWriter::escape(body, (oss ? "oss-" : "") + site.config.region);
    }
    return Reply::xml(body + "</LocationConstraint>");
}

Outcome<Reply> get_versioning(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const BucketState bucket = ASK(find_bucket(site, *lease, call.request.bucket));
    XmlWriter xml("VersioningConfiguration", call.request.oss() ? "" : kS3Namespace);
    if (!bucket.versioning.empty()) xml.element("Status", bucket.versioning);
    return Reply::xml(xml.finish());
}

Outcome<Reply> put_versioning(Site& site, Call& call) {
    const XmlDocument document = ASK(XmlDocument::parse(call.body.text, "VersioningConfiguration"));
    const std::string status(trim_ows(document.root().text("Status")));
    if (status != "Enabled" && status != "Suspended") return malformed_xml();
    auto transaction = ASK(site.db.begin());
    BucketState bucket = ASK(find_bucket(site, **transaction, call.request.bucket));
    bucket.versioning = status;
    ASK(site.db.write_bucket(**transaction, bucket));
    ASK(transaction->commit());
    return Reply(200);
}

Outcome<Reply> get_missing_configuration(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, call.request.bucket));
    constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kCodes = {{
        {"lifecycle", "NoSuchLifecycleConfiguration"},
        {"cors", "NoSuchCORSConfiguration"},
        {"policy", "NoSuchBucketPolicy"},
        {"website", "NoSuchWebsiteConfiguration"},
        {"encryption", "ServerSideEncryptionConfigurationNotFoundError"},
        {"replication", "ReplicationConfigurationNotFoundError"},
        {"object-lock", "ObjectLockConfigurationNotFoundError"},
        {"ownershipControls", "OwnershipControlsNotFoundError"},
        {"publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"},
    }};
    for (const auto& [parameter, code] : kCodes) {
        if (!call.request.has_param(parameter)) continue;
        return Refusal(404, std::string(code), "The bucket has no such configuration.");
    }
    return no_such_key(call.request);
}

}  // namespace xbucket::local
