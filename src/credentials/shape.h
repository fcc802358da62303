// SPDX-FileCopyrightText: the xbucket authors
// What the parsers of files share: recipes from fields that each tool spells in its own way.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/credentials/find.h"

#include <map>
#include <string>
#include <string_view>

namespace xbucket {

// A profile's fields by the names that Alibaba's tools share once case, '-' and '_' are gone:
// "accesskeyid", "accesskeysecret", "ststoken", "ramrolearn", ...
using Fields = std::map<std::string, Secret, std::less<>>;
std::string squeeze(std::string_view name);
// The first that is set, else "".
std::string field(const Fields& fields, std::initializer_list<std::string_view> names);
Secret secret_field(const Fields& fields, std::initializer_list<std::string_view> names);

// "AK", "StsToken", "RamRoleArn", "EcsRamRole", "RamRoleArnWithRoleName", "OIDC",
// "ChainableRamRoleArn", "CloudSSO", "OAuth", "External", "CredentialsURI", "Anonymous", and the
// types of ~/.alibabacloud/credentials; "" is judged by the fields. `where` begins messages: file
// and section. nullopt: the profile speaks of no key at all. `base_of` finds the recipe of another
// profile (ChainableRamRoleArn). Errors: bad_credentials.
using BaseOf = std::function<Result<Recipe>(const std::string& profile)>;
Result<std::optional<Recipe>> recipe_of_fields(const Fields& fields, std::string_view mode,
                                               const std::string& where, const BaseOf& base_of);

// "3600" of a setting for a session's life. Errors: bad_credentials when no number from 900 to
// 43200.
Result<std::chrono::seconds> parse_session_seconds(std::string_view text, std::string_view where);

}  // namespace xbucket
