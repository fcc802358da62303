// SPDX-FileCopyrightText: the xbucket authors
#include "lookup.h"

#include "grants.h"
#include "importer.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

Outcome<BucketState> find_bucket(Site& site, Connection& c, const std::string& name) {
    auto state = ASK(site.db.bucket(c, name));
    if (!state) return no_such_bucket(name);
    return std::move(*state);
}

namespace {

Outcome<ObjectRecord> find_by_version(Connection& c, const Request& request,
                                      const BucketState& bucket, const std::string& key,
                                      const std::string& version) {
    auto record = ASK(find_version(c, bucket.name, key, version));
    const std::string prefix(request.prefix());
    if (!record) {
        return Refusal(404, "NoSuchVersion", "The specified version does not exist.",
                       "0031-00000011")
            .detail("Key", key)
            .detail("VersionId", version);
    }
    if (record->delete_marker) {
        return method_not_allowed(request)
            .header(prefix + "delete-marker", "true")
            .header(prefix + "version-id", version_id_on_wire(bucket, *record))
            .header("Last-Modified", format_http_date(WallTime::from_seconds(record->mtime)));
    }
    return std::move(*record);
}

}  // namespace

Outcome<ObjectRecord> find_record(Site& site, Connection& c, const Request& request,
                                  const BucketState& bucket, const std::string& key,
                                  const std::string& version) {
    if (!version.empty()) return find_by_version(c, request, bucket, key, version);
    auto record = ASK(find_current(c, bucket.name, key));
    // A plain file of the user's may have appeared, changed or gone since it was imported.
    if (!record ||
        (record->imported() && !site.blobs.unchanged(bucket.name, record->segments.front()))) {
        ASK(site.importer.adopt(bucket, key));
        record = ASK(find_current(c, bucket.name, key));
    }
    if (record) return std::move(*record);
    Refusal refusal = no_such_key(request);
    if (!bucket.versioning.empty()) {
        auto marker = ASK(find_newest_older(c, bucket.name, key));
        if (marker && marker->delete_marker) {
            const std::string prefix(request.prefix());
            refusal.headers.push_back({prefix + "delete-marker", "true"});
            refusal.headers.push_back({prefix + "version-id", version_id_on_wire(bucket, *marker)});
        }
    }
    return refusal;
}

Outcome<Found> find_object(Site& site, Connection& c, const Request& request, Links links) {
    Found found;
    found.bucket = ASK(find_bucket(site, c, request.bucket));
    const std::string* version = request.param("versionId");
    found.record = ASK(find_record(site, c, request, found.bucket, request.key,
                                   version == nullptr ? "" : *version));
    if (found.record.kind != ObjectKind::symlink || links == Links::keep) return found;
    found.link = std::move(found.record);
    auto target = find_record(site, c, request, found.bucket, found.link->target, "");
    if (!target) {
        return Refusal(404, "SymlinkTargetNotExist", "The symlink's target does not exist.",
                       "0026-00000012");
    }
    if (target->kind == ObjectKind::symlink) {
        return Refusal(400, "InvalidTargetType", "The symlink's target is a symlink.",
                       "0026-00000011");
    }
    found.record = std::move(*target);
    return found;
}

std::optional<int64_t> parse_condition_time(std::string_view text) {
    auto time = parse_http_date(text);
    if (!time) time = parse_iso8601(text);
    if (!time) return std::nullopt;
    return time->seconds();
}

Outcome<void> check_read_conditions(const Request& request, const ObjectRecord& record) {
    const auto if_match = request.headers.get("if-match");
    if (if_match && !etag_matches(*if_match, record.etag)) return precondition_failed("If-Match");
    if (!if_match) {
        const auto since = parse_condition_time(request.header("if-unmodified-since"));
        if (since && record.mtime > *since) return precondition_failed("If-Unmodified-Since");
    }
    const auto not_modified = [&] {
        Refusal refusal(304, "NotModified", "Not Modified");
        refusal.headers.push_back({"ETag", quoted_etag(record, request.dialect)});
        refusal.headers.push_back(
            {"Last-Modified", format_http_date(WallTime::from_seconds(record.mtime))});
        return refusal;
    };
    const auto if_none_match = request.headers.get("if-none-match");
    if (if_none_match) {
        if (etag_matches(*if_none_match, record.etag)) return not_modified();
    } else {
        const auto since = parse_condition_time(request.header("if-modified-since"));
        if (since && record.mtime <= *since) return not_modified();
    }
    return {};
}

Outcome<void> check_copy_conditions(const Request& request, const ObjectRecord& source) {
    const auto matches = request.ext_if("copy-source-if-match");
    const auto none_match = request.ext_if("copy-source-if-none-match");
    const auto unmodified = parse_condition_time(request.ext("copy-source-if-unmodified-since"));
    const auto modified = parse_condition_time(request.ext("copy-source-if-modified-since"));
    if (matches && !etag_matches(*matches, source.etag)) {
        return precondition_failed("copy-source-if-match");
    }
    if (unmodified && source.mtime > *unmodified) {
        // S3 copies when if-match holds, whatever the time says (protocol.md 3.4).
        if (request.oss() || !matches)
            return precondition_failed("copy-source-if-unmodified-since");
    }
    const bool changed_not = (none_match && etag_matches(*none_match, source.etag)) ||
                             (modified && source.mtime <= *modified);
    if (!changed_not) return {};
    if (!request.oss()) return precondition_failed("copy-source-if-modified-since");
    Refusal refusal(304, "NotModified", "Not Modified");
    refusal.headers.push_back({"ETag", quoted_etag(source, request.dialect)});
    return refusal;
}

Outcome<void> check_write_conditions(const Request& request, const BucketState& bucket,
                                     const std::optional<ObjectRecord>& existing) {
    if (request.oss()) {
        for (const std::string_view name :
             {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}) {
            if (!request.headers.has(name)) continue;
            return Refusal(400, "NotImplemented",
                           "A header you provided implies functionality that is not implemented.",
                           "0041-00000003")
                .detail("Header", std::string(name));
        }
        const bool forbidden = iequals(request.header("x-oss-forbid-overwrite"), "true");
        if (forbidden && existing && bucket.versioning.empty()) {
            return Refusal(409, "FileAlreadyExists",
                           "The object you specified already exists and can not be overwritten.",
                           "0026-00000013");
        }
        return {};
    }
    if (const auto wanted = request.headers.get("if-match")) {
        if (!existing) return no_such_key(request);
        if (!etag_matches(*wanted, existing->etag)) return precondition_failed("If-Match");
    }
    if (const auto unwanted = request.headers.get("if-none-match")) {
        if (*unwanted != "*") {
            return Refusal(501, "NotImplemented",
                           "A header you provided implies functionality that is not implemented")
                .detail("Header", "If-None-Match");
        }
        if (existing) return precondition_failed("If-None-Match");
    }
    return {};
}

Outcome<void> check_readable(const Request& request, const ObjectRecord& record, int64_t now) {
    if (!is_archived(record.storage_class)) return {};
    const bool restored =
        record.restore_ready != 0 && now >= record.restore_ready && now < record.restore_until;
    if (restored) return {};
    return Refusal(403, "InvalidObjectState",
                   "The operation is not valid for the object's state: restore it first.",
                   "0016-00000103")
        .detail(request.oss() ? "ObjectName" : "StorageClass",
                request.oss() ? request.key
                              : std::string(class_to_wire(record.storage_class, Dialect::s3)));
}

Outcome<void> check_access(Site& site, const Request& request, Access access) {
    if (!request.anonymous || access == Access::bucket_none) return {};
    if (request.bucket.empty() || access == Access::owner) {
        return access_denied("Anonymous access is forbidden for this operation.");
    }
    const auto lease = ASK(site.db.reader());
    const BucketState bucket = ASK(find_bucket(site, *lease, request.bucket));
    std::string acl = bucket.acl;
    if (access == Access::object_read || access == Access::object_write) {
        const std::string* version = request.param("versionId");
        auto record = find_record(site, *lease, request, bucket, request.key,
                                  version == nullptr ? "" : *version);
        if (record && !record->acl.empty()) acl = record->acl;
    }
    const bool writable = acl == "public-read-write";
    const bool readable = is_public(acl);
    if (access == Access::object_write ? writable : readable) return {};
    return access_denied("You have no right to access this object because of bucket acl.");
}

}  // namespace xbucket::local
