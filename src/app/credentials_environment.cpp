// SPDX-FileCopyrightText: the xbucket authors
// Keys and hints from environment variables (protocol.md 9, first three rows).
#include "credentials_sources.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

struct Family {
    std::string_view label;
    std::string_view id;
    std::string_view secret;
    std::string_view token;
    std::string_view old_token;  // "" = none
};

Family family_of(VariableFamily family) {
    switch (family) {
        case VariableFamily::oss:
            return {"OSS_*", "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN", ""};
        case VariableFamily::alibaba:
            return {"ALIBABA_CLOUD_*", "ALIBABA_CLOUD_ACCESS_KEY_ID",
                    "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN", ""};
        case VariableFamily::aws:
            break;
    }
    return {"AWS_*", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            "AWS_SECURITY_TOKEN"};
}

}  // namespace

void ServiceHints::fill_from(const ServiceHints& other) {
    // An endpoint and whether it is a CNAME belong together.
    if (endpoint.empty()) {
        endpoint = other.endpoint;
        cname = other.cname;
    }
    if (region.empty()) region = other.region;
    if (ca_bundle.empty()) ca_bundle = other.ca_bundle;
}

Result<std::optional<Credentials>> credentials_from_environment(const Environment& environment,
                                                                VariableFamily family) {
    const Family names = family_of(family);
    const auto id = environment.get(names.id);
    const auto secret = environment.get(names.secret);
    if (!id && !secret) return std::optional<Credentials>();
    if (!id || !secret) {
        return fail(ErrorKind::bad_credentials,
                    fmt::format("{} is set but {} is not; set both or neither",
                                id ? names.id : names.secret, id ? names.secret : names.id));
    }
    Credentials credentials;
    credentials.access_key_id = *id;
    credentials.access_key_secret = Secret(*secret);
    credentials.session_token = Secret(environment.first_of({names.token, names.old_token}));
    credentials.source = fmt::format("environment ({})", names.label);
    return std::optional<Credentials>(std::move(credentials));
}

ServiceHints hints_from_environment(const Environment& environment, DialectKind dialect) {
    ServiceHints hints;
    if (dialect == DialectKind::s3) {
        hints.endpoint = environment.first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
        hints.region = environment.first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
        hints.ca_bundle = environment.first_of({"AWS_CA_BUNDLE"});
    } else {
        hints.endpoint = environment.first_of({"OSS_ENDPOINT"});
        hints.region = environment.first_of({"OSS_REGION", "ALIBABA_CLOUD_REGION_ID"});
    }
    return hints;
}

}  // namespace xbucket::app
