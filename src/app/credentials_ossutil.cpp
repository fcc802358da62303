// SPDX-FileCopyrightText: the xbucket authors
// ~/.ossutilconfig of ossutil 1 and 2 (protocol.md 9). The tools have spelled their keys in many
// ways over the years; they are compared without case, '-' and '_'.
#include "credentials_sources.h"
#include "ini.h"
#include "private_file.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <array>
#include <span>

namespace xbucket::app {
namespace {

std::string squeeze(std::string_view name) {
    std::string plain;
    for (const char c : to_lower(name)) {
        if (c != '-' && c != '_') plain += c;
    }
    return plain;
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    for (const std::string_view known : names) {
        if (name == known) return true;
    }
    return false;
}

constexpr std::array<std::string_view, 4> kIdNames = {"accesskeyid", "accessid", "accesskey", "id"};
constexpr std::array<std::string_view, 4> kSecretNames = {"accesskeysecret", "accesssecret",
                                                          "secretaccesskey", "accesskeysecretid"};
constexpr std::array<std::string_view, 4> kTokenNames = {"ststoken", "securitytoken",
                                                         "sessiontoken", "token"};
constexpr std::array<std::string_view, 2> kEndpointNames = {"endpoint", "host"};

// Whether `section` is the one asked for: "dev" is [dev] or [profile dev]; without a name, ossutil
// 1's [Credentials] and ossutil 2's [default].
bool is_wanted(std::string_view section, const std::string& profile) {
    if (profile.empty()) return iequals(section, "Credentials") || iequals(section, "default");
    return section == profile || section == fmt::format("profile {}", profile);
}

struct Sections {
    LoadedProfile loaded;
    std::string mode;
    bool found = false;
};

void take(const IniEntry& entry, const std::string& profile, const std::string& bucket,
          Sections& out) {
    if (iequals(entry.section, "Bucket-Endpoint") || iequals(entry.section, "Bucket-Cname")) {
        if (entry.name != bucket || bucket.empty()) return;
        out.loaded.hints.endpoint = entry.value;
        out.loaded.hints.cname = iequals(entry.section, "Bucket-Cname");
        return;
    }
    if (!is_wanted(entry.section, profile)) return;
    out.found = true;
    Credentials& credentials = out.loaded.credentials;
    const std::string name = squeeze(entry.name);
    if (is_one_of(name, kIdNames)) {
        credentials.access_key_id = entry.value;
    } else if (is_one_of(name, kSecretNames)) {
        credentials.access_key_secret = Secret(entry.value);
    } else if (is_one_of(name, kTokenNames)) {
        credentials.session_token = Secret(entry.value);
    } else if (is_one_of(name, kEndpointNames)) {
        // A bucket's own line wins over the general one, wherever it stands.
        if (out.loaded.hints.endpoint.empty()) out.loaded.hints.endpoint = entry.value;
    } else if (name == "region") {
        out.loaded.hints.region = entry.value;
    } else if (name == "mode") {
        out.mode = entry.value;
    }
}

}  // namespace

Result<LoadedProfile> load_ossutil(const std::string& path, const std::string& profile,
                                   const std::string& bucket) {
    const PrivateFile file = TRY(read_private_file(path));
    auto entries = parse_ini(file.text);
    if (!entries) return std::move(entries).error().with_context(path);
    Sections sections;
    for (const IniEntry& entry : *entries) take(entry, profile, bucket, sections);
    if (!sections.found) {
        return fail(
            ErrorKind::bad_credentials,
            fmt::format("{} has no section [{}]", path, profile.empty() ? "Credentials" : profile));
    }
    Credentials& credentials = sections.loaded.credentials;
    const bool static_key =
        sections.mode.empty() || iequals(sections.mode, "AK") || iequals(sections.mode, "StsToken");
    if (!static_key) {
        return fail(ErrorKind::bad_credentials,
                    fmt::format("{}: mode = {} is not supported yet; give an access key or an STS "
                                "token",
                                path, printable(sections.mode)));
    }
    if (credentials.access_key_id.empty() || credentials.access_key_secret.empty()) {
        return fail(
            ErrorKind::bad_credentials,
            fmt::format("{} lacks accessKeyID or accessKeySecret; run: ossutil config", path));
    }
    TRY(check_unreadable_by_others(file));
    credentials.source = path;
    return std::move(sections.loaded);
}

}  // namespace xbucket::app
