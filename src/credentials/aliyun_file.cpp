// SPDX-FileCopyrightText: the xbucket authors
// ~/.aliyun/config.json (JSON, one object a profile) and ~/.alibabacloud/credentials (INI, one
// section a profile) of Alibaba Cloud's CLI and SDKs (protocol.md 9).
#include "json.h"
#include "shape.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/ini.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

class AliyunProfiles {
  public:
    AliyunProfiles(const Json& config, const std::string& path) : config_(config), path_(path) {}

    const Json* find(const std::string& name) const {
        const auto all = config_.find("profiles");
        if (all == config_.end() || !all->is_array()) return nullptr;
        for (const Json& one : *all) {
            if (one.is_object() && text_member(one, "name").value_or("") == name) return &one;
        }
        return nullptr;
    }

    Result<std::optional<Recipe>> recipe(const std::string& name) {
        if (std::find(trail_.begin(), trail_.end(), name) != trail_.end()) {
            return fail(ErrorKind::bad_credentials,
                        fmt::format("{}: source_profile leads back to profile '{}'", path_,
                                    printable(name)));
        }
        if (trail_.size() >= kRoleChainMax) {
            return fail(ErrorKind::bad_credentials,
                        fmt::format("{}: more than {} profiles build on one another", path_,
                                    kRoleChainMax));
        }
        const Json* const profile = find(name);
        if (profile == nullptr) {
            return fail(trail_.empty() ? ErrorKind::not_found : ErrorKind::bad_credentials,
                        fmt::format("{} has no profile '{}'", path_, printable(name)));
        }
        trail_.push_back(name);
        const auto base_of = [this](const std::string& base) -> Result<Recipe> {
            auto found = TRY(recipe(base));
            if (found) return std::move(*found);
            return fail(ErrorKind::bad_credentials,
                        fmt::format("{}: profile '{}' has no key", path_, printable(base)));
        };
        auto made =
            recipe_of_fields(fields_of(*profile), text_member(*profile, "mode").value_or(""),
                             fmt::format("{} [{}]", path_, printable(name)), base_of);
        trail_.pop_back();
        return made;
    }

  private:
    static Fields fields_of(const Json& profile) {
        Fields fields;
        for (const auto& [name, value] : profile.items()) {
            if (value.is_string()) {
                fields.insert_or_assign(squeeze(name), Secret(value.get_ref<const std::string&>()));
            } else if (const auto number = number_member(profile, name)) {
                fields.insert_or_assign(squeeze(name), Secret(fmt::to_string(*number)));
            }
        }
        return fields;
    }

    const Json& config_;
    const std::string& path_;
    std::vector<std::string> trail_;
};

}  // namespace

Result<LoadedProfile> parse_aliyun(std::string_view text, const std::string& path,
                                   const std::string& profile) {
    auto config = parse_json_object(text, path);
    if (!config) {
        return fail(ErrorKind::invalid_argument, std::move(config).error().message);
    }
    std::string name = profile;
    if (name.empty()) name = text_member(**config, "current").value_or("default");
    AliyunProfiles profiles(**config, path);
    LoadedProfile loaded;
    const Json* const chosen = profiles.find(name);
    // `aliyun` itself makes a first profile without anything in it.
    if (chosen == nullptr && profile.empty()) return loaded;
    if (chosen != nullptr) {
        loaded.hints.region = text_member(*chosen, "region_id").value_or("");
        const bool empty = text_member(*chosen, "access_key_id").value_or("").empty() &&
                           text_member(*chosen, "mode").value_or("AK") == "AK";
        if (empty && profile.empty()) return loaded;
    }
    loaded.recipe = TRY(profiles.recipe(name));
    if (profile.empty()) loaded.current = name;
    return loaded;
}

Result<LoadedProfile> parse_alibaba(std::string_view text, const std::string& path,
                                    const std::string& profile) {
    auto entries = parse_ini(text);
    if (!entries) return std::move(entries).error().with_context(path);
    const std::string name = profile.empty() ? "default" : profile;
    Fields fields;
    std::string type;
    bool found = false;
    LoadedProfile loaded;
    for (IniEntry& entry : *entries) {
        if (entry.section != name) continue;
        found = true;
        const std::string key = squeeze(entry.name);
        if (key == "type") {
            type = entry.value.reveal();
        } else if (key == "regionid") {
            loaded.hints.region = entry.value.reveal();
        } else if (key == "enable" && iequals(entry.value.reveal(), "false")) {
            return profile.empty() ? Result<LoadedProfile>(LoadedProfile())
                                   : fail(ErrorKind::bad_credentials,
                                          fmt::format("{}: profile '{}' has enable = false", path,
                                                      printable(name)));
        } else {
            fields.insert_or_assign(key, std::move(entry.value));
        }
    }
    if (!found) {
        if (profile.empty()) return loaded;
        return fail(ErrorKind::not_found,
                    fmt::format("{} has no profile '{}'", path, printable(name)));
    }
    const std::string where = fmt::format("{} [{}]", path, printable(name));
    const BaseOf none = [&](const std::string&) -> Result<Recipe> {
        return fail(ErrorKind::bad_credentials,
                    fmt::format("{}: source_profile has no meaning in this file", where));
    };
    loaded.recipe = TRY(recipe_of_fields(fields, type, where, none));
    return loaded;
}

}  // namespace xbucket
