// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/environment.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace xbucket {
namespace {

constexpr std::array<std::string_view, 11> kSecretVariables = {
    "OSS_ACCESS_KEY_ID",
    "OSS_ACCESS_KEY_SECRET",
    "OSS_SESSION_TOKEN",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
};

}  // namespace

Environment::Environment(const std::map<std::string, std::string>& values) {
    for (const auto& [name, value] : values) values_.emplace(name, Secret(value));
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
    const auto it = values_.find(name);
    if (it == values_.end() || it->second.empty()) return std::nullopt;
    return it->second.reveal();
}

std::string Environment::first_of(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
        if (const auto value = get(name)) return std::string(*value);
    }
    return {};
}

std::map<std::string, std::string> Environment::with_prefix(std::string_view prefix) const {
    std::map<std::string, std::string> found;
    for (auto it = values_.lower_bound(prefix);
         it != values_.end() && it->first.starts_with(prefix); ++it) {
        found.emplace(it->first, it->second.reveal());
    }
    return found;
}

std::string Environment::home() const {
    if (const auto home = get("HOME")) return std::string(*home);
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16384);
    if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found)
        return {};
    return found->pw_dir ? found->pw_dir : "";
}

Environment Environment::with_absolute_paths(std::initializer_list<std::string_view> names) const {
    Environment copy = *this;
    for (const std::string_view name : names) {
        const auto path = get(name);
        if (!path) continue;
        std::error_code error;
        const auto absolute = std::filesystem::absolute(*path, error);
        if (!error) copy.values_.insert_or_assign(std::string(name), Secret(absolute.string()));
    }
    return copy;
}

Environment Environment::snapshot() {
    Environment copy;
    for (char** variable = environ; variable && *variable; ++variable) {
        const std::string_view text = *variable;
        const size_t equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        copy.values_.emplace(text.substr(0, equals), Secret(text.substr(equals + 1)));
    }
    return copy;
}

bool is_secret_variable(std::string_view name) {
    for (const std::string_view secret : kSecretVariables) {
        if (name == secret) return true;
    }
    return false;
}

void scrub_environment() {
    for (const std::string_view name : kSecretVariables) {
        // The value lies in the memory that /proc/PID/environ shows: unsetenv alone leaves it
        // there.
        if (char* value = std::getenv(name.data())) {
            explicit_bzero(value, std::strlen(value));
            unsetenv(name.data());
        }
    }
}

}  // namespace xbucket
