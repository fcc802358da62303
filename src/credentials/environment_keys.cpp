// SPDX-FileCopyrightText: the xbucket authors
// Keys and hints from environment variables (protocol.md 9, first three rows).
#include "key_document.h"
#include "shape.h"

#include <fmt/format.h>

namespace xbucket {
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
    if (auto fits = check_key(credentials); !fits) {
        return std::move(fits).error().with_context(credentials.source);
    }
    return std::optional<Credentials>(std::move(credentials));
}

Result<std::optional<Recipe>> web_identity_from_environment(const Environment& environment,
                                                            Cloud cloud) {
    const bool aws = cloud == Cloud::aws;
    Recipe recipe{.method = Recipe::Method::web_identity,
                  .cloud = cloud,
                  .source = aws ? "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)"
                                : "OIDC (ALIBABA_CLOUD_OIDC_TOKEN_FILE)"};
    recipe.token_file = environment.first_of(
        {aws ? "AWS_WEB_IDENTITY_TOKEN_FILE" : "ALIBABA_CLOUD_OIDC_TOKEN_FILE"});
    if (recipe.token_file.empty()) return std::optional<Recipe>();
    recipe.role = environment.first_of({aws ? "AWS_ROLE_ARN" : "ALIBABA_CLOUD_ROLE_ARN"});
    if (!aws) {
        recipe.oidc_provider = environment.first_of({"ALIBABA_CLOUD_OIDC_PROVIDER_ARN"});
    }
    if (recipe.role.empty() || (!aws && recipe.oidc_provider.empty())) {
        return fail(ErrorKind::bad_credentials,
                    aws ? "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not"
                        : "ALIBABA_CLOUD_OIDC_TOKEN_FILE is set, but ALIBABA_CLOUD_ROLE_ARN or "
                          "ALIBABA_CLOUD_OIDC_PROVIDER_ARN is not");
    }
    recipe.session_name =
        environment.first_of({aws ? "AWS_ROLE_SESSION_NAME" : "ALIBABA_CLOUD_ROLE_SESSION_NAME"});
    recipe.sts_region = aws ? environment.first_of({"AWS_REGION", "AWS_DEFAULT_REGION"})
                            : environment.first_of({"ALIBABA_CLOUD_STS_REGION"});
    if (aws) {
        recipe.sts_endpoint = environment.first_of({"AWS_ENDPOINT_URL_STS"});
        if (!recipe.sts_endpoint.empty()) {
            TRY(check_key_address(recipe.sts_endpoint, "AWS_ENDPOINT_URL_STS"));
        }
    }
    return recipe;
}

Result<std::optional<Recipe>> address_from_environment(const Environment& environment,
                                                       Cloud cloud) {
    Recipe recipe{.method = Recipe::Method::uri, .cloud = cloud};
    if (cloud == Cloud::alibaba) {
        recipe.source = "address (ALIBABA_CLOUD_CREDENTIALS_URI)";
        recipe.uri = environment.first_of({"ALIBABA_CLOUD_CREDENTIALS_URI"});
    } else {
        recipe.source = "container (AWS_CONTAINER_CREDENTIALS_*)";
        recipe.uri = environment.first_of({"AWS_CONTAINER_CREDENTIALS_FULL_URI"});
        const std::string path = environment.first_of({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"});
        if (!path.empty()) recipe.uri = fmt::format("http://169.254.170.2{}", path);
        recipe.authorization = Secret(environment.first_of({"AWS_CONTAINER_AUTHORIZATION_TOKEN"}));
        recipe.authorization_file =
            environment.first_of({"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"});
    }
    if (recipe.uri.empty()) return std::optional<Recipe>();
    TRY(check_key_address(recipe.uri, recipe.source));
    return recipe;
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

}  // namespace xbucket
