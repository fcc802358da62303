// SPDX-FileCopyrightText: the xbucket authors
// ~/.ossutilconfig of ossutil 1 and 2 (protocol.md 9). The tools have spelled their keys in many
// ways over the years; they are compared without case, '-' and '_'.
#include "shape.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/ini.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

// Whether `section` is the one asked for: "dev" is [dev] or [profile dev]; without a name, ossutil
// 1's [Credentials] and ossutil 2's [default].
bool is_wanted(std::string_view section, const std::string& profile) {
    if (profile.empty()) return iequals(section, "Credentials") || iequals(section, "default");
    return section == profile || section == fmt::format("profile {}", profile);
}

struct Sections {
    Fields fields;
    ServiceHints hints;
    std::string mode;
    std::string service_url;  // [AkService] ecsAk
    bool found = false;
};

void take(IniEntry& entry, const std::string& profile, const std::string& bucket, Sections& out) {
    if (iequals(entry.section, "Bucket-Endpoint") || iequals(entry.section, "Bucket-Cname")) {
        if (entry.name != bucket || bucket.empty()) return;
        out.hints.endpoint = entry.value.reveal();
        out.hints.cname = iequals(entry.section, "Bucket-Cname");
        return;
    }
    const std::string name = squeeze(entry.name);
    if (iequals(entry.section, "AkService") && name == "ecsak")
        out.service_url = entry.value.reveal();
    if (!is_wanted(entry.section, profile)) return;
    out.found = true;
    if (name == "endpoint" || name == "host") {
        // A bucket's own line wins over the general one, wherever it stands.
        if (out.hints.endpoint.empty()) out.hints.endpoint = entry.value.reveal();
    } else if (name == "region") {
        out.hints.region = entry.value.reveal();
    } else if (name == "mode") {
        out.mode = entry.value.reveal();
    } else {
        out.fields.insert_or_assign(name, std::move(entry.value));
    }
}

}  // namespace

Result<LoadedProfile> parse_ossutil(std::string_view text, const std::string& path,
                                    const std::string& profile, const std::string& bucket) {
    auto entries = parse_ini(text);
    if (!entries) return std::move(entries).error().with_context(path);
    Sections sections;
    for (IniEntry& entry : *entries) take(entry, profile, bucket, sections);
    if (!sections.found && (!profile.empty() || sections.service_url.empty())) {
        return fail(ErrorKind::not_found, fmt::format("{} has no section [{}]", path,
                                                      profile.empty() ? "Credentials" : profile));
    }
    const std::string where =
        profile.empty() ? path : fmt::format("{} [{}]", path, printable(profile));
    LoadedProfile loaded;
    loaded.hints = std::move(sections.hints);
    const BaseOf none = [&](const std::string&) -> Result<Recipe> {
        return fail(ErrorKind::bad_credentials,
                    fmt::format("{}: source_profile has no meaning in this file", where));
    };
    loaded.recipe = TRY(recipe_of_fields(sections.fields, sections.mode, where, none));
    if (!loaded.recipe && !sections.service_url.empty()) {
        TRY(check_key_address(sections.service_url, fmt::format("{} [AkService]", path)));
        loaded.recipe = Recipe{.method = Recipe::Method::uri, .source = where};
        loaded.recipe->uri = sections.service_url;
    }
    return loaded;
}

}  // namespace xbucket
