// SPDX-FileCopyrightText: the xbucket authors
// Attribute names and changes as they are written on a command line: "user." may be left out, and
// NAME=VALUE sets one. Pure.
#pragma once

#include "xbucket/base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

// "year" and "user.year" to "user.year"; "http.expires" to "user.http.expires".
std::string with_user_prefix(std::string_view name);

// Linux's limit for names of attributes: what is longer, no mount can show.
// Errors: name_too_long.
Result<void> check_name_fits(std::string_view name);

struct AttributeWord {
    std::string name;                  // with "user."
    std::optional<std::string> value;  // nullopt: remove it
    friend bool operator==(const AttributeWord&, const AttributeWord&) = default;
};

// The words of `set` and `unset`: the changes in front, paths behind.
struct ChangeWords {
    std::vector<AttributeWord> changes;
    std::vector<std::string> paths;
};
// Words up to the first without '=' (or with a '/' before it) are changes: "./a=b" is a path.
// Errors: invalid_argument (no change, no path, a bad name, a name twice).
Result<ChangeWords> split_set_words(const std::vector<std::string>& words);
// The first word is a name, and so is each that follows it and begins with "user.", "http.", "tag."
// or "meta."; the rest are paths. Errors: invalid_argument.
Result<ChangeWords> split_unset_words(const std::vector<std::string>& words);

}  // namespace xbucket::app
