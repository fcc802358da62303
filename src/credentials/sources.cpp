// SPDX-FileCopyrightText: the xbucket authors
#include "sources.h"

#include "json.h"
#include "shape.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/ini.h"
#include "xbucket/base/private_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xbucket {
namespace {

// ---- which files may be read by others ----

bool holds_secret(const Json& value, std::string_view name, unsigned depth) {
    if (depth > kJsonDepthMax) return true;
    if (value.is_string()) {
        return squeeze(name).find("secret") != std::string::npos &&
               !value.get_ref<const std::string&>().empty();
    }
    if (!value.is_structured()) return false;
    for (const auto& [key, member] : value.items()) {
        if (holds_secret(member, key, depth + 1)) return true;
    }
    return false;
}

// A lasting secret: tokens that orchestrators write are read elsewhere.
bool holds_secret(std::string_view text) {
    if (auto object = parse_json_object(text, "it")) return holds_secret(**object, "", 0);
    const auto entries = parse_ini(text);
    if (!entries) return true;
    return std::any_of(entries->begin(), entries->end(), [](const IniEntry& entry) {
        return squeeze(entry.name).find("secret") != std::string::npos && !entry.value.empty();
    });
}

Result<Secret> read_key_file(const std::string& path) {
    PrivateFile file = TRY(read_private_file(path));
    const bool secret = holds_secret(file.text);
    Secret text(file.text);
    wipe(file.text);
    if (secret) TRY(check_unreadable_by_others(file));
    return text;
}

// ---- places ----

using Parse = std::function<Result<LoadedProfile>(std::string_view text)>;

// With a profile's name, which "" leaves to the file. A mount stays with the one that was current
// when it began: who switches to another one means the commands that come, not a mount that runs.
using ParseProfile =
    std::function<Result<LoadedProfile>(std::string_view text, const std::string& profile)>;

Parse keeping_profile(const std::string& profile, ParseProfile parse) {
    return [kept = std::make_shared<std::string>(profile),
            parse = std::move(parse)](std::string_view text) {
        auto loaded = parse(text, *kept);
        if (loaded && !loaded->current.empty()) *kept = loaded->current;
        return loaded;
    };
}

Place file_place(const std::string& path, Parse parse) {
    return {.name = path,
            .load = [path, parse = std::move(parse)]() -> Result<LoadedProfile> {
                const Secret text = TRY(read_key_file(path));
                return parse(text.reveal());
            },
            .files = {path}};
}

std::string in_home(const Environment& environment, std::string_view name) {
    return fmt::format("{}/{}", environment.home(), name);
}

Place ossutil_place(const CredentialsRequest& request, const Environment& environment,
                    const std::string& profile) {
    const std::string path = in_home(environment, ".ossutilconfig");
    return file_place(path, [=, bucket = request.bucket](std::string_view text) {
        return parse_ossutil(text, path, profile, bucket);
    });
}

std::string alibaba_profile(const Environment& environment, const std::string& profile) {
    return profile.empty() ? environment.first_of({"ALIBABA_CLOUD_PROFILE"}) : profile;
}

Place aliyun_place(const Environment& environment, const std::string& profile) {
    const std::string path = in_home(environment, ".aliyun/config.json");
    return file_place(path, keeping_profile(alibaba_profile(environment, profile),
                                            [path](std::string_view text, const std::string& name) {
                                                return parse_aliyun(text, path, name);
                                            }));
}

Place alibaba_place(const Environment& environment, const std::string& profile) {
    std::string path = environment.first_of({"ALIBABA_CLOUD_CREDENTIALS_FILE"});
    if (path.empty()) path = in_home(environment, ".alibabacloud/credentials");
    const std::string name = alibaba_profile(environment, profile);
    return file_place(path, [=](std::string_view text) { return parse_alibaba(text, path, name); });
}

// Two files, each of which may be missing.
Place aws_place(const SharedEnvironment& environment, const std::string& profile) {
    std::string keys = environment->first_of({"AWS_SHARED_CREDENTIALS_FILE"});
    if (keys.empty()) keys = in_home(*environment, ".aws/credentials");
    std::string config = environment->first_of({"AWS_CONFIG_FILE"});
    if (config.empty()) config = in_home(*environment, ".aws/config");
    std::string name = profile;
    if (name.empty()) name = environment->first_of({"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
    const auto load = [=]() -> Result<LoadedProfile> {
        auto first = read_key_file(keys);
        if (!first && first.error().kind != ErrorKind::not_found) return first.error();
        auto second = read_key_file(config);
        if (!second && second.error().kind != ErrorKind::not_found) return second.error();
        if (!first && !second) {
            return fail(ErrorKind::not_found,
                        fmt::format("neither {} nor {} exists", keys, config));
        }
        return parse_aws({.credentials = first ? first->reveal() : std::string_view(),
                          .credentials_path = keys,
                          .config = second ? second->reveal() : std::string_view(),
                          .config_path = config},
                         name, *environment);
    };
    return {.name = fmt::format("{} and {}", keys, config), .load = load, .files = {keys, config}};
}

Place environment_place(const SharedEnvironment& environment, std::vector<VariableFamily> order) {
    return {.name = "environment",
            .load = [environment, order = std::move(order)]() -> Result<LoadedProfile> {
                LoadedProfile loaded;
                for (const VariableFamily family : order) {
                    auto key = TRY(credentials_from_environment(*environment, family));
                    if (!key) continue;
                    loaded.recipe = Recipe{.source = key->source, .key = *key};
                    break;
                }
                return loaded;
            }};
}

template <class From>
Place recipe_place(std::string name, const SharedEnvironment& environment, Cloud cloud, From from) {
    return {.name = std::move(name), .load = [=]() -> Result<LoadedProfile> {
                LoadedProfile loaded;
                loaded.recipe = TRY(from(*environment, cloud));
                return loaded;
            }};
}

Place web_identity_place(const SharedEnvironment& environment, Cloud cloud) {
    return recipe_place(cloud == Cloud::aws ? "web identity token" : "OIDC token", environment,
                        cloud, web_identity_from_environment);
}

Place address_place(const SharedEnvironment& environment, Cloud cloud) {
    return recipe_place(cloud == Cloud::aws ? "container address" : "credentials address",
                        environment, cloud, address_from_environment);
}

bool is_on(const Environment& environment, std::string_view name) {
    return iequals(environment.first_of({name}), "true") || environment.first_of({name}) == "1";
}

Place metadata_place(const Environment& environment, Cloud cloud, const std::string& role) {
    const bool aws = cloud == Cloud::aws;
    Recipe recipe{.method = Recipe::Method::metadata,
                  .cloud = cloud,
                  .source = aws ? "EC2 metadata service" : "ECS metadata service"};
    recipe.role = role;
    if (recipe.role.empty() && !aws) {
        recipe.role = environment.first_of({"ALIBABA_CLOUD_ECS_METADATA"});
    }
    recipe.token_required =
        is_on(environment, aws ? "AWS_EC2_METADATA_V1_DISABLED" : "ALIBABA_CLOUD_IMDSV1_DISABLED");
    return {.name = recipe.source,
            .load = [recipe]() -> Result<LoadedProfile> {
                return LoadedProfile{.recipe = recipe, .hints = {}};
            },
            .files = {},
            .is_guess = recipe.role.empty()};
}

std::vector<VariableFamily> family_order(DialectKind dialect) {
    using enum VariableFamily;
    if (dialect == DialectKind::s3) return {aws, oss, alibaba};
    return {oss, alibaba, aws};
}

Place fixed_place(Recipe recipe) {
    std::string name = recipe.source;
    return {.name = std::move(name),
            .load = [recipe = std::move(recipe)]() -> Result<LoadedProfile> {
                return LoadedProfile{.recipe = recipe, .hints = {}};
            }};
}

// The first of `places` that is set up, with a role on top.
Place role_place(std::vector<Place> places, const SharedEnvironment& environment,
                 const std::string& role) {
    const bool aws = !role.starts_with("acs:");
    std::vector<std::string> files;
    auto below = std::make_shared<const std::vector<Place>>(std::move(places));
    for (const Place& place : *below)
        files.insert(files.end(), place.files.begin(), place.files.end());
    return {.name = fmt::format("role {}", role),
            .load = [=]() -> Result<LoadedProfile> {
                for (const Place& place : *below) {
                    auto loaded = place.load();
                    if (!loaded && loaded.error().kind == ErrorKind::not_found) continue;
                    if (!loaded) return loaded;
                    if (!loaded->recipe) continue;
                    Recipe recipe{.method = Recipe::Method::role,
                                  .cloud = aws ? Cloud::aws : Cloud::alibaba,
                                  .source = fmt::format("--credentials=role with {}",
                                                        loaded->recipe->source)};
                    recipe.role = role;
                    recipe.sts_region =
                        aws ? environment->first_of({"AWS_REGION", "AWS_DEFAULT_REGION"})
                            : environment->first_of({"ALIBABA_CLOUD_STS_REGION"});
                    recipe.base = std::make_shared<const Recipe>(std::move(*loaded->recipe));
                    loaded->recipe = std::move(recipe);
                    return loaded;
                }
                return fail(ErrorKind::not_found, "no key to take the role with was found");
            },
            .files = std::move(files)};
}

Place key_file_place(const CredentialsRequest& request, const SharedEnvironment& environment,
                     const std::string& path) {
    return file_place(
        path, keeping_profile(request.profile,
                              [=, asked = request](std::string_view text, const std::string& name) {
                                  CredentialsRequest with_name = asked;
                                  with_name.profile = name;
                                  return parse_key_file(text, path, with_name, *environment);
                              }));
}

constexpr std::array<std::string_view, 14> kSpecWords = {
    "env", "ossutil", "aliyun", "alibabacloud", "aws",  "file", "process",
    "ecs", "ec2",     "oidc",   "web-identity", "role", "uri",  "anonymous"};

Error bad_spec(std::string_view why) {
    return fail(ErrorKind::invalid_argument, fmt::format("--credentials: {}", why));
}

Result<Place> process_or_uri(const Spec& spec, DialectKind dialect) {
    Recipe recipe;
    recipe.cloud = dialect == DialectKind::s3 ? Cloud::aws : Cloud::alibaba;
    if (spec.word == "process") {
        recipe.method = Recipe::Method::process;
        recipe.source = "--credentials=process";
        recipe.command = spec.rest;
        recipe.shell = true;
        return fixed_place(std::move(recipe));
    }
    recipe.method = Recipe::Method::uri;
    recipe.source = "--credentials=uri";
    recipe.uri = spec.rest;
    TRY(check_key_address(recipe.uri, "--credentials"));
    return fixed_place(std::move(recipe));
}

Result<Place> environment_by_name(const SharedEnvironment& environment, DialectKind dialect,
                                  const std::string& family) {
    using enum VariableFamily;
    if (family.empty()) return environment_place(environment, family_order(dialect));
    if (family == "oss") return environment_place(environment, {oss});
    if (family == "alibaba") return environment_place(environment, {alibaba});
    if (family == "aws") return environment_place(environment, {aws});
    return bad_spec("behind env: stands oss, alibaba or aws");
}

Result<Place> place_of_spec(const Spec& spec, const CredentialsRequest& request,
                            const SharedEnvironment& environment) {
    const std::string& profile = spec.rest.empty() ? request.profile : spec.rest;
    const std::string& word = spec.word;
    if (word == "env") return environment_by_name(environment, request.dialect, spec.rest);
    if (word == "ossutil") return ossutil_place(request, *environment, profile);
    if (word == "aliyun") return aliyun_place(*environment, profile);
    if (word == "alibabacloud") return alibaba_place(*environment, profile);
    if (word == "aws") return aws_place(environment, profile);
    if (word == "ecs") return metadata_place(*environment, Cloud::alibaba, spec.rest);
    if (word == "ec2") return metadata_place(*environment, Cloud::aws, spec.rest);
    if (word == "oidc") return web_identity_place(environment, Cloud::alibaba);
    if (word == "web-identity") return web_identity_place(environment, Cloud::aws);
    if (word == "anonymous") {
        return fixed_place(Recipe{.source = "--credentials=anonymous",
                                  .key = {.source = "--credentials=anonymous"}});
    }
    if (spec.rest.empty())
        return bad_spec(fmt::format("{} needs something behind it: {}:...", word, word));
    if (word == "file") return key_file_place(request, environment, spec.rest);
    if (word == "role") {
        CredentialsRequest plain = request;
        plain.spec.clear();
        return role_place(plain.profile.empty() ? places_in_order(plain, environment)
                                                : TRY(named_places(plain, environment)),
                          environment, spec.rest);
    }
    return process_or_uri(spec, request.dialect);
}

}  // namespace

std::string_view spec_words() {
    return "env[:oss|alibaba|aws], ossutil[:PROFILE], aliyun[:PROFILE], alibabacloud[:PROFILE], "
           "aws[:PROFILE], file:PATH, process:COMMAND, ecs[:ROLE], ec2[:ROLE], oidc, "
           "web-identity, role:ARN, uri:URL, anonymous";
}

Result<Spec> parse_spec(std::string_view text) {
    const size_t colon = text.find(':');
    Spec spec{.word = std::string(text.substr(0, colon)), .rest = {}};
    if (colon != std::string_view::npos) spec.rest = text.substr(colon + 1);
    if (std::find(kSpecWords.begin(), kSpecWords.end(), spec.word) == kSpecWords.end()) {
        return bad_spec(fmt::format("'{}' is none of: {}", printable(spec.word), spec_words()));
    }
    return spec;
}

bool takes_profile(const Spec& spec) {
    if (spec.word == "file" || spec.word == "role") return true;
    const bool of_profiles = spec.word == "ossutil" || spec.word == "aliyun" ||
                             spec.word == "alibabacloud" || spec.word == "aws";
    return of_profiles && spec.rest.empty();
}

std::vector<Place> places_in_order(const CredentialsRequest& request,
                                   const SharedEnvironment& environment) {
    std::vector<Place> places;
    const bool s3 = request.dialect == DialectKind::s3;
    const Cloud cloud = s3 ? Cloud::aws : Cloud::alibaba;
    places.push_back(environment_place(environment, family_order(request.dialect)));
    places.push_back(web_identity_place(environment, cloud));
    if (s3) {
        places.push_back(aws_place(environment, ""));
    } else {
        places.push_back(ossutil_place(request, *environment, ""));
        places.push_back(aliyun_place(*environment, ""));
        places.push_back(alibaba_place(*environment, ""));
    }
    places.push_back(address_place(environment, cloud));
    const bool off = is_on(
        *environment, s3 ? "AWS_EC2_METADATA_DISABLED" : "ALIBABA_CLOUD_ECS_METADATA_DISABLED");
    if (!off) places.push_back(metadata_place(*environment, cloud, ""));
    return places;
}

Result<std::vector<Place>> named_places(const CredentialsRequest& request,
                                        const SharedEnvironment& environment) {
    std::vector<Place> places;
    if (!request.spec.empty()) {
        const Spec spec = TRY(parse_spec(request.spec));
        places.push_back(TRY(place_of_spec(spec, request, environment)));
    } else if (!request.file.empty()) {
        places.push_back(key_file_place(request, environment, request.file));
    } else if (request.dialect == DialectKind::s3) {
        places.push_back(aws_place(environment, request.profile));
    } else {
        places.push_back(ossutil_place(request, *environment, request.profile));
        places.push_back(aliyun_place(*environment, request.profile));
        places.push_back(alibaba_place(*environment, request.profile));
    }
    return places;
}

}  // namespace xbucket
