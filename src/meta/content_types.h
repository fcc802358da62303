// SPDX-FileCopyrightText: the xbucket authors
// The content type that a key's name stands for.
#pragma once

#include <string_view>

namespace xbucket {

inline constexpr std::string_view kDirectoryType = "application/x-directory";
inline constexpr std::string_view kDefaultType = "application/octet-stream";

// Never empty; points into a static table.
std::string_view content_type_of(std::string_view key);

}  // namespace xbucket
