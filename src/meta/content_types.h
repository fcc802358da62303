// SPDX-FileCopyrightText: the xbucket authors
// The content type that a key's name stands for.
#pragma once

#include <string_view>

namespace xbucket {

inline constexpr std::string_view kDirectoryType = "application/x-directory";
inline constexpr std::string_view kDefaultType = "application/octet-stream";

// What S3 stores where an uploader said nothing.
inline constexpr std::string_view kUnsaidType = "binary/octet-stream";

// Never empty; points into a static table.
std::string_view content_type_of(std::string_view key);
// True for the types that tell nothing about an object of this name: not listed, as good as unset.
inline bool is_telling_nothing(std::string_view key, std::string_view type) {
    return type == content_type_of(key) || type == kUnsaidType;
}

}  // namespace xbucket
