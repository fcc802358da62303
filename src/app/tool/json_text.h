// SPDX-FileCopyrightText: the xbucket authors
// JSON as the commands print it: one object a line. Values of attributes are any bytes; those that
// are not UTF-8 stand as {"base64": "..."}.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace xbucket::app {

// Members in the order in which they are added.
using Json = nlohmann::ordered_json;

Json json_of_bytes(const std::string& bytes);
// With a line end; bytes that are no UTF-8 become the replacement character.
std::string json_line(const Json& json);

}  // namespace xbucket::app
