// SPDX-FileCopyrightText: the xbucket authors
#include "grants.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace xbucket {
namespace {

constexpr std::string_view kAllUsers = "http://acs.amazonaws.com/groups/global/AllUsers";
constexpr std::string_view kSignedInUsers =
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

// What a request can grant on an object, as the headers spell it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPermissions = {{
    {"FULL_CONTROL", "full-control"},
    {"READ", "read"},
    {"READ_ACP", "read-acp"},
    {"WRITE_ACP", "write-acp"},
}};

// The name that makes them: the owner's own, and one group's. "" = none does.
std::string canned_name(const std::vector<AclGrant>& grants, std::string_view owner) {
    std::set<std::string> others;
    for (const AclGrant& grant : grants) {
        std::string who = "other";
        if (grant.group == kAllUsers) who = "all";
        if (grant.group == kSignedInUsers) who = "signed-in";
        if (grant.group.empty() && grant.user == owner) who = "owner";
        others.insert(who + " " + grant.permission);
    }
    others.erase("owner FULL_CONTROL");
    using Grants = std::set<std::string>;
    if (others.empty()) return "private";
    if (others == Grants{"all READ"}) return "public-read";
    if (others == Grants{"all READ", "all WRITE"}) return "public-read-write";
    if (others == Grants{"signed-in READ"}) return "authenticated-read";
    return "";
}

bool is_plain(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != ',' && c != ';';
    });
}

Error unsaid(std::string_view why) {
    return fail(ErrorKind::unsupported,
                "the object's ACL has grants that no canned name describes" + std::string(why));
}

}  // namespace

Result<std::string> acl_of_grants(const std::vector<AclGrant>& grants, std::string_view owner) {
    if (std::string name = canned_name(grants, owner); !name.empty()) return name;
    std::map<std::string_view, std::set<std::string>> said;
    for (const AclGrant& grant : grants) {
        const auto* const permission =
            std::find_if(kPermissions.begin(), kPermissions.end(),
                         [&](const auto& known) { return known.first == grant.permission; });
        if (permission == kPermissions.end()) return unsaid(", and that no request can make");
        const std::string& name = grant.group.empty() ? grant.user : grant.group;
        if (!is_plain(name)) return unsaid(", to somebody without an id");
        said[permission->second].insert((grant.group.empty() ? "id=\"" : "uri=\"") + name + "\"");
    }
    std::string acl;
    for (const auto& [permission, grantees] : said) {
        if (!acl.empty()) acl += ';';
        acl.append(permission);
        char before = '=';
        for (const std::string& grantee : grantees) {
            acl.append(1, before).append(grantee);
            before = ',';
        }
    }
    return acl;
}

Result<std::vector<std::pair<std::string, std::string>>> read_grants(std::string_view acl) {
    std::vector<std::pair<std::string, std::string>> headers;
    while (!acl.empty()) {
        const size_t end = std::min(acl.find(';'), acl.size());
        const std::string_view item = acl.substr(0, end);
        acl.remove_prefix(std::min(end + 1, acl.size()));
        const size_t equals = std::min(item.find('='), item.size());
        const bool known = std::any_of(
            kPermissions.begin(), kPermissions.end(),
            [&](const auto& permission) { return permission.second == item.substr(0, equals); });
        if (!known || equals + 1 >= item.size())
            return fail(ErrorKind::invalid_argument,
                        "an ACL is a canned name, or grants as full-control=id=\"...\"");
        headers.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    }
    return headers;
}

}  // namespace xbucket
