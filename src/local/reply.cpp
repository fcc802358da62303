// SPDX-FileCopyrightText: the xbucket authors
#include "reply.h"

#include "xml_writer.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

uint64_t Reply::body_size() const {
    if (slices.empty()) return body.size();
    uint64_t total = 0;
    for (const auto& slice : slices) total += slice.size();
    return total;
}

Reply Reply::xml(std::string body, int status) {
    Reply reply(status);
    reply.body = std::move(body);
    reply.add("Content-Type", "application/xml");
    return reply;
}

namespace {

std::string error_xml(const Refusal& refusal, const Request& request, std::string_view request_id) {
    XmlWriter xml("Error");
    xml.element("Code", refusal.code).element("Message", refusal.message);
    if (!request.oss()) {
        if (!request.key.empty()) xml.element("Key", request.key);
        if (!request.bucket.empty()) xml.element("BucketName", request.bucket);
        xml.element("Resource", request.raw_path);
    }
    for (const auto& [name, value] : refusal.details) xml.element(name, value);
    xml.element("RequestId", request_id).element("HostId", request.header("host"));
    if (request.oss() && !refusal.ec.empty()) xml.element("EC", refusal.ec);
    return xml.finish();
}

}  // namespace

Reply error_reply(const Refusal& refusal, const Request& request, std::string_view request_id) {
    Reply reply(refusal.status);
    reply.headers = refusal.headers;
    if (refusal.bare) {
        reply.close = true;
        return reply;
    }
    if (refusal.status == 304) return reply;
    if (request.oss() && !refusal.ec.empty()) reply.add("x-oss-ec", refusal.ec);
    if (request.is_head()) {
        if (request.oss()) {
            reply.add("x-oss-err", base64_encode(error_xml(refusal, request, request_id)));
        }
        return reply;
    }
    reply.body = error_xml(refusal, request, request_id);
    reply.add("Content-Type", "application/xml");
    return reply;
}

Refusal no_such_key(const Request& request) {
    Refusal refusal(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001");
    if (request.oss()) refusal.details.emplace_back("Key", request.key);
    return refusal;
}

Refusal no_such_bucket(const std::string& bucket) {
    return Refusal(404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101")
        .detail("BucketName", bucket);
}

Refusal access_denied(std::string message) {
    return Refusal(403, "AccessDenied", std::move(message), "0003-00000001");
}

Refusal invalid_argument(std::string message, std::string name, std::string value) {
    Refusal refusal(400, "InvalidArgument", std::move(message), "0017-00000902");
    if (!name.empty()) {
        refusal.details.emplace_back("ArgumentName", std::move(name));
        refusal.details.emplace_back("ArgumentValue", std::move(value));
    }
    return refusal;
}

Refusal precondition_failed(std::string condition) {
    return Refusal(412, "PreconditionFailed",
                   "At least one of the pre-conditions you specified did not hold.",
                   "0021-00000001")
        .detail("Condition", std::move(condition));
}

Refusal method_not_allowed(const Request& request) {
    return Refusal(405, "MethodNotAllowed",
                   "The specified method is not allowed against this resource.")
        .detail("Method", request.method);
}

Refusal malformed_xml() {
    return Refusal(400, "MalformedXML",
                   "The XML you provided was not well-formed or did not validate against our "
                   "published schema.");
}

}  // namespace xbucket::local
