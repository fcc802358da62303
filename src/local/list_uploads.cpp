// SPDX-FileCopyrightText: the xbucket authors
// ListMultipartUploads and ListParts.
#include "handlers.h"
#include "list_scan.h"
#include "lookup.h"
#include "uploads.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <set>

namespace xbucket::local {

namespace {

constexpr const char* kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

std::string param_text(const Request& request, std::string_view name) {
    const std::string* value = request.param(name);
    return value == nullptr ? std::string() : *value;
}

Outcome<uint64_t> limit_of(const Request& request, std::string_view name) {
    const std::string text = param_text(request, name);
    if (text.empty()) return uint64_t{1000};
    const auto value = parse_u64(text);
    if (!value) return invalid_argument("It must be a number.", std::string(name), text);
    return std::min<uint64_t>(*value, 1000);
}

void write_person(XmlWriter& xml, std::string_view name) {
    xml.open(name).element("ID", "xbucket").element("DisplayName", "xbucket").close(name);
}

}  // namespace

Outcome<Reply> list_uploads(Site& site, Call& call) {
    const Request& request = call.request;
    const std::string prefix = param_text(request, "prefix");
    const std::string delimiter = param_text(request, "delimiter");
    const std::string key_marker = param_text(request, "key-marker");
    const std::string id_marker = param_text(request, "upload-id-marker");
    const uint64_t limit = ASK(limit_of(request, "max-uploads"));
    const bool url = param_text(request, "encoding-type") == "url";
    const auto shown = [&](const std::string& s) { return url ? percent_encode(s) : s; };
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, request.bucket));
    // Without an id marker the key marker excludes its whole key.
    const std::string from_id =
        id_marker.empty() && !key_marker.empty() ? std::string(1, '\x7f') : id_marker;

    XmlWriter xml("ListMultipartUploadsResult", request.oss() ? "" : kS3Namespace);
    xml.element("Bucket", request.bucket);
    if (url) xml.element("EncodingType", "url");
    xml.element("KeyMarker", shown(key_marker)).element("UploadIdMarker", id_marker);
    xml.element("Delimiter", shown(delimiter)).element("Prefix", shown(prefix));
    xml.number("MaxUploads", limit);
    std::set<std::string> prefixes;
    uint64_t entries = 0;
    bool truncated = false;
    std::string last_key;
    std::string last_id;
    for (const auto& u : ASK(uploads_from(*lease, request.bucket, key_marker, from_id))) {
        if (!u.key.starts_with(prefix)) continue;
        const size_t at =
            delimiter.empty() ? std::string::npos : u.key.find(delimiter, prefix.size());
        const bool rolled = at != std::string::npos;
        std::string common = rolled ? u.key.substr(0, at + delimiter.size()) : std::string();
        if (rolled && prefixes.contains(common)) continue;
        if (entries == limit) {
            truncated = true;
            break;
        }
        ++entries;
        last_key = u.key;
        last_id = u.id;
        if (rolled) {
            prefixes.insert(std::move(common));
            continue;
        }
        xml.open("Upload").element("Key", shown(u.key)).element("UploadId", u.id);
        if (!request.oss()) {
            write_person(xml, "Initiator");
            write_person(xml, "Owner");
        }
        xml.element("StorageClass", class_to_wire(u.metadata.storage_class, request.dialect));
        xml.element("Initiated", format_iso8601(WallTime::from_seconds(u.initiated)));
        xml.close("Upload");
    }
    if (truncated) {
        xml.element("NextKeyMarker", shown(last_key)).element("NextUploadIdMarker", last_id);
    }
    xml.boolean("IsTruncated", truncated);
    for (const auto& p : prefixes) {
        xml.open("CommonPrefixes").element("Prefix", shown(p)).close("CommonPrefixes");
    }
    return Reply::xml(xml.finish());
}

Outcome<Reply> list_parts(Site& site, Call& call) {
    const Request& request = call.request;
    const uint64_t limit = ASK(limit_of(request, "max-parts"));
    const uint64_t marker = parse_u64(param_text(request, "part-number-marker")).value_or(0);
    const bool url = param_text(request, "encoding-type") == "url";
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, request.bucket));
    const std::string id = param_text(request, "uploadId");
    const auto upload = ASK(find_upload(*lease, id, request.bucket, request.key));
    if (!upload) {
        return Refusal(404, "NoSuchUpload", "The specified upload does not exist.",
                       "0042-00000002");
    }
    XmlWriter xml("ListPartsResult", request.oss() ? "" : kS3Namespace);
    xml.element("Bucket", request.bucket);
    if (url) xml.element("EncodingType", "url");
    xml.element("Key", url ? percent_encode(request.key) : request.key).element("UploadId", id);
    if (!request.oss()) {
        write_person(xml, "Initiator");
        write_person(xml, "Owner");
    }
    xml.element("StorageClass", class_to_wire(upload->metadata.storage_class, request.dialect));
    xml.number("PartNumberMarker", marker);
    uint64_t entries = 0;
    unsigned last = 0;
    bool truncated = false;
    for (const auto& p : ASK(parts_of(*lease, id))) {
        if (p.number <= marker) continue;
        if (entries == limit) {
            truncated = true;
            break;
        }
        ++entries;
        last = p.number;
        xml.open("Part").number("PartNumber", p.number);
        xml.element("LastModified", format_iso8601(WallTime::from_seconds(p.mtime)));
        xml.element("ETag", quoted_etag(p.etag, request.dialect)).number("Size", p.size);
        xml.close("Part");
    }
    if (last != 0) xml.number("NextPartNumberMarker", last);
    xml.number("MaxParts", limit).boolean("IsTruncated", truncated);
    return Reply::xml(xml.finish());
}

}  // namespace xbucket::local
