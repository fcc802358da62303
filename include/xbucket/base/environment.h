// SPDX-FileCopyrightText: the xbucket authors
// The process environment as a value, read once at the start. Nobody below app reads the
// environment, and after the snapshot its secrets are gone from the process's own copy.
#pragma once

#include "xbucket/base/secret.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

class Environment {
  public:
    Environment() = default;
    explicit Environment(const std::map<std::string, std::string>& values);

    // Unset and empty are the same: nobody means a setting by an empty variable.
    std::optional<std::string_view> get(std::string_view name) const;
    // The first of `names` that is set, else "".
    std::string first_of(std::initializer_list<std::string_view> names) const;
    // Every variable whose name starts with `prefix`.
    std::map<std::string, std::string> with_prefix(std::string_view prefix) const;
    // $HOME, else the account's, else "".
    std::string home() const;

    // The same, with the values of `names` as paths that stay what they are when this process goes
    // to another directory.
    Environment with_absolute_paths(std::initializer_list<std::string_view> names) const;

    // Copies the whole environment of this process.
    static Environment snapshot();

  private:
    std::map<std::string, Secret, std::less<>> values_;  // Secret: wiped when it goes
};

// Overwrites the values of all variables that may hold a secret and unsets them, so that neither
// /proc/PID/environ nor a child process shows them. Call before any thread starts.
void scrub_environment();
// Whether scrub_environment() removes this name.
bool is_secret_variable(std::string_view name);

}  // namespace xbucket
