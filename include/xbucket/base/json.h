// SPDX-FileCopyrightText: the xbucket authors
// Writing JSON by hand, where a library would be too much. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace xbucket {

// A JSON string with its quotes: what printable() gives of `bytes`, so that any bytes will do.
std::string json_string(std::string_view bytes);

}  // namespace xbucket
