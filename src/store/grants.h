// SPDX-FileCopyrightText: the xbucket authors
// S3's grants of an object. An ACL is one text above the store: the canned name that makes its
// grants, or the grants themselves as the x-amz-grant-* headers spell them:
//
//     full-control=id="OWNER";read=id="A",uri="http://acs.amazonaws.com/groups/..."
//
// Permissions and grantees in order, so that equal ACLs are equal texts.
#pragma once

#include "xbucket/base/result.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

struct AclGrant {
    std::string permission;  // "FULL_CONTROL", "READ", ...
    std::string group;       // its URI; "" = a user
    std::string user;        // the canonical id
};

// Errors: unsupported where neither a canned name nor headers can say it.
Result<std::string> acl_of_grants(const std::vector<AclGrant>& grants, std::string_view owner);
// Whether it is no canned name.
inline bool is_grants(std::string_view acl) { return acl.find('=') != std::string_view::npos; }
// Permission as headers end ("full-control") and the header's value. Errors: invalid_argument.
Result<std::vector<std::pair<std::string, std::string>>> read_grants(std::string_view acl);

}  // namespace xbucket
