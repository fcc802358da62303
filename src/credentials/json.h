// SPDX-FileCopyrightText: the xbucket authors
// JSON from files, programs and services, which may be broken or hostile: bounded before it is
// parsed, and never quoted in a message, because it holds secrets.
#pragma once

#include "xbucket/base/result.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

using Json = nlohmann::json;

inline constexpr size_t kJsonBytesMax = 256U << 10;
inline constexpr unsigned kJsonDepthMax = 16;

// An object whose texts are wiped when it goes.
class SecretJson {
  public:
    explicit SecretJson(Json json) : json_(std::move(json)) {}
    SecretJson(SecretJson&& other) noexcept : json_(std::move(other.json_)) {}
    SecretJson& operator=(SecretJson&&) = delete;
    ~SecretJson();
    const Json& operator*() const { return json_; }
    const Json* operator->() const { return &json_; }

  private:
    Json json_;
};

// Errors: bad_reply ("WHAT is no JSON object", too long, too deep).
Result<SecretJson> parse_json_object(std::string_view text, std::string_view what);

// Members of an object by name; nothing when it is not there or of another type. Empty is nothing.
std::optional<std::string> text_member(const Json& object, std::string_view name);
// The first of them that is there, else "".
std::string first_text(const Json& object, std::initializer_list<std::string_view> names);
// A whole number, also one in quotes.
std::optional<int64_t> number_member(const Json& object, std::string_view name);

}  // namespace xbucket
