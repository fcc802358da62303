// SPDX-FileCopyrightText: the xbucket authors
// S3's grants beyond canned ACLs, stored in place of a canned name as one text: the x-amz-grant-*
// headers, 'full-control=id="xbucket";read=uri="..."'.
#pragma once

#include "outcome.h"
#include "request.h"
#include "xml_reader.h"

#include <string>
#include <string_view>

namespace xbucket::local {

// The owner of everything here.
inline constexpr std::string_view kOwner = "xbucket";
inline constexpr std::string_view kGroups = "http://acs.amazonaws.com/groups/global/";

// What the request's x-amz-grant-* headers grant; "" = it has none. Refusals: InvalidArgument,
// InvalidRequest (a canned ACL as well).
Outcome<std::string> grants_from_headers(const Request& request);
// The canned name of the grants in an AccessControlPolicy, in stored form, or their text.
Outcome<std::string> acl_from_policy(const XmlElement& policy);
// <Grant> elements of an ACL in stored form.
std::string grants_xml(std::string_view acl);
// Whether everybody may read an object of that ACL.
bool is_public(std::string_view acl);

}  // namespace xbucket::local
