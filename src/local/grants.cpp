// SPDX-FileCopyrightText: the xbucket authors
#include "grants.h"

#include "reply.h"
#include "xml_writer.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>
#include <vector>

namespace xbucket::local {

namespace {

// As in XML, and as headers and stored texts spell it.
struct Permission {
    std::string_view xml;
    std::string_view word;
};
constexpr std::array<Permission, 5> kPermissions = {{{"FULL_CONTROL", "full-control"},
                                                     {"READ", "read"},
                                                     {"WRITE", "write"},
                                                     {"READ_ACP", "read-acp"},
                                                     {"WRITE_ACP", "write-acp"}}};

struct Grant {
    std::string_view permission;  // the word
    bool group = false;
    std::string name;  // id or URI
    friend auto operator<=>(const Grant&, const Grant&) = default;
};
using Grants = std::set<Grant>;

std::string group(std::string_view name) { return std::string(kGroups).append(name); }

// 'id="A", uri="U"' to grants; false where it is something else.
bool take_grantees(std::string_view text, std::string_view permission, Grants& into) {
    while (!text.empty()) {
        const size_t equals = text.find("=\"");
        if (equals == std::string_view::npos) return false;
        const std::string_view kind = text.substr(0, equals);
        const size_t end = text.find('"', equals + 2);
        if ((kind != "id" && kind != "uri") || end == std::string_view::npos) return false;
        into.insert(
            {permission, kind == "uri", std::string(text.substr(equals + 2, end - equals - 2))});
        text.remove_prefix(end + 1);
        while (!text.empty() && (text.front() == ',' || text.front() == ' ')) text.remove_prefix(1);
    }
    return true;
}

std::string stored_text(const Grants& grants) {
    std::map<std::string_view, std::string> said;
    for (const Grant& grant : grants) {
        std::string& grantees = said[grant.permission];
        grantees += grantees.empty() ? "" : ",";
        grantees += fmt::format("{}=\"{}\"", grant.group ? "uri" : "id", grant.name);
    }
    std::string text;
    for (const auto& [permission, grantees] : said) {
        text += text.empty() ? "" : ";";
        text.append(permission).append("=").append(grantees);
    }
    return text;
}

Grants grants_of(std::string_view acl) {
    Grants grants;
    if (acl.find('=') == std::string_view::npos) {
        grants.insert({"full-control", false, std::string(kOwner)});
        if (acl.starts_with("public-read")) grants.insert({"read", true, group("AllUsers")});
        if (acl == "public-read-write") grants.insert({"write", true, group("AllUsers")});
        if (acl == "authenticated-read") grants.insert({"read", true, group("AuthenticatedUsers")});
        return grants;
    }
    while (!acl.empty()) {
        const size_t end = std::min(acl.find(';'), acl.size());
        const std::string_view item = acl.substr(0, end);
        acl.remove_prefix(std::min(end + 1, acl.size()));
        const size_t equals = std::min(item.find('='), item.size());
        for (const Permission& known : kPermissions)
            if (known.word == item.substr(0, equals))
                take_grantees(item.substr(std::min(equals + 1, item.size())), known.word, grants);
    }
    return grants;
}

}  // namespace

Outcome<std::string> grants_from_headers(const Request& request) {
    Grants grants;
    if (request.oss()) return std::string();
    for (const Permission& known : kPermissions) {
        const std::string_view value = request.ext("grant-" + std::string(known.word));
        if (value.empty()) continue;
        if (known.word == "write" || !take_grantees(value, known.word, grants))
            return invalid_argument("Argument format not recognized",
                                    "x-amz-grant-" + std::string(known.word), std::string(value));
    }
    if (!grants.empty() && !request.ext("acl").empty())
        return Refusal(400, "InvalidRequest",
                       "Specifying both Canned ACLs and Header Grants is not allowed");
    return stored_text(grants);
}

Outcome<std::string> acl_from_policy(const XmlElement& policy) {
    const auto lists = policy.children("AccessControlList");
    if (lists.size() != 1) return malformed_xml();
    Grants grants;
    for (const auto& grant : lists.front().children("Grant")) {
        const auto grantees = grant.children("Grantee");
        if (grantees.size() != 1) return malformed_xml();
        const std::string uri = grantees.front().text("URI");
        std::string_view word;
        for (const Permission& known : kPermissions)
            if (known.xml == grant.text("Permission")) word = known.word;
        if (word.empty()) return malformed_xml();
        grants.insert({word, !uri.empty(), uri.empty() ? grantees.front().text("ID") : uri});
    }
    for (const std::string_view canned :
         {"", "public-read", "public-read-write", "authenticated-read"})
        if (grants == grants_of(canned)) return std::string(canned);
    return stored_text(grants);
}

std::string grants_xml(std::string_view acl) {
    std::string out;
    for (const Grant& grant : grants_of(acl)) {
        out +=
            "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"";
        out += grant.group ? "Group\"><URI>" : "CanonicalUser\"><ID>";
        XmlWriter::escape(out, grant.name);
        out += grant.group ? "</URI>" : "</ID><DisplayName>";
        if (!grant.group) {
            XmlWriter::escape(out, grant.name);
            out += "</DisplayName>";
        }
        for (const Permission& known : kPermissions)
            if (known.word == grant.permission)
                out += fmt::format("</Grantee><Permission>{}</Permission></Grant>", known.xml);
    }
    return out;
}

bool is_public(std::string_view acl) {
    const Grants grants = grants_of(acl);
    return grants.contains({"read", true, group("AllUsers")}) ||
           grants.contains({"full-control", true, group("AllUsers")});
}

}  // namespace xbucket::local
