// SPDX-FileCopyrightText: the xbucket authors
// The builders that both dialects share.
#include "dialect.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

void set_xml_body(RequestParts& parts, std::string xml) {
    parts.headers.add("Content-Type", "application/xml");
    parts.headers.add("Content-MD5", base64_encode(md5(xml)));
    parts.body = std::move(xml);
}

Result<std::string> escaped(std::string_view text) {
    auto out = xml_escape(text);
    if (!out) return fail(ErrorKind::invalid_name, "a NUL byte cannot be part of a name");
    return std::move(*out);
}

namespace {

std::string range_value(uint64_t offset, uint64_t length) {
    return length == 0 ? fmt::format("bytes={}-", offset)
                       : fmt::format("bytes={}-{}", offset, offset + length - 1);
}

// How long a service may copy in silence: it moves at least about 10 MB/s inside itself. What takes
// it no second is a request like any other.
Duration copy_silence(uint64_t bytes) {
    constexpr uint64_t kBytesPerSecond = 10'000'000;
    if (bytes < kBytesPerSecond) return Duration::zero();
    const uint64_t seconds = 30 + bytes / kBytesPerSecond;
    return std::chrono::seconds(static_cast<int64_t>(std::min<uint64_t>(seconds, 3600)));
}

}  // namespace

RequestParts Dialect::start(std::string_view kind, HttpMethod method, const ObjectKey& key) const {
    RequestParts parts;
    parts.kind = kind;
    parts.method = method;
    parts.key = key;
    const bool reads = method == HttpMethod::get || method == HttpMethod::head;
    parts.repeat = reads ? Repeat::harmless : Repeat::unsafe;
    if (config_.requester_pays) parts.headers.add(own("request-payer"), "requester");
    return parts;
}

QueryParameters Dialect::presign_query() const {
    if (!config_.requester_pays) return {};
    return {{own("request-payer"), "requester"}};
}

std::string Dialect::copy_source(const ObjectKey& source, const VersionId& version) const {
    std::string out =
        percent_encode(config_.bucket) + "/" + percent_encode(source.str(), /*keep_slash=*/true);
    if (traits_.dialect == "oss") out.insert(0, "/");
    if (!version.empty()) out += "?versionId=" + percent_encode(version.str());
    return out;
}

void Dialect::add_customer_key(Headers& headers, KeyOf whose) const {
    if (config_.customer_key.empty()) return;
    const std::string name =
        own(whose == KeyOf::copy_source ? "copy-source-server-side-encryption-customer-"
                                        : "server-side-encryption-customer-");
    const std::string_view key = config_.customer_key.reveal();
    headers.add(name + "algorithm", "AES256");
    headers.add(name + "key", base64_encode(key));
    headers.add(name + "key-MD5", base64_encode(md5(key)));
}

Result<RequestParts> Dialect::head(const ObjectKey& key, bool with_checksum) const {
    RequestParts parts = start("HEAD", HttpMethod::head, key);
    if (with_checksum) add_checksum_options(parts.headers);
    add_customer_key(parts.headers, KeyOf::object);
    return parts;
}

Result<RequestParts> Dialect::get(const ObjectKey& key, uint64_t offset, uint64_t length,
                                  const ETag& if_match, const VersionId& version,
                                  bool whole) const {
    RequestParts parts = start("GET", HttpMethod::get, key);
    add_customer_key(parts.headers, KeyOf::object);
    if (!version.empty()) parts.query.emplace_back("versionId", version.str());
    // A checksum of the whole object comes only with a reply that is no range.
    if (offset == 0 && (length == 0 || whole)) {
        add_checksum_options(parts.headers);
    } else {
        parts.headers.add("Range", range_value(offset, length));
        add_range_options(parts.headers);
    }
    if (!if_match.empty()) {
        TRY(add_safe_header(parts.headers, "If-Match", quote_etag(if_match)));
    }
    return parts;
}

Result<RequestParts> Dialect::put(const PutRequest& request) const {
    RequestParts parts = start("PUT", HttpMethod::put, request.key);
    TRY(add_attributes(parts.headers, request.attributes, Purpose::upload));
    if (request.must_not_exist) TRY(add_must_not_exist(parts.headers));
    if (request.if_match) TRY(add_if_match(parts.headers, *request.if_match));
    parts.body_source = request.body;
    return parts;
}

Result<RequestParts> Dialect::copy(const CopyRequest& request) const {
    if (!request.replace && request.source == request.destination) {
        // OSS would wipe all metadata, S3 refuse (protocol.md 3.2, 3.7).
        return fail(ErrorKind::invalid_argument,
                    "an object is copied onto itself only with its complete metadata");
    }
    RequestParts parts = start("COPY", HttpMethod::put, request.destination);
    parts.headers.add(own("copy-source"), copy_source(request.source, request.source_version));
    add_customer_key(parts.headers, KeyOf::copy_source);
    parts.headers.add(own("metadata-directive"), request.replace ? "REPLACE" : "COPY");
    // Without the complete set, which brings it along.
    if (!request.replace) add_customer_key(parts.headers, KeyOf::object);
    if (request.replace) TRY(add_attributes(parts.headers, *request.replace, Purpose::copy));
    TRY(add_copy_guard(parts.headers, request.guard));
    if (request.guard.destination_must_not_exist) TRY(add_must_not_exist(parts.headers));
    parts.success_may_be_error = true;
    parts.silence = copy_silence(request.source_bytes);
    return parts;
}

Result<RequestParts> Dialect::remove(const ObjectKey& key, const ETag& if_match) const {
    RequestParts parts = start("DELETE", HttpMethod::del, key);
    if (!if_match.empty()) TRY(add_if_match(parts.headers, if_match));
    return parts;
}

// Not quiet: OSS's quiet reply does not tell which keys it could not delete.
Result<RequestParts> Dialect::remove_many(const std::vector<ObjectKey>& keys) const {
    RequestParts parts = start("DELETE_MANY", HttpMethod::post, ObjectKey());
    parts.query = {{"delete", ""}};
    if (traits_.dialect == "oss") parts.query.emplace_back("encoding-type", "url");
    std::string xml = "<Delete><Quiet>false</Quiet>";
    for (const ObjectKey& key : keys) {
        xml.append("<Object><Key>").append(TRY(escaped(key.str()))).append("</Key></Object>");
    }
    set_xml_body(parts, xml.append("</Delete>"));
    parts.success_may_be_error = true;
    return parts;
}

bool Dialect::fits_in_xml(const ObjectKey& key) const {
    const std::string& text = key.str();
    if (!is_valid_utf8(text) || text.find('\0') != std::string::npos) return false;
    // U+FFFE and U+FFFF are in UTF-8 but not in XML.
    if (text.find("\xEF\xBF\xBE") != std::string::npos ||
        text.find("\xEF\xBF\xBF") != std::string::npos) {
        return false;
    }
    return traits_.dialect == "oss" || std::none_of(text.begin(), text.end(), [](char c) {
               return c >= 0 && c < 0x20 && c != '\t' && c != '\n' && c != '\r';
           });
}

Result<RequestParts> Dialect::list(const ListRequest& request) const {
    RequestParts parts = start("LIST", HttpMethod::get, ObjectKey());
    const unsigned keys = std::clamp(request.keys_max, 1U, traits_.list_keys_max);
    parts.query = {
        {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", fmt::format("{}", keys)}};
    if (!request.prefix.empty()) parts.query.emplace_back("prefix", request.prefix);
    if (!request.delimiter.empty()) parts.query.emplace_back("delimiter", request.delimiter);
    if (!request.token.empty()) {
        parts.query.emplace_back("continuation-token", request.token);
    } else if (!request.start_after.empty()) {
        parts.query.emplace_back("start-after", request.start_after);
    }
    return parts;
}

Result<RequestParts> Dialect::create_upload(const ObjectKey& key,
                                            const ObjectAttributes& attributes,
                                            const std::optional<KeptChecksum>& checksum) const {
    RequestParts parts = start("CREATE_UPLOAD", HttpMethod::post, key);
    parts.query = {{"uploads", ""}};
    TRY(add_attributes(parts.headers, attributes, Purpose::upload));
    if (checksum) {
        parts.headers.add(own("checksum-algorithm"), checksum_word(checksum->kind));
        if (!checksum->form.empty()) parts.headers.add(own("checksum-type"), checksum->form);
    }
    // A second one leaves an empty upload behind, which no reader sees.
    parts.repeat = Repeat::harmless;
    return parts;
}

Result<RequestParts> Dialect::upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                          std::shared_ptr<BodySource> body) const {
    RequestParts parts = start("UPLOAD_PART", HttpMethod::put, key);
    parts.query = {{"partNumber", fmt::format("{}", number)}, {"uploadId", id.str()}};
    add_customer_key(parts.headers, KeyOf::object);
    parts.body_source = std::move(body);
    parts.repeat = Repeat::harmless;
    return parts;
}

Result<RequestParts> Dialect::upload_part_copy(const ObjectKey& key, const UploadId& id,
                                               unsigned number, const ObjectKey& source,
                                               const VersionId& source_version, uint64_t offset,
                                               uint64_t length, const ETag& source_if_match) const {
    // A malformed range makes OSS copy the whole object in silence (protocol.md 6).
    if (length == 0) return fail(ErrorKind::invalid_argument, "a part cannot be empty");
    RequestParts parts = start("UPLOAD_PART_COPY", HttpMethod::put, key);
    parts.query = {{"partNumber", fmt::format("{}", number)}, {"uploadId", id.str()}};
    parts.headers.add(own("copy-source"), copy_source(source, source_version));
    parts.headers.add(own("copy-source-range"), range_value(offset, length));
    add_customer_key(parts.headers, KeyOf::copy_source);
    add_customer_key(parts.headers, KeyOf::object);
    if (!source_if_match.empty()) {
        CopyGuard guard;
        guard.source_if_match = source_if_match;
        TRY(add_copy_guard(parts.headers, guard));
    }
    parts.repeat = Repeat::harmless;
    parts.success_may_be_error = true;
    parts.silence = copy_silence(length);
    return parts;
}

Result<RequestParts> Dialect::complete_upload(const ObjectKey& key, const UploadId& id,
                                              std::vector<UploadPart> upload_parts,
                                              const std::optional<ETag>& if_match,
                                              bool must_not_exist,
                                              const std::optional<KeptChecksum>& checksum) const {
    std::sort(upload_parts.begin(), upload_parts.end(),
              [](const UploadPart& a, const UploadPart& b) { return a.number < b.number; });
    RequestParts parts = start("COMPLETE_UPLOAD", HttpMethod::post, key);
    parts.query = {{"uploadId", id.str()}};
    // S3 wants it where it has a checksum to compare, or a policy to hold.
    if (traits_.dialect == "s3") add_customer_key(parts.headers, KeyOf::object);
    if (must_not_exist) TRY(add_must_not_exist(parts.headers));
    if (if_match) TRY(add_if_match(parts.headers, *if_match));
    if (checksum && !checksum->whole.empty()) {
        // The service compares, and makes nothing of parts that are not the object.
        TRY(add_safe_header(parts.headers,
                            own("checksum-" + std::string(to_string(checksum->kind))),
                            checksum->whole));
        parts.headers.add(own("checksum-type"), checksum->form);
    }
    std::string xml = "<CompleteMultipartUpload>";
    uint64_t bytes = 0;
    for (const UploadPart& part : upload_parts) {
        xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>", part.number,
                           TRY(escaped(quote_etag(part.etag))));
        if (part.checksum) {
            const std::string name = "Checksum" + checksum_word(part.checksum->kind);
            xml += fmt::format("<{0}>{1}</{0}>", name, TRY(escaped(part.checksum->value)));
        }
        xml += "</Part>";
        bytes += part.bytes;
    }
    parts.headers.add("Content-Type", "application/xml");
    parts.body = xml + "</CompleteMultipartUpload>";
    parts.success_may_be_error = true;
    parts.silence = copy_silence(bytes);
    return parts;
}

Result<RequestParts> Dialect::abort_upload(const ObjectKey& key, const UploadId& id) const {
    RequestParts parts = start("ABORT_UPLOAD", HttpMethod::del, key);
    parts.query = {{"uploadId", id.str()}};
    parts.repeat = Repeat::harmless;
    return parts;
}

Result<RequestParts> Dialect::list_uploads(const std::string& prefix, const std::string& key_marker,
                                           const std::string& upload_marker) const {
    RequestParts parts = start("LIST_UPLOADS", HttpMethod::get, ObjectKey());
    parts.query = {{"uploads", ""}, {"max-uploads", "1000"}};
    // Ceph encodes here but does not say so, which nobody could tell from a key with a '%' in it.
    if (config_.official || traits_.dialect == "oss") {
        parts.query.emplace_back("encoding-type", "url");
    }
    if (!prefix.empty()) parts.query.emplace_back("prefix", prefix);
    if (!key_marker.empty()) parts.query.emplace_back("key-marker", key_marker);
    if (!upload_marker.empty()) parts.query.emplace_back("upload-id-marker", upload_marker);
    return parts;
}

Result<RequestParts> Dialect::list_versions(const ObjectKey& key, const std::string& key_marker,
                                            const std::string& version_marker,
                                            unsigned count) const {
    RequestParts parts = start("LIST_VERSIONS", HttpMethod::get, ObjectKey());
    parts.query = {{"versions", ""},
                   {"prefix", key.str()},
                   {"max-keys", fmt::format("{}", std::clamp(count, 1U, traits_.list_keys_max))}};
    if (lists_encoded()) parts.query.emplace_back("encoding-type", "url");
    if (!key_marker.empty()) parts.query.emplace_back("key-marker", key_marker);
    if (!version_marker.empty()) parts.query.emplace_back("version-id-marker", version_marker);
    return parts;
}

Result<RequestParts> Dialect::get_tags(const ObjectKey& key) const {
    RequestParts parts = start("GET_TAGS", HttpMethod::get, key);
    parts.query = {{"tagging", ""}};
    return parts;
}

Result<RequestParts> Dialect::put_tags(const ObjectKey& key, const Tags& tags) const {
    if (tags.empty()) {
        RequestParts parts = start("DELETE_TAGS", HttpMethod::del, key);
        parts.query = {{"tagging", ""}};
        return parts;
    }
    RequestParts parts = start("PUT_TAGS", HttpMethod::put, key);
    parts.query = {{"tagging", ""}};
    std::string xml = "<Tagging><TagSet>";
    for (const auto& [name, value] : tags) {
        xml += fmt::format("<Tag><Key>{}</Key><Value>{}</Value></Tag>", TRY(escaped(name)),
                           TRY(escaped(value)));
    }
    set_xml_body(parts, xml + "</TagSet></Tagging>");
    return parts;
}

Result<RequestParts> Dialect::get_acl(const ObjectKey& key) const {
    RequestParts parts = start("GET_ACL", HttpMethod::get, key);
    parts.query = {{"acl", ""}};
    return parts;
}

Result<RequestParts> Dialect::put_acl(const ObjectKey& key, const std::string& canned) const {
    RequestParts parts = start("PUT_ACL", HttpMethod::put, key);
    parts.query = {{"acl", ""}};
    TRY(add_acl(parts.headers, canned));
    return parts;
}

Result<RequestParts> Dialect::restore(const ObjectKey& key, std::optional<unsigned> days,
                                      const std::string& tier) const {
    RequestParts parts = start("RESTORE", HttpMethod::post, key);
    parts.query = {{"restore", ""}};
    set_xml_body(parts, restore_body(days, TRY(escaped(tier))));
    return parts;
}

Result<RequestParts> Dialect::append(const ObjectKey&, uint64_t,
                                     std::shared_ptr<BodySource>) const {
    return fail(ErrorKind::unsupported, "this service has no appendable objects");
}

Result<RequestParts> Dialect::put_symlink(const ObjectKey&, const ObjectKey&,
                                          const ObjectAttributes&) const {
    return fail(ErrorKind::unsupported, "this service has no symbolic links of its own");
}

Result<RequestParts> Dialect::get_symlink(const ObjectKey&) const {
    return fail(ErrorKind::unsupported, "this service has no symbolic links of its own");
}

}  // namespace xbucket
