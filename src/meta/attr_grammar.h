// SPDX-FileCopyrightText: the xbucket authors
// The grammar of attribute names (the table of DESIGN 2) without allocations: what
// AttrName::parse() and the cached read path share. Pure.
#pragma once

#include "xbucket/meta/attributes.h"

#include <optional>
#include <string_view>

namespace xbucket {

// As AttrName, pointing into the text that was parsed.
struct AttrNameView {
    AttrKind kind = AttrKind::foreign;
    std::string_view bare;
    HttpField field = HttpField::content_type;
    unsigned url_seconds = 3600;
};

// nullopt: a name in user. that cannot exist.
std::optional<AttrNameView> parse_attr_name(std::string_view xattr_name);

// True for attribute names that must be spelled user.meta.NAME because user.NAME means something
// else.
bool is_reserved_word(std::string_view attribute_name);

// The longest xattr name that Linux takes, "user." included.
inline constexpr size_t kXattrNameMax = 255;
inline constexpr std::string_view kUserPrefix = "user.";

}  // namespace xbucket
