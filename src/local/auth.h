// SPDX-FileCopyrightText: the xbucket authors
// Who asks: verification of OSS V1, OSS V4 and AWS SigV4, in headers and presigned, with STS
// tokens and the 15 minutes of clock skew (protocol.md 1). Anonymous requests pass here and are
// judged by ACLs later.
#pragma once

#include "address.h"
#include "outcome.h"
#include "request.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/secret.h"

#include <optional>
#include <string>
#include <vector>

namespace xbucket::local {

struct AcceptedKey {
    std::string id;
    Secret secret;
    Secret token;  // "" = none is used
    std::optional<WallTime> expires;
};

// What aws-chunked bodies need to check their chunks' signatures (chunked_body.h).
struct StreamSeed {
    std::string timestamp;
    SigningScope scope;
    std::string signature;
};

struct Authenticated {
    Address address;
    bool anonymous = true;
    bool presigned = false;
    std::string payload_hash;  // SigV4, and OSS V4 where it is not UNSIGNED-PAYLOAD
    StreamSeed seed;
};

// Takes as long for texts that differ early as late: nothing is learnt from the time.
bool same_text(std::string_view a, std::string_view b);

// Tries the readings of the address in order; the refusal is that of the first. Refusals:
// AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch (with StringToSign), tokens,
// RequestTimeTooSkewed, AuthorizationHeaderMalformed, expired presigned URLs.
Outcome<Authenticated> authenticate(const Request& request, const std::vector<Address>& readings,
                                    const AcceptedKey& key, WallTime now);

}  // namespace xbucket::local
