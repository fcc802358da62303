// SPDX-FileCopyrightText: the xbucket authors
// Where access keys come from (protocol.md 9). Three places are asked, in this order:
//   1. the environment: OSS_*, ALIBABA_CLOUD_*, AWS_*; for s3:// sources AWS_* first;
//   2. the file that --credentials-file names, else ~/.ossutilconfig (oss://) or
//      ~/.aws/credentials and ~/.aws/config (s3://), the section that --profile names;
//   3. nobody: then the mount fails and says what was tried. --anonymous asks nobody.
// A profile or a file named on the command line goes before the environment. Files are read again
// when they change, so that rotated keys and new STS tokens need no remount.
#pragma once

#include "environment.h"

#include "xbucket/store/credentials.h"
#include "xbucket/store/http_store.h"

#include <memory>
#include <string>
#include <string_view>

namespace xbucket::app {

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
    std::string bucket;  // for [Bucket-Endpoint]
    std::string profile;
    std::string file;
    bool anonymous = false;
};

struct FoundCredentials {
    std::unique_ptr<CredentialsProvider> provider;
    ServiceHints hints;
};

// Reads environment and files; no network. Errors: bad_credentials (nothing found, half a pair, no
// such profile, a form that is not supported), access_denied (a file that others can read or
// that is not yours), invalid_argument (a file that does not parse).
Result<FoundCredentials> find_credentials(const CredentialsRequest& request,
                                          const Environment& environment, Clock& clock);

// ---- the single sources, for the chain and for tests ----

struct LoadedProfile {
    Credentials credentials;
    ServiceHints hints;
};

// nullopt when no variable of the family is set. Errors: bad_credentials (an id without a secret
// or the reverse).
enum class VariableFamily { oss, alibaba, aws };
Result<std::optional<Credentials>> credentials_from_environment(const Environment& environment,
                                                                VariableFamily family);
ServiceHints hints_from_environment(const Environment& environment, DialectKind dialect);

// ossutil 1 ([Credentials], [Bucket-Endpoint], [Bucket-Cname]) and 2 ([default], [profile NAME]).
// `path` must exist. Errors: as find_credentials().
Result<LoadedProfile> load_ossutil(const std::string& path, const std::string& profile,
                                   const std::string& bucket);
// The key from `credentials_path` ([NAME]), else from `config_path` ([profile NAME] or [default]);
// either may be missing. Errors: not_found (neither exists), and as find_credentials().
Result<LoadedProfile> load_aws(const std::string& credentials_path, const std::string& config_path,
                               const std::string& profile);

}  // namespace xbucket::app
