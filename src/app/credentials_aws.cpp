// SPDX-FileCopyrightText: the xbucket authors
// ~/.aws/credentials and ~/.aws/config (protocol.md 9): [NAME] there, [profile NAME] here, and
// [default] in both. A key in the credentials file wins over one in the config file.
#include "credentials_sources.h"
#include "ini.h"
#include "private_file.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

struct AwsSection {
    LoadedProfile loaded;
    bool found = false;
    std::string dynamic;  // a key of a form that needs a program or a network
};

void take(const IniEntry& entry, AwsSection& out) {
    out.found = true;
    Credentials& credentials = out.loaded.credentials;
    if (entry.name == "aws_access_key_id") {
        credentials.access_key_id = entry.value;
    } else if (entry.name == "aws_secret_access_key") {
        credentials.access_key_secret = Secret(entry.value);
    } else if (entry.name == "aws_session_token" || entry.name == "aws_security_token") {
        credentials.session_token = Secret(entry.value);
    } else if (entry.name == "region") {
        out.loaded.hints.region = entry.value;
    } else if (entry.name == "s3.endpoint_url") {
        out.loaded.hints.endpoint = entry.value;
    } else if (entry.name == "endpoint_url") {
        if (out.loaded.hints.endpoint.empty()) out.loaded.hints.endpoint = entry.value;
    } else if (entry.name == "ca_bundle") {
        out.loaded.hints.ca_bundle = entry.value;
    } else if (entry.name == "credential_process" || entry.name == "role_arn" ||
               entry.name == "sso_session" || entry.name == "sso_start_url" ||
               entry.name == "web_identity_token_file") {
        out.dynamic = entry.name;
    }
}

// A missing file is an empty section; `exists` says which.
Result<AwsSection> read_section(const std::string& path, const std::string& section, bool& exists) {
    exists = false;
    AwsSection out;
    auto file = read_private_file(path);
    if (!file) {
        if (file.error().kind == ErrorKind::not_found) return out;
        return std::move(file).error();
    }
    exists = true;
    auto entries = parse_ini(file->text);
    if (!entries) return std::move(entries).error().with_context(path);
    for (const IniEntry& entry : *entries) {
        if (entry.section == section) take(entry, out);
    }
    if (!out.loaded.credentials.access_key_secret.empty()) TRY(check_unreadable_by_others(*file));
    out.loaded.credentials.source = path;
    return out;
}

}  // namespace

Result<LoadedProfile> load_aws(const std::string& credentials_path, const std::string& config_path,
                               const std::string& profile) {
    const std::string name = profile.empty() ? "default" : profile;
    bool credentials_exist = false;
    bool config_exists = false;
    AwsSection keys = TRY(read_section(credentials_path, name, credentials_exist));
    AwsSection config = TRY(read_section(
        config_path, name == "default" ? name : fmt::format("profile {}", name), config_exists));
    if (!credentials_exist && !config_exists) {
        return fail(ErrorKind::not_found,
                    fmt::format("neither {} nor {} exists", credentials_path, config_path));
    }
    if (!keys.found && !config.found) {
        return fail(ErrorKind::bad_credentials, fmt::format("no profile '{}' in {} or {}", name,
                                                            credentials_path, config_path));
    }
    LoadedProfile loaded = std::move(keys.loaded);
    if (loaded.credentials.access_key_id.empty()) {
        loaded.credentials = std::move(config.loaded.credentials);
    }
    loaded.hints.fill_from(config.loaded.hints);
    const Credentials& credentials = loaded.credentials;
    if (credentials.access_key_id.empty() || credentials.access_key_secret.empty()) {
        const std::string& dynamic = keys.dynamic.empty() ? config.dynamic : keys.dynamic;
        return fail(ErrorKind::bad_credentials,
                    dynamic.empty()
                        ? fmt::format("profile '{}' has no aws_access_key_id with "
                                      "aws_secret_access_key; run: aws configure",
                                      name)
                        : fmt::format("profile '{}' gets its key by {}, which is not supported "
                                      "yet; export AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                                      "AWS_SESSION_TOKEN instead",
                                      name, dynamic));
    }
    return loaded;
}

}  // namespace xbucket::app
