// SPDX-FileCopyrightText: the xbucket authors
// The INI dialect that ossutil, the AWS tools and xbucket.conf share: "[section]", "key = value",
// lines of '#' or ';' as comments. A value goes to the end of its line: secrets hold '#' and '"'.
// An indented line behind "key =" is nested, as AWS writes it: its name becomes "key.name".
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"

#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

struct IniEntry {
    std::string section;  // "" before the first
    std::string name;
    Secret value;  // any of them may be a key
    unsigned line = 0;
};

// Errors: invalid_argument with the line's number, never its text, which may be a secret.
Result<std::vector<IniEntry>> parse_ini(std::string_view text);

}  // namespace xbucket
