// SPDX-FileCopyrightText: the xbucket authors
// The modes of Alibaba Cloud's tools (aliyun, ossutil, the SDKs' credentials file) as recipes.
#include "shape.h"

#include "key_document.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

Error bad(const std::string& where, std::string_view why) {
    return fail(ErrorKind::bad_credentials, fmt::format("{}: {}", where, why));
}

std::string id_of(const Fields& f) {
    return field(f, {"accesskeyid", "accessid", "accesskey", "id"});
}
Secret secret_of(const Fields& f) {
    return secret_field(
        f, {"accesskeysecret", "accesssecret", "secretaccesskey", "accesskeysecretid"});
}
Secret token_of(const Fields& f) {
    return secret_field(f, {"ststoken", "securitytoken", "sessiontoken", "token"});
}
std::string role_of(const Fields& f) { return field(f, {"ramrolearn", "rolearn"}); }

Result<Recipe> key_recipe(const Fields& f, const std::string& where, bool with_token) {
    Recipe recipe;
    recipe.source = where;
    recipe.key.access_key_id = id_of(f);
    recipe.key.access_key_secret = secret_of(f);
    if (recipe.key.access_key_id.empty() || recipe.key.access_key_secret.empty()) {
        return bad(where, "lacks an access key id or its secret");
    }
    if (with_token) recipe.key.session_token = token_of(f);
    // CloudSSO and OAuth: aliyun renews them here when it is run.
    const std::string until = field(f, {"stsexpiration"});
    if (const auto seconds = parse_i64(until); seconds && *seconds > 0 && *seconds < 1LL << 33) {
        recipe.key.expiration = WallTime::from_seconds(*seconds);
    }
    recipe.key.source = where;
    TRY(check_key(recipe.key));
    return recipe;
}

// What all kinds of sessions have in common.
Result<void> take_session(const Fields& f, const std::string& where, Recipe& recipe) {
    recipe.session_name = field(f, {"ramsessionname", "rolesessionname", "sessionname"});
    recipe.external_id = field(f, {"externalid"});
    recipe.policy = field(f, {"policy"});
    recipe.sts_region = field(f, {"stsregion"});
    recipe.sts_endpoint = field(f, {"stsendpoint"});
    if (!recipe.sts_endpoint.empty()) TRY(check_key_address(recipe.sts_endpoint, where));
    const std::string life =
        field(f, {"expiredseconds", "tokentimeout", "durationseconds", "roledurationseconds"});
    if (!life.empty() && life != "0") recipe.duration = TRY(parse_session_seconds(life, where));
    return {};
}

Result<Recipe> role_recipe(const Fields& f, const std::string& where, Recipe base) {
    Recipe recipe;
    recipe.method = Recipe::Method::role;
    recipe.source = where;
    recipe.role = role_of(f);
    if (recipe.role.empty()) return bad(where, "lacks the ARN of the role to take");
    TRY(take_session(f, where, recipe));
    recipe.base = std::make_shared<const Recipe>(std::move(base));
    return recipe;
}

Recipe metadata_recipe(const Fields& f, const std::string& where) {
    Recipe recipe;
    recipe.method = Recipe::Method::metadata;
    recipe.source = where;
    recipe.role = field(f, {"ramrolename", "ecsrolename", "rolename"});
    recipe.token_required = iequals(field(f, {"disableimdsv1"}), "true");
    return recipe;
}

Result<Recipe> oidc_recipe(const Fields& f, const std::string& where) {
    Recipe recipe;
    recipe.method = Recipe::Method::web_identity;
    recipe.source = where;
    recipe.role = role_of(f);
    recipe.oidc_provider = field(f, {"oidcproviderarn"});
    recipe.token_file = field(f, {"oidctokenfile", "oidctokenfilepath"});
    if (recipe.role.empty() || recipe.oidc_provider.empty() || recipe.token_file.empty()) {
        return bad(where, "OIDC needs a role's ARN, the provider's ARN and a token file");
    }
    TRY(take_session(f, where, recipe));
    return recipe;
}

Result<Recipe> process_recipe(const Fields& f, const std::string& where) {
    Recipe recipe;
    recipe.method = Recipe::Method::process;
    recipe.source = where;
    recipe.shell = true;
    recipe.command = field(f, {"processcommand", "credentialprocess", "credentialsprocess"});
    if (recipe.command.empty()) return bad(where, "lacks the command that prints the key");
    return recipe;
}

Result<Recipe> uri_recipe(const Fields& f, const std::string& where) {
    Recipe recipe;
    recipe.method = Recipe::Method::uri;
    recipe.source = where;
    recipe.uri = field(f, {"credentialsuri"});
    if (recipe.uri.empty()) return bad(where, "lacks the address of the key");
    TRY(check_key_address(recipe.uri, where));
    return recipe;
}

Result<Recipe> anonymous_recipe(const std::string& where) {
    Recipe recipe;
    recipe.source = where;
    recipe.key.source = where;
    return recipe;
}

// The mode of a profile that names none, by what it holds.
std::string_view guessed_mode(const Fields& f) {
    if (!field(f, {"processcommand", "credentialprocess", "credentialsprocess"}).empty()) {
        return "External";
    }
    if (!field(f, {"oidctokenfile", "oidctokenfilepath"}).empty()) return "OIDC";
    const bool has_key = !id_of(f).empty() || !secret_of(f).empty();
    if (!role_of(f).empty() && has_key) return "RamRoleArn";
    if (has_key) return "StsToken";
    if (!field(f, {"ramrolename", "ecsrolename"}).empty()) return "EcsRamRole";
    return "";
}

bool is_any(std::string_view mode, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        if (mode == name) return true;
    }
    return false;
}

}  // namespace

std::string squeeze(std::string_view name) {
    std::string plain;
    for (const char c : to_lower(name)) {
        if (c != '-' && c != '_') plain += c;
    }
    return plain;
}

Secret secret_field(const Fields& fields, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        const auto it = fields.find(name);
        if (it != fields.end() && !it->second.empty()) return it->second;
    }
    return {};
}

std::string field(const Fields& fields, std::initializer_list<std::string_view> names) {
    return std::string(secret_field(fields, names).reveal());
}

Result<std::optional<Recipe>> recipe_of_fields(const Fields& fields, std::string_view mode,
                                               const std::string& where, const BaseOf& base_of) {
    const std::string kind = squeeze(mode.empty() ? guessed_mode(fields) : mode);
    if (kind.empty()) return std::optional<Recipe>();
    if (is_any(kind, {"ak", "accesskey"})) return TRY(key_recipe(fields, where, false));
    if (is_any(kind, {"ststoken", "sts", "cloudsso", "oauth"})) {
        return TRY(key_recipe(fields, where, true));
    }
    if (kind == "ramrolearn") {
        return TRY(role_recipe(fields, where, TRY(key_recipe(fields, where, true))));
    }
    if (is_any(kind, {"ramrolearnwithrolename", "ramrolearnwithecs"})) {
        return TRY(role_recipe(fields, where, metadata_recipe(fields, where)));
    }
    if (kind == "chainableramrolearn") {
        const std::string source = field(fields, {"sourceprofile"});
        if (source.empty()) return bad(where, "lacks source_profile");
        return TRY(role_recipe(fields, where, TRY(base_of(source))));
    }
    if (is_any(kind, {"ecsramrole"})) return metadata_recipe(fields, where);
    if (is_any(kind, {"oidc", "oidcrolearn"})) return TRY(oidc_recipe(fields, where));
    if (is_any(kind, {"external", "process"})) return TRY(process_recipe(fields, where));
    if (kind == "credentialsuri") return TRY(uri_recipe(fields, where));
    if (kind == "anonymous") return TRY(anonymous_recipe(where));
    return bad(where, fmt::format("mode {} is not known here; AK, StsToken, RamRoleArn, "
                                  "EcsRamRole, OIDC, ChainableRamRoleArn, CloudSSO, External and "
                                  "CredentialsURI are",
                                  printable(mode.substr(0, 100))));
}

Result<void> check_key_address(std::string_view url, std::string_view where) {
    const bool tls = url.starts_with("https://");
    std::string_view host = url.substr(std::min(url.find("://"), url.size()));
    if (!host.empty()) host.remove_prefix(3);
    const bool has_user = host.substr(0, host.find('/')).find('@') != std::string_view::npos;
    host = host.substr(0, host.find_first_of("/?#"));
    host =
        host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
    const bool address = host.find_first_not_of("0123456789.") == std::string_view::npos;
    const bool here =
        host == "localhost" || host == "[::1]" || (address && host.starts_with("127."));
    const bool link_local = host == "100.100.100.200" || host == "[fd00:ec2::254]" ||
                            host == "[fd00:ec2::23]" || (address && host.starts_with("169.254."));
    if (!has_user && !host.empty() &&
        (tls || (url.starts_with("http://") && (here || link_local)))) {
        return {};
    }
    return fail(ErrorKind::bad_credentials,
                fmt::format("{}: an address that keys come from must be https://, or http:// on "
                            "this machine or a metadata address, without a user in it",
                            where));
}

Result<std::chrono::seconds> parse_session_seconds(std::string_view text, std::string_view where) {
    const auto number = parse_u64(text);
    if (number && *number >= 900 && *number <= 43200) {
        return std::chrono::seconds(static_cast<int64_t>(*number));
    }
    return fail(ErrorKind::bad_credentials,
                fmt::format("{}: a session lasts from 900 to 43200 seconds", where));
}

}  // namespace xbucket
