// SPDX-FileCopyrightText: the xbucket authors
// Attribute names <-> metadata names (protocol.md 4.3: OSS takes [a-z0-9-], we make [a-z0-9.-] on
// S3). A byte that the dialect allows stands as it is, any other becomes "--" and two hex digits:
// user.my_name <-> x-oss-meta-my--5fname.
//
// The mapping is a bijection between byte strings without NUL and *all* strings over the raw
// alphabet: a "--HH" is an escape only where the encoder would have made one (HH is a byte that
// cannot stand raw), everything else reads as it stands. A literal '-' that would begin an escape
// is itself escaped ("--2d"), and "--2d" is an escape only where that is so. Both directions are
// therefore decided from the right: what a position means depends on nothing but what follows it.
#pragma once

#include "xbucket/store/object_types.h"

#include <bitset>
#include <string>
#include <string_view>

namespace xbucket {

using RawAlphabet = std::bitset<256>;

// '-' and the hex digits are always in it: the escapes are made of them.
RawAlphabet make_raw_alphabet(std::string_view characters);

std::string encode_metadata_name(const RawAlphabet& raw, std::string_view attribute_name);
// Names with bytes outside the alphabet (somebody else's, on S3) are given back literally.
std::string decode_metadata_name(const RawAlphabet& raw, std::string_view metadata_name);

// Which attribute name a header of this object shows under: the decoded one, except where another
// client's header with raw foreign characters already *is* that name ("my_name" beside
// "my--5fname" on S3). Then the encoded one shows as it is spelled, so that both are visible and
// no two headers share a name.
std::string shown_name(const RawAlphabet& raw, const UserMetadata& user,
                       std::string_view metadata_name);
// The entry of `user` that shows under `attribute_name`, or end(). Where there is none,
// encode_metadata_name() is free to be added.
UserMetadata::const_iterator find_shown(const RawAlphabet& raw, const UserMetadata& user,
                                        std::string_view attribute_name);

}  // namespace xbucket
