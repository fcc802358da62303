// SPDX-FileCopyrightText: the xbucket authors
// Retention and legal hold by requests of their own: S3's Object Lock and OSS's ObjectWorm, which
// differ in a word (protocol.md 3.5, 3.7).
#include "dialect.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

namespace xbucket {

RequestParts Dialect::start_lock(std::string_view kind, HttpMethod method, const ObjectKey& key,
                                 const VersionId& version, LockPart part) const {
    RequestParts parts = start(kind, method, key);
    const std::string_view hold = traits_.dialect == "oss" ? "legalHold" : "legal-hold";
    parts.query = {{std::string(part == LockPart::retention ? "retention" : hold), ""}};
    if (!version.empty()) parts.query.emplace_back("versionId", version.str());
    return parts;
}

RequestParts Dialect::bucket_lock() const {
    RequestParts parts = start("GET_BUCKET_LOCK", HttpMethod::get, ObjectKey());
    parts.query = {{"object-lock", ""}};
    return parts;
}

Result<bool> Dialect::parse_bucket_lock(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "ObjectLockConfiguration"));
    return document.root().child("ObjectLockEnabled").text() == "Enabled";
}

RequestParts Dialect::get_retention(const ObjectKey& key, const VersionId& version) const {
    return start_lock("GET_RETENTION", HttpMethod::get, key, version, LockPart::retention);
}

Result<ObjectLock> Dialect::parse_retention(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "Retention"));
    ObjectLock lock;
    lock.mode = document.root().child("Mode").text();
    lock.retain_until = document.root().child("RetainUntilDate").text();
    const auto now = parse_http_date(trim_ows(response.headers.value_or_empty("date")));
    drop_ended_retention(lock, now.value_or(WallTime{}));
    return lock;
}

RequestParts Dialect::get_legal_hold(const ObjectKey& key, const VersionId& version) const {
    return start_lock("GET_LEGAL_HOLD", HttpMethod::get, key, version, LockPart::legal_hold);
}

Result<std::string> Dialect::parse_legal_hold(const HttpResponse& response) const {
    const XmlDocument document = TRY(parse_reply(response, "LegalHold"));
    return document.root().child("Status").text();
}

Result<RequestParts> Dialect::put_retention(const ObjectKey& key, const ObjectLock& lock,
                                            const VersionId& version) const {
    RequestParts parts =
        start_lock("PUT_RETENTION", HttpMethod::put, key, version, LockPart::retention);
    set_xml_body(
        parts,
        fmt::format("<Retention><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
                    TRY(escaped(lock.mode)), TRY(escaped(lock.retain_until))));
    return parts;
}

Result<RequestParts> Dialect::put_legal_hold(const ObjectKey& key, const ObjectLock& lock,
                                             const VersionId& version) const {
    RequestParts parts =
        start_lock("PUT_LEGAL_HOLD", HttpMethod::put, key, version, LockPart::legal_hold);
    set_xml_body(parts, fmt::format("<LegalHold><Status>{}</Status></LegalHold>",
                                    TRY(escaped(lock.legal_hold))));
    return parts;
}

}  // namespace xbucket
