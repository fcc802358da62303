// SPDX-FileCopyrightText: the xbucket authors
// The parsers of XML replies that both dialects share. Elements are matched by local name; a reply
// with another root, with numbers that do not fit or with pages that lead nowhere is a bad_reply,
// never an empty success (reliability.md 15, 47, 49).
#include "dialect.h"
#include "errors.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/content_hash.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace xbucket {
namespace {

// HTTP dates have whole seconds, XML bodies finer ones; only cut they can be compared.
WallTime cut_to_seconds(WallTime t) { return WallTime::from_seconds(t.seconds()); }

Error bad(std::string message) { return fail(ErrorKind::bad_reply, std::move(message)); }

bool is_url_encoded(const XmlNode& root) {
    return iequals(root.child("EncodingType").text(), "url");
}

// A key, prefix or marker: bytes, which are never trimmed.
Result<std::string> read_name(const XmlNode& node, bool url_encoded) {
    std::string raw = node.raw_text();
    if (!url_encoded) return raw;
    auto decoded = percent_decode(raw, /*plus_is_space=*/true);
    if (!decoded)
        return bad(fmt::format("the listing has a malformed name \"{}\"", printable(raw)));
    return std::move(*decoded);
}

Result<bool> read_bool(const XmlNode& node, std::string_view name) {
    const std::string text = node.text();
    if (iequals(text, "true")) return true;
    if (iequals(text, "false")) return false;
    return bad(fmt::format("the reply does not say {}", name));
}

ObjectType type_of_entry(std::string_view text) {
    if (text == "Normal") return ObjectType::normal;
    if (text == "Multipart") return ObjectType::multipart;
    if (text == "Appendable") return ObjectType::appendable;
    if (text == "Symlink") return ObjectType::symlink;
    return ObjectType::unknown;
}

Result<ListEntry> read_entry(const XmlNode& node, bool url_encoded) {
    ListEntry entry;
    entry.key = ObjectKey(TRY(read_name(node.child("Key"), url_encoded)));
    if (entry.key.empty()) return bad("the listing has an entry without a key");
    const auto size = parse_u64(node.child("Size").text());
    if (!size || *size > INT64_MAX) {
        return bad(
            fmt::format("the listing has no valid size for \"{}\"", printable(entry.key.str())));
    }
    entry.size = *size;
    const auto modified = parse_iso8601(node.child("LastModified").text());
    if (!modified) {
        return bad(
            fmt::format("the listing has no valid time for \"{}\"", printable(entry.key.str())));
    }
    // Ceph lists milliseconds, HEAD has whole seconds; a cache compares the two.
    entry.last_modified = cut_to_seconds(*modified);
    entry.etag = unquote_etag(node.child("ETag").text());
    entry.type = type_of_entry(node.child("Type").text());
    entry.storage_class = node.child("StorageClass").text();
    return entry;
}

WallTime date_of(const Headers& headers) {
    return parse_http_date(trim_ows(headers.value_or_empty("date"))).value_or(WallTime{});
}

}  // namespace

Result<XmlDocument> parse_reply(const HttpResponse& response, std::string_view root_name) {
    XmlDocument document = TRY(XmlDocument::parse(response.body));
    if (document.root().name() != root_name) {
        return bad(fmt::format("the reply is \"{}\" where \"{}\" was expected",
                               printable(document.root().name().substr(0, 64)), root_name));
    }
    return document;
}

bool Dialect::tells_version(const Headers& headers) const {
    return !own_value(headers, "version-id").empty() || !own_value(headers, "versionId").empty();
}

Result<CopyReply> Dialect::parse_copy(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "CopyObjectResult"));
    CopyReply reply;
    reply.etag = unquote_etag(document.root().child("ETag").text());
    const std::string modified = document.root().child("LastModified").text();
    if (const auto time = parse_iso8601(modified)) {
        reply.last_modified = cut_to_seconds(*time);
    } else {
        return bad(fmt::format("the copy's reply has no valid time: \"{}\"", printable(modified)));
    }
    reply.date = date_of(response.headers);
    reply.version_id = VersionId(own_value(response.headers, "version-id"));
    reply.source_version_id = VersionId(own_value(response.headers, "copy-source-version-id"));
    return reply;
}

Result<PutReply> Dialect::parse_put(const HttpResponse& response) const {
    PutReply reply;
    reply.etag = unquote_etag(response.headers.value_or_empty("etag"));
    if (reply.etag.empty()) return bad("the upload's reply has no ETag");
    reply.version_id = VersionId(own_value(response.headers, "version-id"));
    reply.date = date_of(response.headers);
    reply.crc64 = TRY(parse_stored_crc64(response.headers));
    return reply;
}

std::string Dialect::parse_md5(const Headers& headers) const {
    ObjectInfo info;
    info.etag = unquote_etag(headers.value_or_empty("etag"));
    info.attributes.sse.algorithm = own_value(headers, "server-side-encryption");
    info.attributes.sse.customer_key =
        !own_value(headers, "server-side-encryption-customer-algorithm").empty();
    return etag_is_content_hash(info) ? to_lower(info.etag.str()) : std::string();
}

Result<ListPage> Dialect::parse_list(const HttpResponse& response,
                                     std::string_view token_given) const {
    const XmlDocument document = TRY(parse_reply(response, "ListBucketResult"));
    const XmlNode root = document.root();
    const bool url_encoded = is_url_encoded(root);
    ListPage page;
    page.date = date_of(response.headers);
    for (const XmlNode& node : root.children("Contents")) {
        page.objects.push_back(TRY(read_entry(node, url_encoded)));
    }
    for (const XmlNode& node : root.children("CommonPrefixes")) {
        for (const XmlNode& prefix : node.children("Prefix")) {
            page.common_prefixes.push_back(TRY(read_name(prefix, url_encoded)));
        }
    }
    if (!TRY(read_bool(root.child("IsTruncated"), "whether the listing goes on"))) return page;
    // Untrimmed: Ceph's is a key.
    page.next_token = decode_token(root.child("NextContinuationToken").raw_text(), url_encoded);
    if (page.next_token.empty()) return bad("the listing goes on but does not say where");
    if (page.next_token == token_given) return bad("the listing repeats its page for ever");
    return page;
}

Result<std::vector<DeleteFailure>> Dialect::parse_remove_many(
    const HttpResponse& response, const std::vector<ObjectKey>& keys) const {
    const XmlDocument document = TRY(parse_reply(response, "DeleteResult"));
    const XmlNode root = document.root();
    const bool url_encoded = is_url_encoded(root);
    std::set<std::string> open;
    for (const ObjectKey& key : keys) open.insert(key.str());
    std::vector<DeleteFailure> failures;
    for (const XmlNode& node : root.children("Error")) {
        const ObjectKey key(TRY(read_name(node.child("Key"), url_encoded)));
        const std::string code = node.child("Code").text();
        open.erase(key.str());
        if (code == "NoSuchKey") continue;
        Error error(kind_of_code(code).value_or(ErrorKind::server_error),
                    fmt::format("the service could not delete it: {}",
                                printable(node.child("Message").text())));
        error.code = code;
        failures.push_back({key, std::move(error)});
    }
    const auto deleted = root.children("Deleted");
    for (const XmlNode& node : deleted) {
        open.erase(TRY(read_name(node.child("Key"), url_encoded)));
    }
    if (failures.empty() && deleted.size() == keys.size()) return failures;
    for (const std::string& key : open) {
        Error error(ErrorKind::bad_reply, "the service does not say whether it deleted it");
        error.outcome_unknown = true;
        failures.push_back({ObjectKey(key), std::move(error)});
    }
    return failures;
}

Result<UploadId> Dialect::parse_create_upload(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "InitiateMultipartUploadResult"));
    UploadId id(document.root().child("UploadId").text());
    if (id.empty()) return bad("the reply has no upload id");
    return id;
}

Result<UploadPart> Dialect::parse_upload_part(const HttpResponse& response, unsigned number,
                                              uint64_t bytes) const {
    UploadPart part{number, unquote_etag(response.headers.value_or_empty("etag")), bytes};
    if (part.etag.empty()) return bad("the part's reply has no ETag");
    return part;
}

Result<UploadPart> Dialect::parse_upload_part_copy(const HttpResponse& response, unsigned number,
                                                   uint64_t bytes) const {
    const XmlDocument document = TRY(parse_reply(response, "CopyPartResult"));
    UploadPart part{number, unquote_etag(document.root().child("ETag").text()), bytes};
    if (part.etag.empty()) return bad("the part's reply has no ETag");
    for (const Checksum::Kind kind : kChecksumKinds) {
        std::string value = document.root().child("Checksum" + checksum_word(kind)).text();
        if (!value.empty()) part.checksum = Checksum{kind, std::move(value)};
    }
    return part;
}

Result<PutReply> Dialect::parse_complete(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "CompleteMultipartUploadResult"));
    PutReply reply;
    reply.etag = unquote_etag(document.root().child("ETag").text());  // "" from Ceph
    reply.version_id = VersionId(own_value(response.headers, "version-id"));
    reply.date = date_of(response.headers);
    reply.crc64 = TRY(parse_completed_crc64(response.headers, document.root()));
    return reply;
}

Result<UploadsPage> Dialect::parse_uploads(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "ListMultipartUploadsResult"));
    const XmlNode root = document.root();
    const bool url_encoded = is_url_encoded(root);
    UploadsPage page;
    for (const XmlNode& node : root.children("Upload")) {
        PendingUpload upload;
        upload.key = ObjectKey(TRY(read_name(node.child("Key"), url_encoded)));
        upload.id = UploadId(node.child("UploadId").text());
        if (upload.key.empty() || upload.id.empty()) return bad("the list names no upload");
        upload.initiated = parse_iso8601(node.child("Initiated").text()).value_or(WallTime{});
        page.uploads.push_back(std::move(upload));
    }
    if (!TRY(read_bool(root.child("IsTruncated"), "whether the list goes on"))) return page;
    page.next_key_marker = TRY(read_name(root.child("NextKeyMarker"), url_encoded));
    page.next_upload_marker = root.child("NextUploadIdMarker").text();
    if (page.next_key_marker.empty()) return bad("the list goes on but does not say where");
    return page;
}

// Versions and delete markers stand in one order, and those of the key before all longer keys that
// begin with it.
Result<VersionsPage> Dialect::parse_versions(const HttpResponse& response,
                                             const ObjectKey& key) const {
    const XmlDocument document = TRY(parse_reply(response, "ListVersionsResult"));
    const XmlNode root = document.root();
    const bool url_encoded = is_url_encoded(root);
    VersionsPage page;
    for (const XmlNode& node : root.children("")) {
        const bool marker = node.name() == "DeleteMarker";
        if (!marker && node.name() != "Version") continue;
        if (TRY(read_name(node.child("Key"), url_encoded)) != key.str()) return page;
        ObjectVersion version;
        version.id = VersionId(node.child("VersionId").text());
        if (version.id.empty()) return bad("the list has a version without an id");
        version.latest = TRY(read_bool(node.child("IsLatest"), "which version is the latest"));
        version.delete_marker = marker;
        const auto modified = parse_iso8601(node.child("LastModified").text());
        if (!modified) return bad("the list has no valid time for a version");
        version.last_modified = cut_to_seconds(*modified);
        if (!marker) {
            const auto size = parse_u64(node.child("Size").text());
            if (!size || *size > INT64_MAX) return bad("the list has no valid size for a version");
            version.size = *size;
            version.etag = unquote_etag(node.child("ETag").text());
            version.storage_class = node.child("StorageClass").text();
        }
        page.versions.push_back(std::move(version));
    }
    if (!TRY(read_bool(root.child("IsTruncated"), "whether the list goes on"))) return page;
    page.next_key_marker = TRY(read_name(root.child("NextKeyMarker"), url_encoded));
    page.next_version_marker = root.child("NextVersionIdMarker").text();
    if (page.next_key_marker.empty()) return bad("the list goes on but does not say where");
    if (page.next_key_marker != key.str()) page.next_key_marker.clear();
    return page;
}

Result<Tags> Dialect::parse_tags(const HttpResponse& response) const {
    // Ceph's word for tags that it has lost in a copy or a multipart upload.
    if (response.body.empty() && !config_.official) return Tags();
    const XmlDocument document = TRY(parse_reply(response, "Tagging"));
    Tags tags;
    for (const XmlNode& node : document.root().child("TagSet").children("Tag")) {
        std::string key = node.child("Key").raw_text();
        if (key.empty()) return bad("the reply has a tag without a key");
        tags.insert_or_assign(std::move(key), node.child("Value").raw_text());
    }
    return tags;
}

Result<ObjectKey> Dialect::parse_symlink(const HttpResponse&) const {
    return fail(ErrorKind::unsupported, "this service has no symbolic links of its own");
}

}  // namespace xbucket
