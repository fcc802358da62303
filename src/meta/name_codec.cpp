// SPDX-FileCopyrightText: the xbucket authors
#include "name_codec.h"

#include <algorithm>

namespace xbucket {

namespace {

constexpr size_t kEscapeBytes = 4;  // "--5f"
constexpr std::string_view kHexDigits = "0123456789abcdef";

bool is_raw(const RawAlphabet& raw, char c) { return raw[static_cast<unsigned char>(c)]; }

int hex_value(char c) {
    const size_t at = kHexDigits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// The byte that "--HH" at `at` would stand for, or -1.
int byte_at(std::string_view text, size_t at) {
    if (at + kEscapeBytes > text.size() || text[at] != '-' || text[at + 1] != '-') return -1;
    const int high = hex_value(text[at + 2]);
    const int low = hex_value(text[at + 3]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Whether the encoder can have made the "--HH" at `at`.
bool is_escape(const RawAlphabet& raw, std::string_view text, size_t at) {
    int byte = byte_at(text, at);
    while (byte == '-') {
        // "--2d" stands for a '-' only if that '-', raw before what follows, began an escape:
        // look at the same text with the escape's last byte read as that '-'.
        at += kEscapeBytes;
        if (at + kEscapeBytes - 1 > text.size() || text[at] != '-') return false;
        const int high = hex_value(text[at + 1]);
        const int low = hex_value(text[at + 2]);
        if (high < 0 || low < 0) return false;
        byte = high * 16 + low;
        at -= 1;  // so that the next round again steps over one whole escape
    }
    return byte > 0 && !raw[static_cast<size_t>(byte)];
}

bool all_raw(const RawAlphabet& raw, std::string_view text) {
    return std::all_of(text.begin(), text.end(), [&](char c) { return is_raw(raw, c); });
}

// True when the header is spelled in characters that we do not use: it shows as it is.
bool shows_literally(const RawAlphabet& raw, const UserMetadata& user, std::string_view name) {
    if (!all_raw(raw, name)) return true;
    const std::string decoded = decode_metadata_name(raw, name);
    if (decoded == name || user.find(decoded) == user.end()) return false;
    return shows_literally(raw, user, decoded);  // shorter than `name`: this ends
}

}  // namespace

RawAlphabet make_raw_alphabet(std::string_view characters) {
    RawAlphabet raw;
    for (const char c : characters) raw.set(static_cast<unsigned char>(c));
    for (const char c : kHexDigits) raw.set(static_cast<unsigned char>(c));
    raw.set('-');
    return raw;
}

std::string encode_metadata_name(const RawAlphabet& raw, std::string_view attribute_name) {
    // Built backwards, with the escape's characters in reverse too; is_escape() must see what
    // follows, so the buffer is filled from its end.
    if (all_raw(raw, attribute_name) && attribute_name.find("--") == std::string_view::npos)
        return std::string(attribute_name);
    std::string buffer(attribute_name.size() * kEscapeBytes, '\0');
    size_t begin = buffer.size();
    for (size_t i = attribute_name.size(); i-- > 0;) {
        const char c = attribute_name[i];
        buffer[--begin] = c;
        const std::string_view so_far = std::string_view(buffer).substr(begin);
        if (is_raw(raw, c) && !(c == '-' && is_escape(raw, so_far, 0))) continue;
        const auto byte = static_cast<unsigned char>(c);
        buffer[begin] = kHexDigits[byte % 16];
        buffer[--begin] = kHexDigits[byte / 16];
        buffer[--begin] = '-';
        buffer[--begin] = '-';
    }
    return buffer.substr(begin);
}

std::string decode_metadata_name(const RawAlphabet& raw, std::string_view metadata_name) {
    if (metadata_name.find("--") == std::string_view::npos || !all_raw(raw, metadata_name))
        return std::string(metadata_name);
    std::string name;
    name.reserve(metadata_name.size());
    for (size_t i = 0; i < metadata_name.size();) {
        if (is_escape(raw, metadata_name, i)) {
            name += static_cast<char>(byte_at(metadata_name, i));
            i += kEscapeBytes;
        } else {
            name += metadata_name[i++];
        }
    }
    return name;
}

std::string shown_name(const RawAlphabet& raw, const UserMetadata& user,
                       std::string_view metadata_name) {
    if (shows_literally(raw, user, metadata_name)) return std::string(metadata_name);
    return decode_metadata_name(raw, metadata_name);
}

UserMetadata::const_iterator find_shown(const RawAlphabet& raw, const UserMetadata& user,
                                        std::string_view attribute_name) {
    const auto literal = user.find(attribute_name);
    if (literal != user.end() && shown_name(raw, user, attribute_name) == attribute_name)
        return literal;
    const std::string encoded = encode_metadata_name(raw, attribute_name);
    if (encoded == attribute_name) return user.end();
    const auto found = user.find(encoded);
    if (found != user.end() && !shows_literally(raw, user, encoded)) return found;
    return user.end();
}

}  // namespace xbucket
