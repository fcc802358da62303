// SPDX-FileCopyrightText: the xbucket authors
// Where access keys come from (protocol.md 9). What --credentials, --credentials-file or --profile
// names is used and nothing else; without them the first source that is set up is:
//
//   oss://                                       s3://
//   1 environment: OSS_*, ALIBABA_CLOUD_*, AWS_*   environment: AWS_*, OSS_*, ALIBABA_CLOUD_*
//   2 OIDC token named by ALIBABA_CLOUD_*          web identity token named by AWS_*
//   3 ~/.ossutilconfig                             ~/.aws/credentials and ~/.aws/config
//   4 ~/.aliyun/config.json                        the container's AWS_CONTAINER_CREDENTIALS_*
//   5 ~/.alibabacloud/credentials                  EC2's metadata service
//   6 the address ALIBABA_CLOUD_CREDENTIALS_URI
//   7 ECS's metadata service
//
// A source that is set up and does not work ends the search with its error: the next one could be
// somebody else's key. The metadata service alone is "not there" when it does not answer.
#pragma once

#include "xbucket/base/environment.h"
#include "xbucket/credentials/kitchen.h"
#include "xbucket/credentials/recipe.h"
#include "xbucket/store/http_store.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// What those places say besides the key; a setting given to xbucket itself wins.
struct ServiceHints {
    std::string endpoint;
    std::string region;
    std::string ca_bundle;
    bool cname = false;  // the endpoint is the bucket's own domain
    // Members that are empty here are taken from `other`.
    void fill_from(const ServiceHints& other);
};

struct CredentialsRequest {
    DialectKind dialect = DialectKind::oss;
    std::string bucket;   // for [Bucket-Endpoint]
    std::string spec;     // --credentials; see parse_spec()
    std::string profile;  // --profile
    std::string file;     // --credentials-file
    bool anonymous = false;
};

struct FoundCredentials {
    std::unique_ptr<CredentialsProvider> provider;
    ServiceHints hints;
    std::vector<std::string> files;  // that renewal reads again
    // For people: "environment (OSS_*): not set", in the order in which they were asked; the last
    // one is in use.
    std::vector<std::string> asked;
};

// Reads environment and files, and asks whom they name for the first key: blocks for as long as
// that takes (a program: 60 s; a network: 30 s). `kitchen` and `clock` must outlive the provider,
// which starts a thread where keys are to be renewed. Errors: bad_credentials (nothing found, half
// a pair, no such profile, a program or service that gives none), access_denied (a file that others
// can read or that is not yours; a role that may not be taken), invalid_argument (a file or SPEC
// that does not parse), and the transport's.
Result<FoundCredentials> find_credentials(const CredentialsRequest& request,
                                          const Environment& environment, Kitchen& kitchen,
                                          Clock& clock);

// ---- the single sources, for the chain, for tests and for fuzzing ----

// What one place says: nothing of keys (nullopt), or how to get one.
struct LoadedProfile {
    std::optional<Recipe> recipe;
    ServiceHints hints;
    // The profile that the file itself calls the current one, where it was asked for none.
    std::string current;
};

// nullopt when no variable of the family is set. Errors: bad_credentials (an id without a secret
// or the reverse).
enum class VariableFamily { oss, alibaba, aws };
Result<std::optional<Credentials>> credentials_from_environment(const Environment& environment,
                                                                VariableFamily family);
ServiceHints hints_from_environment(const Environment& environment, DialectKind dialect);
// Role and token file of ALIBABA_CLOUD_* or AWS_*. Errors: bad_credentials (half of it is set).
Result<std::optional<Recipe>> web_identity_from_environment(const Environment& environment,
                                                            Cloud cloud);
// ALIBABA_CLOUD_CREDENTIALS_URI, AWS_CONTAINER_CREDENTIALS_*. Errors: bad_credentials (an address
// to which no secret may be sent).
Result<std::optional<Recipe>> address_from_environment(const Environment& environment, Cloud cloud);

// Parsers of files' texts: pure. `path` is for messages. They judge what the text says, not who
// may read the file. Errors: invalid_argument (does not parse), not_found (no such profile),
// bad_credentials (a mode that is not known, a missing field, a loop of source profiles). Messages
// never hold a value.

// ossutil 1 ([Credentials], [Bucket-Endpoint], [Bucket-Cname]) and 2 ([default], [profile NAME]).
Result<LoadedProfile> parse_ossutil(std::string_view text, const std::string& path,
                                    const std::string& profile, const std::string& bucket);
// ~/.aliyun/config.json: the profile of that name, else the current one.
Result<LoadedProfile> parse_aliyun(std::string_view text, const std::string& path,
                                   const std::string& profile);
// ~/.alibabacloud/credentials.
Result<LoadedProfile> parse_alibaba(std::string_view text, const std::string& path,
                                    const std::string& profile);
// [NAME] of the credentials file and [profile NAME] of the config file; keys of the first win.
struct AwsFiles {
    std::string_view credentials;
    std::string credentials_path;
    std::string_view config;
    std::string config_path;
};
Result<LoadedProfile> parse_aws(const AwsFiles& files, const std::string& profile,
                                const Environment& environment);
// A file that another program rewrites: a key document in JSON (key_document.h), or one of the
// three INI forms above.
Result<LoadedProfile> parse_key_file(std::string_view text, const std::string& path,
                                     const CredentialsRequest& request,
                                     const Environment& environment);

// --credentials=SPEC: a word, and behind ':' what it is about.
struct Spec {
    std::string word;
    std::string rest;
};
// Errors: invalid_argument with the words that are known.
Result<Spec> parse_spec(std::string_view text);
// Whether --profile means something beside it: beside "aws" and not beside "aws:dev" or "ecs".
bool takes_profile(const Spec& spec);
std::string_view spec_words();  // for messages and --help

// Whether an address may be given a secret or trusted for one: https, or http on this machine or
// on a link-local address (metadata services). Errors: bad_credentials.
Result<void> check_key_address(std::string_view url, std::string_view where);

}  // namespace xbucket
