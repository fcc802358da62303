// SPDX-FileCopyrightText: the xbucket authors
#include "value_codec.h"

#include "xbucket/base/encoding.h"

#include <algorithm>

namespace xbucket {

namespace {

constexpr std::string_view kEmptyValue = "=?UTF-8?B?\?=";
constexpr std::string_view kBinaryFront = "=?binary?B?";
constexpr std::string_view kWordFront = "=?";
constexpr std::string_view kWordEnd = "?=";

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool looks_encoded(std::string_view text) {
    return text.starts_with(kWordFront) && text.ends_with(kWordEnd);
}

// Services trim ends, and SigV4's canonical form collapses runs of spaces.
bool survives_transit(std::string_view value) {
    return is_printable(value) && value.front() != ' ' && value.back() != ' ' &&
           value.find("  ") == std::string_view::npos;
}

// Text in the everyday sense: control bytes other than tab and line ends make it binary.
bool is_text(std::string_view value) {
    const auto is_control = [](char c) {
        return (c >= 0 && c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    };
    return is_valid_utf8(value) && std::none_of(value.begin(), value.end(), is_control);
}

}  // namespace

std::string encode_header_value(std::string_view value) {
    if (value.empty()) return std::string(kEmptyValue);
    if (survives_transit(value) && !looks_encoded(value)) return std::string(value);
    if (is_text(value)) return encode_rfc2047_b(value);
    std::string text(kBinaryFront);
    text += base64_encode(value);
    text += kWordEnd;
    return text;
}

std::string decode_header_value(std::string_view header) {
    if (!looks_encoded(header)) return std::string(header);
    if (header == kEmptyValue) return {};
    if (header.starts_with(kBinaryFront) &&
        header.size() >= kBinaryFront.size() + kWordEnd.size()) {
        const std::string_view base64 = header.substr(
            kBinaryFront.size(), header.size() - kBinaryFront.size() - kWordEnd.size());
        if (auto bytes = base64_decode(base64)) return *std::move(bytes);
        return std::string(header);
    }
    if (auto text = decode_rfc2047(header)) return *std::move(text);
    return std::string(header);
}

bool is_plain_field_value(std::string_view value) {
    return !value.empty() && is_printable(value) && value.front() != ' ' && value.back() != ' ';
}

}  // namespace xbucket
