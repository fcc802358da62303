// SPDX-FileCopyrightText: the xbucket authors
#include "cors.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

Outcome<Reply> preflight_reply(const Request& request) {
    const std::string_view method = request.header("access-control-request-method");
    if (request.header("origin").empty() || method.empty()) {
        return Refusal(403, "AccessForbidden",
                       "CORSResponse: a preflight needs Origin and Access-Control-Request-Method.");
    }
    Reply reply(200);
    reply.add("Access-Control-Allow-Methods", "GET, PUT, POST, DELETE, HEAD");
    const std::string_view headers = request.header("access-control-request-headers");
    if (!headers.empty()) reply.add("Access-Control-Allow-Headers", headers);
    reply.add("Access-Control-Max-Age", "3600");
    return reply;
}

void add_cors_headers(Reply& reply, const Request& request) {
    if (request.header("origin").empty()) return;
    std::string exposed;
    for (const auto& h : reply.headers) {
        if (!exposed.empty()) exposed += ", ";
        exposed += h.name;
    }
    reply.add("Access-Control-Allow-Origin", "*");
    reply.add("Vary", "Origin");
    if (!exposed.empty()) reply.add("Access-Control-Expose-Headers", exposed);
}

}  // namespace xbucket::local
