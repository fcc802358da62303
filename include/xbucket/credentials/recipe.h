// SPDX-FileCopyrightText: the xbucket authors
// How a key is got, as data: what environment and files say, before anybody is asked. Parsers make
// recipes (pure, fuzzed); a Kitchen follows them (network, programs). Only Method::key is at hand
// at once.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/store/credentials.h"

#include <chrono>
#include <memory>
#include <string>

namespace xbucket {

// Whose metadata service or security token service; how its replies look.
enum class Cloud { alibaba, aws };

struct Recipe {
    enum class Method {
        key,           // `key` itself
        metadata,      // the machine's metadata service: `role`, or the one that it names
        process,       // the standard output of `command`
        uri,           // a GET of `uri`
        role,          // AssumeRole: `role` with the key of `base`
        web_identity,  // AssumeRoleWithOIDC, AssumeRoleWithWebIdentity: `role` with `token_file`
    };
    Method method = Method::key;
    Cloud cloud = Cloud::alibaba;
    std::string source;  // for messages: "environment (OSS_*)", "/root/.aws/config [dev]"

    Credentials key;

    std::string role;                  // metadata: its name, "" = ask; else its ARN
    std::string session_name;          // "" = "xbucket"
    std::string external_id;           // role only
    std::string policy;                // role and Alibaba's OIDC: narrows what the key may do
    std::string oidc_provider;         // Alibaba's ARN of the identity provider
    std::string token_file;            // read at every renewal: others replace it
    std::string sts_endpoint;          // scheme and host; "" = the cloud's own
    std::string sts_region;            // "" = the cloud's global one
    std::chrono::seconds duration{0};  // of the session; 0 = an hour
    bool token_required = false;       // metadata: never without a session token (IMDSv1)

    std::string command;
    bool shell = false;  // `command` is for sh -c; else words with shell quoting, no shell

    std::string uri;
    Secret authorization;            // header of that GET; "" = none
    std::string authorization_file;  // the same, read at every renewal

    std::shared_ptr<const Recipe> base;  // shared: a recipe is a value, its parts never change

    // Whether following it waits for nobody.
    bool is_quick() const { return method == Method::key; }
};

// The longest chain of roles over roles that is followed.
inline constexpr unsigned kRoleChainMax = 5;

}  // namespace xbucket
