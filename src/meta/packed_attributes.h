// SPDX-FileCopyrightText: the xbucket authors
// Attributes that s3fs and ossfs 1 keep together in one metadata entry, "xattr" (peers.md 1a):
// URL-encoded {"user.year":"MjAyMQ==",...}, names as the kernel gave them and not escaped, values
// in base64. We show them as what they are; the first change of an attribute makes plain entries of
// them. What no entry can say (names outside user., names that stand for POSIX state, a name that
// another entry has with another value) stays packed, and can be read as user.xattr. Pure.
#pragma once

#include "name_codec.h"

#include "xbucket/store/object_types.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// The metadata entry, and the attribute name under which it can be read as it is.
inline constexpr std::string_view kPackedEntry = "xattr";

// Full xattr names ("user.year") to values.
using PackedAttributes = std::map<std::string, std::string, std::less<>>;

// nullopt: no such entry, or one that is something else, an attribute like any other.
std::optional<PackedAttributes> read_packed(const UserMetadata& user);
// The entry's value, as s3fs spells it.
std::string write_packed(const PackedAttributes& packed);

// The value of attribute `name` ("year") that is only there packed: no other entry shows under it.
std::optional<std::string> find_packed(const RawAlphabet& raw, const UserMetadata& user,
                                       std::string_view name);
// The attribute names that find_packed() finds.
std::vector<std::string> packed_names(const RawAlphabet& raw, const UserMetadata& user,
                                      const PackedAttributes& packed);
// Whether the entry holds anything that no attribute shows, so that it is listed itself.
bool holds_more(const RawAlphabet& raw, const UserMetadata& user, const PackedAttributes& packed);

// Makes plain entries of what is packed, attribute `except` apart, which is dropped. The entry goes
// when nothing stays in it.
void unpack_all(const RawAlphabet& raw, std::string_view except, UserMetadata& user);
// Drops attribute `name` from what is packed and leaves the rest as it is.
void drop_packed(std::string_view name, UserMetadata& user);

}  // namespace xbucket
