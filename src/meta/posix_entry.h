// SPDX-FileCopyrightText: the xbucket authors
// Which entries of user metadata are recorded POSIX state, told by name *and* value: a `mode` that
// is no number is an attribute that somebody set, which we list and never overwrite.
#pragma once

#include "xbucket/meta/posix_record.h"

#include <array>
#include <string_view>

namespace xbucket {

bool is_posix_entry(std::string_view metadata_name, std::string_view header_value);

// What is given up first when space runs out. `mode` is last: it may say "symbolic link".
inline constexpr std::array<std::string_view, 6> kPosixNamesByWorth = {"ctime", "atime", "mtime",
                                                                       "gid",   "uid",   "mode"};
// Unsets the member that `name` (one of the above) records.
void clear_member(PosixRecord& record, std::string_view name);

// What was recorded in `before` and has no entry in `after`.
PosixRecord lost_between(const ObjectAttributes& before, const ObjectAttributes& after);
// What of `record` is not in `attributes`, an entry of somebody's own apart, which it never
// replaces.
PosixRecord not_recorded_in(const ObjectAttributes& attributes, const PosixRecord& record);

}  // namespace xbucket
