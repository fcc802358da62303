// SPDX-FileCopyrightText: the xbucket authors
#include "json.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/secret.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

// Brackets outside of strings: a walk without memory, before a tree is built.
bool is_too_deep(std::string_view text) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        if ((c == '{' || c == '[') && ++depth > kJsonDepthMax) return true;
        if ((c == '}' || c == ']') && depth > 0) --depth;
    }
    return false;
}

void wipe_texts(Json& json) {
    if (json.is_string()) wipe(json.get_ref<std::string&>());
    if (!json.is_structured()) return;
    for (Json& member : json) wipe_texts(member);
}

}  // namespace

SecretJson::~SecretJson() { wipe_texts(json_); }

Result<SecretJson> parse_json_object(std::string_view text, std::string_view what) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (text.size() > kJsonBytesMax) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("{} is longer than {} KiB", what, kJsonBytesMax >> 10));
    }
    if (is_too_deep(text)) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("{} is nested deeper than {} levels", what, kJsonDepthMax));
    }
    Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_object()) {
        return fail(ErrorKind::bad_reply, fmt::format("{} is no JSON object", what));
    }
    return SecretJson(std::move(parsed));
}

std::optional<std::string> text_member(const Json& object, std::string_view name) {
    const auto it = object.find(name);
    if (it == object.end() || !it->is_string()) return std::nullopt;
    const auto& text = it->get_ref<const std::string&>();
    if (text.empty()) return std::nullopt;
    return text;
}

std::string first_text(const Json& object, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        if (auto text = text_member(object, name)) return std::move(*text);
    }
    return {};
}

std::optional<int64_t> number_member(const Json& object, std::string_view name) {
    const auto it = object.find(name);
    if (it == object.end()) return std::nullopt;
    if (it->is_string()) return parse_i64(it->get_ref<const std::string&>());
    if (it->is_number_unsigned()) {
        const auto number = it->get<uint64_t>();
        if (number > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
        return static_cast<int64_t>(number);
    }
    if (it->is_number_integer()) return it->get<int64_t>();
    return std::nullopt;
}

}  // namespace xbucket
