// SPDX-FileCopyrightText: the xbucket authors
// Joins a request's parts, an address and credentials into what goes on the wire. Pure: the same
// inputs give the same bytes, so golden tests pin them. Called anew for every attempt, because
// signatures carry a time and credentials may have changed.
#pragma once

#include "dialect.h"
#include "endpoint.h"

#include "xbucket/store/credentials.h"

#include <string>

namespace xbucket {

enum class SignatureKind { oss_v1, oss_v4, sig_v4 };

struct SigningContext {
    const Address& address;
    const Credentials& credentials;  // anonymous: nothing is signed
    SignatureKind kind = SignatureKind::oss_v4;
    WallTime now;  // the service's clock, as far as it is known
};

// Timeouts and class are the caller's to set.
HttpRequest signed_request(const RequestParts& parts, const SigningContext& context);

// A GET URL that carries its signature in the query. `query` holds further parameters to sign.
std::string presigned_get_url(const ObjectKey& key, QueryParameters query,
                              std::chrono::seconds life, const SigningContext& context);

}  // namespace xbucket
