// SPDX-FileCopyrightText: the xbucket authors
#include "packed_attributes.h"

#include "attr_grammar.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/meta/posix_record.h"

#include <algorithm>

namespace xbucket {

namespace {

void skip_space(std::string_view& text) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

bool take(std::string_view& text, char c) {
    skip_space(text);
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// :"BASE64", up to the next attribute or the end. Leaves `text` alone when it is something else.
std::optional<std::string> take_value(std::string_view& text) {
    std::string_view rest = text;
    if (!take(rest, ':') || !take(rest, '"')) return std::nullopt;
    const size_t end = rest.find('"');
    if (end == rest.npos) return std::nullopt;
    auto value = base64_decode(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    skip_space(rest);
    if (!value || !(rest.empty() || rest.front() == ',')) return std::nullopt;
    text = rest;
    return value;
}

// The text between '{' and '}'. s3fs escapes nothing in names, so a name ends at the first '"' that
// a value follows.
std::optional<PackedAttributes> read_pairs(std::string_view text) {
    PackedAttributes packed;
    skip_space(text);
    if (text.empty()) return packed;
    do {
        if (!take(text, '"')) return std::nullopt;
        const std::string_view name = text;
        std::optional<std::string> value;
        size_t end = name.find('"');
        for (; end != name.npos; end = name.find('"', end + 1)) {
            text = name.substr(end + 1);
            value = take_value(text);
            if (value) break;
        }
        if (!value) return std::nullopt;
        packed.insert_or_assign(std::string(name.substr(0, end)), *std::move(value));
    } while (take(text, ','));
    return packed;
}

// The attribute name that a packed one shows under, where it can be an entry of its own. What s3fs
// reads as POSIX state must not become an entry of that name.
std::optional<std::string_view> attribute_name(std::string_view packed_name) {
    if (!packed_name.starts_with(kUserPrefix) || packed_name.size() > kXattrNameMax)
        return std::nullopt;
    const std::string_view name = packed_name.substr(kUserPrefix.size());
    const bool possible = !name.empty() && name.find('\0') == name.npos && name != kPackedEntry &&
                          !is_posix_name(name);
    return possible ? std::optional(name) : std::nullopt;
}

std::string packed_name(std::string_view attribute_name) {
    return std::string(kUserPrefix).append(attribute_name);
}

void store_packed(const PackedAttributes& packed, UserMetadata& user) {
    const auto entry = user.find(kPackedEntry);
    if (packed.empty())
        user.erase(entry);
    else
        entry->second = write_packed(packed);
}

}  // namespace

std::optional<PackedAttributes> read_packed(const UserMetadata& user) {
    const auto entry = user.find(kPackedEntry);
    if (entry == user.end() || !entry->second.starts_with("%7")) return std::nullopt;
    const auto text = percent_decode(entry->second);
    if (!text || text->size() < 2 || text->front() != '{' || text->back() != '}')
        return std::nullopt;
    return read_pairs(std::string_view(*text).substr(1, text->size() - 2));
}

std::string write_packed(const PackedAttributes& packed) {
    std::string text = "{";
    for (const auto& [name, value] : packed) {
        if (text.size() > 1) text += ',';
        text.append("\"").append(name).append("\":\"").append(base64_encode(value)).append("\"");
    }
    return percent_encode(text + "}");
}

std::optional<std::string> find_packed(const RawAlphabet& raw, const UserMetadata& user,
                                       std::string_view name) {
    if (user.find(kPackedEntry) == user.end()) return std::nullopt;
    const std::string full = packed_name(name);
    if (!attribute_name(full) || find_shown(raw, user, name) != user.end()) return std::nullopt;
    const auto packed = read_packed(user);
    if (!packed) return std::nullopt;
    const auto found = packed->find(full);
    if (found == packed->end()) return std::nullopt;
    return found->second;
}

std::vector<std::string> packed_names(const RawAlphabet& raw, const UserMetadata& user,
                                      const PackedAttributes& packed) {
    std::vector<std::string> names;
    for (const auto& [full, value] : packed) {
        const auto name = attribute_name(full);
        if (name && find_shown(raw, user, *name) == user.end()) names.emplace_back(*name);
    }
    return names;
}

bool holds_more(const RawAlphabet& raw, const UserMetadata& user, const PackedAttributes& packed) {
    return std::any_of(packed.begin(), packed.end(), [&](const auto& attribute) {
        const auto name = attribute_name(attribute.first);
        if (!name) return true;
        const auto shown = find_shown(raw, user, *name);
        return shown != user.end() && decode_header_value(shown->second) != attribute.second;
    });
}

void unpack_all(const RawAlphabet& raw, std::string_view except, UserMetadata& user) {
    const auto packed = read_packed(user);
    if (!packed) return;
    PackedAttributes left;
    for (const auto& [full, value] : *packed) {
        const auto name = attribute_name(full);
        if (name && *name == except) continue;
        if (!name) {
            left.emplace(full, value);
            continue;
        }
        const auto shown = find_shown(raw, user, *name);
        if (shown == user.end())
            user.emplace(encode_metadata_name(raw, *name), encode_header_value(value));
        else if (decode_header_value(shown->second) != value)
            left.emplace(full, value);
    }
    store_packed(left, user);
}

void drop_packed(std::string_view name, UserMetadata& user) {
    auto packed = read_packed(user);
    const std::string full = packed_name(name);
    if (!packed || !attribute_name(full)) return;
    if (packed->erase(full) != 0) store_packed(*packed, user);
}

}  // namespace xbucket
