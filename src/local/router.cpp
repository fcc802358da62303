// SPDX-FileCopyrightText: the xbucket authors
#include "router.h"

#include "handlers.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace xbucket::local {

namespace {

enum class Scope { service, bucket, object };

struct Route {
    Scope scope;
    std::string_view method;
    std::string_view parameter;  // "" = none of the sub-resources below
    Operation operation;
};

using enum Access;

constexpr Operation read(Handler handler, RequestKind kind, Access access) {
    return {handler, kind, access, BodyUse::none, false};
}
constexpr Operation change(Handler handler, RequestKind kind, Access access,
                           BodyUse body = BodyUse::none) {
    return {handler, kind, access, body, true};
}

using Kind = RequestKind;

// Looked through in order; the first whose scope, method and parameter fit wins.
constexpr std::array kRoutes = {
    Route{Scope::service, "GET", "", read(list_buckets, Kind::bucket, owner)},

    Route{Scope::bucket, "GET", "", {list_objects, Kind::list, bucket_list, BodyUse::none, true}},
    Route{Scope::bucket, "HEAD", "", read(head_bucket, Kind::bucket, bucket_list)},
    Route{Scope::bucket, "PUT", "", change(put_bucket, Kind::bucket, owner, BodyUse::text)},
    Route{Scope::bucket, "DELETE", "", change(delete_bucket, Kind::bucket, owner)},
    Route{Scope::bucket, "POST", "delete",
          change(delete_objects, Kind::multi_delete, owner, BodyUse::text)},
    Route{
        Scope::bucket, "GET", "versions", {list_versions, Kind::list, owner, BodyUse::none, true}},
    Route{Scope::bucket, "GET", "uploads", {list_uploads, Kind::list, owner, BodyUse::none, true}},
    Route{Scope::bucket, "GET", "bucketInfo", read(get_bucket_info, Kind::bucket, owner)},
    Route{Scope::bucket, "GET", "location", read(get_location, Kind::bucket, owner)},
    Route{Scope::bucket, "GET", "versioning", read(get_versioning, Kind::bucket, owner)},
    Route{Scope::bucket, "PUT", "versioning",
          change(put_versioning, Kind::bucket, owner, BodyUse::text)},
    Route{Scope::bucket, "GET", "acl", read(get_bucket_acl, Kind::bucket, owner)},
    Route{Scope::bucket, "PUT", "acl", change(put_bucket_acl, Kind::bucket, owner, BodyUse::text)},
    Route{Scope::bucket, "GET", "tagging", read(get_bucket_tagging, Kind::bucket, owner)},
    Route{Scope::bucket, "PUT", "tagging",
          change(put_bucket_tagging, Kind::bucket, owner, BodyUse::text)},
    Route{Scope::bucket, "DELETE", "tagging", change(put_bucket_tagging, Kind::bucket, owner)},
    Route{Scope::bucket, "GET", "*", read(get_missing_configuration, Kind::bucket, owner)},

    Route{Scope::object, "HEAD", "", read(get_object, Kind::head, object_read)},
    Route{Scope::object, "HEAD", "objectMeta", read(get_object_meta, Kind::head, object_read)},
    Route{Scope::object, "GET", "", read(get_object, Kind::get, object_read)},
    Route{Scope::object, "PUT", "", change(put_object, Kind::put, object_write, BodyUse::data)},
    Route{Scope::object, "DELETE", "", change(delete_object, Kind::del, object_write)},
    Route{Scope::object, "POST", "uploads", change(initiate_upload, Kind::initiate, owner)},
    Route{Scope::object, "PUT", "uploadId", change(upload_part, Kind::part, owner, BodyUse::data)},
    Route{Scope::object, "POST", "uploadId",
          change(complete_upload, Kind::complete, owner, BodyUse::text)},
    Route{Scope::object, "DELETE", "uploadId", change(abort_upload, Kind::abort, owner)},
    Route{Scope::object, "GET", "uploadId", {list_parts, Kind::list, owner, BodyUse::none, true}},
    Route{Scope::object, "GET", "tagging", read(get_tagging, Kind::tagging, owner)},
    Route{Scope::object, "PUT", "tagging",
          change(put_tagging, Kind::tagging, owner, BodyUse::text)},
    Route{Scope::object, "DELETE", "tagging", change(delete_tagging, Kind::tagging, owner)},
    Route{Scope::object, "GET", "acl", read(get_acl, Kind::acl, owner)},
    Route{Scope::object, "PUT", "acl", change(put_acl, Kind::acl, owner, BodyUse::text)},
    Route{Scope::object, "POST", "restore",
          change(restore_object, Kind::restore, owner, BodyUse::text)},
    Route{Scope::object, "POST", "cleanRestoredObject",
          change(clean_restored, Kind::restore, owner, BodyUse::text)},
    Route{Scope::object, "GET", "symlink", read(get_symlink, Kind::symlink, owner)},
    Route{Scope::object, "PUT", "symlink",
          change(put_symlink, Kind::symlink, owner, BodyUse::text)},
    Route{Scope::object, "POST", "append",
          change(append_object, Kind::append, owner, BodyUse::data)},
    Route{Scope::object, "GET", "legal-hold", read(get_legal_hold, Kind::bucket, owner)},
    Route{Scope::object, "PUT", "legal-hold",
          change(put_legal_hold, Kind::bucket, owner, BodyUse::text)},
    Route{Scope::object, "GET", "legalHold", read(get_legal_hold, Kind::bucket, owner)},
    Route{Scope::object, "PUT", "legalHold",
          change(put_legal_hold, Kind::bucket, owner, BodyUse::text)},
    Route{Scope::object, "GET", "retention", read(get_retention, Kind::bucket, owner)},
    Route{Scope::object, "PUT", "retention",
          change(put_retention, Kind::bucket, owner, BodyUse::text)},
};

constexpr Operation kCopy = change(copy_object, Kind::copy, owner);
constexpr Operation kPartCopy = change(upload_part_copy, Kind::part_copy, owner);

// Bucket configurations that can only be asked for.
constexpr std::array<std::string_view, 9> kMissing = {
    "lifecycle",        "cors",        "policy",      "website",
    "encryption",       "replication", "object-lock", "ownershipControls",
    "publicAccessBlock"};

// Parameters that choose another operation; where none of our routes has it, it is a feature that
// this server lacks, and serving the plain object or bucket instead would do harm.
constexpr std::array<std::string_view, 44> kSubResources = {
    "acl",
    "append",
    "uploads",
    "uploadId",
    "partNumber",
    "tagging",
    "restore",
    "symlink",
    "objectMeta",
    "delete",
    "versioning",
    "versions",
    "location",
    "bucketInfo",
    "lifecycle",
    "cors",
    "policy",
    "website",
    "logging",
    "referer",
    "encryption",
    "replication",
    "inventory",
    "worm",
    "stat",
    "seal",
    "retention",
    "legalHold",
    "legal-hold",
    "object-lock",
    "torrent",
    "select",
    "notification",
    "requestPayment",
    "accelerate",
    "analytics",
    "metrics",
    "ownershipControls",
    "publicAccessBlock",
    "policyStatus",
    "cleanRestoredObject",
    "renameObject",
    "x-oss-process",
    "attributes",
};

Scope scope_of(const Request& request) {
    if (request.bucket.empty()) return Scope::service;
    return request.key.empty() ? Scope::bucket : Scope::object;
}

}  // namespace

Outcome<const Operation*> find_operation(const Request& request) {
    const Scope scope = scope_of(request);
    std::string_view wanted;
    if (!request.query.empty()) {
        for (const std::string_view name : kSubResources) {
            if (request.has_param(name)) {
                wanted = name;
                break;
            }
        }
    }
    if (scope == Scope::object && request.method == "PUT" && request.ext_if("copy-source")) {
        if (wanted.empty()) return &kCopy;
        if (wanted == "uploadId") return &kPartCopy;
    }
    if (scope == Scope::bucket && request.method == "GET" &&
        std::find(kMissing.begin(), kMissing.end(), wanted) != kMissing.end()) {
        wanted = "*";
    }
    bool method_known = false;
    for (const auto& route : kRoutes) {
        if (route.scope != scope || route.method != request.method) continue;
        method_known = true;
        if (route.parameter == wanted) return &route.operation;
    }
    if (!method_known && wanted.empty()) return method_not_allowed(request);
    return Refusal(501, "NotImplemented",
                   "A parameter you provided implies functionality that is not implemented.")
        .detail("Parameter", std::string(wanted));
}

}  // namespace xbucket::local
