// SPDX-FileCopyrightText: the xbucket authors
// What a request is signed with, and who gives it. The store owns the interface; providers that
// read environment, files or networks live in app/.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"

#include <optional>
#include <string>

namespace xbucket {

struct Credentials {
    std::string access_key_id;  // "" = anonymous: requests are not signed
    Secret access_key_secret;
    Secret session_token;                // "" = none
    std::optional<WallTime> expiration;  // nullopt = never
    std::string source;                  // for messages: "environment (OSS_*)", a file's name
    std::string identity;                // whose key, where the source says: a role's ARN or name
    bool anonymous() const { return access_key_id.empty(); }
};

// Thread-safe.
class CredentialsProvider {
  public:
    virtual ~CredentialsProvider() = default;
    // Credentials that are valid now. May block while a refresh is under way and none are valid.
    // Errors: bad_credentials, expired_credentials; no other, which would be taken for the answer
    // to the request that wants to be signed.
    virtual Result<Credentials> get() = 0;
    // What get() gives, where it need not wait; else nothing. Starts the same refresh.
    virtual std::optional<Credentials> get_at_once() = 0;
    // A service refused these (by access_key_id): the next get() loads again. Returns whether a
    // reload can give anything else, so that the caller knows if one retry is worth it.
    virtual bool refused(const Credentials& credentials) = 0;
};

// Always the same.
class StaticCredentials final : public CredentialsProvider {
  public:
    explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
    Result<Credentials> get() override { return credentials_; }
    std::optional<Credentials> get_at_once() override { return credentials_; }
    bool refused(const Credentials&) override { return false; }

  private:
    const Credentials credentials_;
};

}  // namespace xbucket
