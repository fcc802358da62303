// SPDX-FileCopyrightText: the xbucket authors
// The services that give keys (protocol.md 9): requests and replies, one attempt each. Every reply
// is bounded and never quoted in a message.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/credentials/recipe.h"
#include "xbucket/http/transport.h"

#include <string>

namespace xbucket {

// ---- pure: what is sent and what came back ----

// The request of AssumeRole with `base`, or of AssumeRoleWithOIDC / WithWebIdentity with `token`.
// `nonce`: any text that is never used twice (Alibaba). `endpoint` "" = the cloud's own.
HttpRequest sts_request(const Recipe& recipe, const Credentials& base, const Secret& token,
                        const std::string& endpoint, WallTime now, std::string_view nonce);
// Alibaba's JSON, AWS's XML. Errors: bad_reply.
Result<Credentials> parse_sts_reply(Cloud cloud, std::string_view body);
// What a refusal says: its code, without its text, which repeats parts of the request.
Error sts_refusal(const HttpResponse& reply, std::string_view service);

// ---- asking ----

// `endpoint`: scheme and host. Errors: not_found when nothing answers or it has no role.
Result<Credentials> ask_metadata(const Recipe& recipe, const std::string& endpoint,
                                 Transport& transport);
Result<Credentials> ask_uri(const Recipe& recipe, Transport& direct, Transport& transport);
Result<Credentials> ask_sts(const Recipe& recipe, const Credentials& base,
                            const std::string& endpoint, Transport& transport, Clock& clock);

// "http://host:1/path?q" to its origin and target.
struct SplitUrl {
    std::string origin;
    std::string target;
};
SplitUrl split_url(std::string_view url);

}  // namespace xbucket
