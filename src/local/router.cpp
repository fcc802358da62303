// SPDX-FileCopyrightText: the xbucket authors
#include "router.h"

#include "handlers.h"

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

// Looked through in order; the first whose scope, method and parameter fit wins.
constexpr std::array kRoutes = {
    Route{Scope::service,
          "GET",
          "",
          {list_buckets, RequestKind::bucket, owner, BodyUse::none, false}},
    Route{Scope::bucket,
          "GET",
          "",
          {list_objects, RequestKind::list, bucket_list, BodyUse::none, true}},
    Route{Scope::bucket,
          "HEAD",
          "",
          {head_bucket, RequestKind::bucket, bucket_list, BodyUse::none, false}},
    Route{Scope::bucket,
          "POST",
          "delete",
          {delete_objects, RequestKind::multi_delete, owner, BodyUse::text, true}},
    Route{Scope::bucket, "PUT", "", {put_bucket, RequestKind::bucket, owner, BodyUse::text, true}},
    Route{Scope::bucket,
          "DELETE",
          "",
          {delete_bucket, RequestKind::bucket, owner, BodyUse::none, true}},
    Route{Scope::object,
          "HEAD",
          "objectMeta",
          {get_object_meta, RequestKind::head, object_read, BodyUse::none, false}},
    Route{Scope::object,
          "HEAD",
          "",
          {get_object, RequestKind::head, object_read, BodyUse::none, false}},
    Route{Scope::object,
          "GET",
          "",
          {get_object, RequestKind::get, object_read, BodyUse::none, false}},
    Route{Scope::object,
          "PUT",
          "",
          {put_object, RequestKind::put, object_write, BodyUse::data, true}},
    Route{Scope::object,
          "DELETE",
          "",
          {delete_object, RequestKind::del, object_write, BodyUse::none, true}},
};

constexpr Operation kCopy{copy_object, RequestKind::copy, owner, BodyUse::none, true};

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
    if (wanted.empty() && scope == Scope::object && request.method == "PUT" &&
        request.ext_if("copy-source")) {
        return &kCopy;
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
