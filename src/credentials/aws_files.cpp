// SPDX-FileCopyrightText: the xbucket authors
// ~/.aws/credentials and ~/.aws/config (protocol.md 9): [NAME] there, [profile NAME] here, and
// [default] in both. Per profile, as AWS's own tools decide: a role to take, then a key of the
// credentials file, a program, a key of the config file.
#include "key_document.h"
#include "shape.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/ini.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

using Profiles = std::map<std::string, Fields, std::less<>>;

// `aws configure` writes [profile 'my own'].
std::string_view without_quotes(std::string_view name) {
    const bool quoted = name.size() >= 2 && name.front() == name.back() &&
                        (name.front() == '\'' || name.front() == '"');
    return quoted ? name.substr(1, name.size() - 2) : name;
}

Result<Profiles> read_profiles(std::string_view text, const std::string& path, bool is_config) {
    auto entries = parse_ini(text);
    if (!entries) return std::move(entries).error().with_context(path);
    Profiles profiles;
    for (IniEntry& entry : *entries) {
        std::string_view name = entry.section;
        if (is_config && name != "default") {
            if (!name.starts_with("profile ")) continue;  // [sso-session ...], [services ...]
            name = without_quotes(trim_ows(name.substr(8)));
        }
        profiles[std::string(name)].insert_or_assign(entry.name, std::move(entry.value));
    }
    return profiles;
}

class AwsProfiles {
  public:
    AwsProfiles(const AwsFiles& files, const Environment& environment, Profiles keys,
                Profiles config)
        : files_(files),
          environment_(environment),
          keys_(std::move(keys)),
          config_(std::move(config)) {}

    bool has(const std::string& name) const {
        return keys_.contains(name) || config_.contains(name);
    }
    std::string value(const std::string& name, std::string_view setting) const {
        const std::string first = in(keys_, name, {setting});
        return first.empty() ? in(config_, name, {setting}) : first;
    }

    Result<std::optional<Recipe>> recipe(const std::string& name) {
        if (!has(name)) return bad(name, "there is no such profile");
        if (std::find(trail_.begin(), trail_.end(), name) != trail_.end()) {
            return bad(name, "source_profile leads back to it");
        }
        if (trail_.size() >= kRoleChainMax) {
            return bad(name,
                       fmt::format("more than {} profiles build on one another", kRoleChainMax));
        }
        trail_.push_back(name);
        auto made = recipe_of(name);
        trail_.pop_back();
        return made;
    }

  private:
    static Secret secret_in(const Profiles& profiles, const std::string& name,
                            std::initializer_list<std::string_view> settings) {
        const auto it = profiles.find(name);
        return it == profiles.end() ? Secret() : secret_field(it->second, settings);
    }
    static std::string in(const Profiles& profiles, const std::string& name,
                          std::initializer_list<std::string_view> settings) {
        const auto it = profiles.find(name);
        return it == profiles.end() ? std::string() : field(it->second, settings);
    }
    Error bad(const std::string& name, std::string_view why) const {
        return fail(ErrorKind::bad_credentials,
                    fmt::format("profile '{}' in {} and {}: {}", printable(name),
                                files_.credentials_path, files_.config_path, why));
    }
    std::string where(const std::string& path, const std::string& name) const {
        return fmt::format("{} [{}]", path, printable(name));
    }

    Result<std::optional<Recipe>> recipe_of(const std::string& name) {
        if (!value(name, "role_arn").empty()) return TRY(role(name));
        if (auto key = TRY(fixed(keys_, files_.credentials_path, name))) return key;
        const std::string command = value(name, "credential_process");
        if (!command.empty()) {
            Recipe recipe{.method = Recipe::Method::process,
                          .cloud = Cloud::aws,
                          .source = where(files_.config_path, name)};
            recipe.command = command;
            return recipe;
        }
        if (auto key = TRY(fixed(config_, files_.config_path, name))) return key;
        if (!value(name, "sso_session").empty() || !value(name, "sso_start_url").empty()) {
            return bad(name, fmt::format("it signs in by SSO; give a second profile the line "
                                         "\"credential_process = aws configure "
                                         "export-credentials --profile {}\" and name that one",
                                         printable(name)));
        }
        return std::optional<Recipe>();
    }

    Result<std::optional<Recipe>> fixed(const Profiles& profiles, const std::string& path,
                                        const std::string& name) const {
        Recipe recipe{.cloud = Cloud::aws, .source = where(path, name)};
        recipe.key.access_key_id = in(profiles, name, {"aws_access_key_id"});
        recipe.key.access_key_secret = secret_in(profiles, name, {"aws_secret_access_key"});
        recipe.key.session_token =
            secret_in(profiles, name, {"aws_session_token", "aws_security_token"});
        recipe.key.source = recipe.source;
        if (recipe.key.access_key_id.empty() && recipe.key.access_key_secret.empty()) {
            return std::optional<Recipe>();
        }
        if (recipe.key.access_key_id.empty() || recipe.key.access_key_secret.empty()) {
            return bad(name,
                       "aws_access_key_id and aws_secret_access_key belong together; run: "
                       "aws configure");
        }
        if (auto fits = check_key(recipe.key); !fits) return bad(name, fits.error().message);
        return recipe;
    }

    Result<Recipe> role(const std::string& name) {
        Recipe recipe{.method = Recipe::Method::role,
                      .cloud = Cloud::aws,
                      .source = where(files_.config_path, name)};
        recipe.role = value(name, "role_arn");
        recipe.session_name = value(name, "role_session_name");
        recipe.external_id = value(name, "external_id");
        recipe.sts_region = sts_region(name);
        recipe.sts_endpoint = environment_.first_of({"AWS_ENDPOINT_URL_STS"});
        if (recipe.sts_endpoint.empty()) recipe.sts_endpoint = value(name, "sts.endpoint_url");
        if (!recipe.sts_endpoint.empty()) {
            TRY(check_key_address(recipe.sts_endpoint, recipe.source));
        }
        const std::string life = value(name, "duration_seconds");
        if (!life.empty()) recipe.duration = TRY(parse_session_seconds(life, recipe.source));
        if (!value(name, "mfa_serial").empty()) {
            return bad(name,
                       "it needs an MFA code, which nobody is there to type; use a profile "
                       "without mfa_serial");
        }
        recipe.token_file = value(name, "web_identity_token_file");
        if (!recipe.token_file.empty()) {
            recipe.method = Recipe::Method::web_identity;
            return recipe;
        }
        recipe.base = std::make_shared<const Recipe>(TRY(base_of_role(name)));
        return recipe;
    }

    // Where the legacy global endpoint is asked for, none.
    std::string sts_region(const std::string& name) const {
        const std::string style = environment_.first_of({"AWS_STS_REGIONAL_ENDPOINTS"});
        if ((style.empty() ? value(name, "sts_regional_endpoints") : style) == "legacy") return {};
        const std::string region = environment_.first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
        return region.empty() ? value(name, "region") : region;
    }

    Result<Recipe> base_of_role(const std::string& name) {
        const std::string source = value(name, "source_profile");
        const std::string place = value(name, "credential_source");
        if (!source.empty()) {
            // A profile may build on the key that it holds itself.
            std::optional<Recipe> base;
            if (source == name) {
                base = TRY(fixed(keys_, files_.credentials_path, name));
                if (!base) base = TRY(fixed(config_, files_.config_path, name));
            } else {
                base = TRY(recipe(source));
            }
            if (base) return std::move(*base);
            return bad(source, "it has no key, and another profile builds on it");
        }
        if (iequals(place, "Ec2InstanceMetadata")) {
            return Recipe{.method = Recipe::Method::metadata,
                          .cloud = Cloud::aws,
                          .source = where(files_.config_path, name)};
        }
        if (iequals(place, "Environment")) {
            auto key = TRY(credentials_from_environment(environment_, VariableFamily::aws));
            if (!key) return bad(name, "credential_source = Environment, and no key is set there");
            return Recipe{.cloud = Cloud::aws, .source = key->source, .key = *key};
        }
        if (iequals(place, "EcsContainer")) {
            auto address = TRY(address_from_environment(environment_, Cloud::aws));
            if (address) return std::move(*address);
            return bad(name, "credential_source = EcsContainer, and this is no such container");
        }
        return bad(name,
                   "role_arn needs source_profile, web_identity_token_file or "
                   "credential_source (Ec2InstanceMetadata, EcsContainer, Environment)");
    }

    const AwsFiles& files_;
    const Environment& environment_;
    const Profiles keys_;
    const Profiles config_;
    std::vector<std::string> trail_;
};

}  // namespace

Result<LoadedProfile> parse_aws(const AwsFiles& files, const std::string& profile,
                                const Environment& environment) {
    AwsProfiles profiles(files, environment,
                         TRY(read_profiles(files.credentials, files.credentials_path, false)),
                         TRY(read_profiles(files.config, files.config_path, true)));
    const std::string name = profile.empty() ? "default" : profile;
    LoadedProfile loaded;
    if (profile.empty() && !profiles.has(name)) return loaded;
    loaded.hints.region = profiles.value(name, "region");
    loaded.hints.endpoint = profiles.value(name, "s3.endpoint_url");
    if (loaded.hints.endpoint.empty()) {
        loaded.hints.endpoint = profiles.value(name, "endpoint_url");
    }
    loaded.hints.ca_bundle = profiles.value(name, "ca_bundle");
    loaded.recipe = TRY(profiles.recipe(name));
    return loaded;
}

}  // namespace xbucket
