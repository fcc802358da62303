// SPDX-FileCopyrightText: the xbucket authors
// Hex, base64, percent, UTF-8 and RFC 2047. Decoders take what arrives from the network: each
// checks before it reads, and refuses what its encoder could not have meant.
#include "xbucket/base/encoding.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace xbucket {
namespace {

constexpr std::string_view kHexLower = "0123456789abcdef";
constexpr std::string_view kHexUpper = "0123456789ABCDEF";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

unsigned char byte_of(char c) { return static_cast<unsigned char>(c); }

// -1 when `c` is no hex digit.
int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The byte that the two hex digits at `at` stand for.
std::optional<char> hex_pair(std::string_view text, size_t at) {
    if (at >= text.size() || text.size() - at < 2) return std::nullopt;
    const int high = hex_value(text[at]);
    const int low = hex_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

void append_hex(std::string& out, char c, std::string_view digits) {
    out += digits[byte_of(c) >> 4];
    out += digits[byte_of(c) & 15];
}

constexpr std::array<int8_t, 256> make_base64_values() {
    std::array<int8_t, 256> values{};
    for (int8_t& value : values) value = -1;
    for (size_t i = 0; i < kBase64.size(); ++i) {
        values[static_cast<unsigned char>(kBase64[i])] = static_cast<int8_t>(i);
    }
    return values;
}
constexpr std::array<int8_t, 256> kBase64Values = make_base64_values();

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct CodePoint {
    char32_t value = 0;
    size_t size = 0;  // Bytes it takes; 0 when the bytes are not UTF-8.
};

// The well-formed sequence at the front of `bytes` (Unicode 15, table 3-7: no overlong forms, no
// surrogates, nothing above U+10FFFF). `bytes` is not empty.
CodePoint first_code_point(std::string_view bytes) {
    const unsigned char lead = byte_of(bytes[0]);
    if (lead < 0x80) return {lead, 1};
    const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size() < size) return {};
    char32_t value = lead & (0x7FU >> size);
    for (size_t i = 1; i < size; ++i) {
        if ((byte_of(bytes[i]) & 0xC0) != 0x80) return {};
        value = (value << 6) | (byte_of(bytes[i]) & 0x3FU);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (overlong || surrogate || value > 0x10FFFF) return {};
    return {value, size};
}

// C0, DEL and C1 controls, and the invisible ones that end a line or turn its direction.
bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

template <class Int>
std::optional<Int> parse_whole(std::string_view digits) {
    Int value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end) return std::nullopt;
    return value;
}

// RFC 2047 section 4.2.
std::optional<std::string> decode_q(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '=') {
            const auto byte = hex_pair(text, i + 1);
            if (!byte) return std::nullopt;
            out += *byte;
            i += 2;
        } else if (c > ' ' && c < '\x7F') {
            out += c == '_' ? ' ' : c;
        } else {
            return std::nullopt;
        }
    }
    return out;
}

// Decoded bytes to UTF-8. Whether UTF-8 is well formed shows only when all words are joined: some
// senders cut a sequence in two.
std::optional<std::string> to_utf8(std::string bytes, std::string_view charset) {
    if (iequals(charset, "UTF-8")) return bytes;
    if (iequals(charset, "US-ASCII")) {
        if (std::any_of(bytes.begin(), bytes.end(), [](char c) { return byte_of(c) >= 0x80; })) {
            return std::nullopt;
        }
        return bytes;
    }
    if (!iequals(charset, "ISO-8859-1")) return std::nullopt;
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        if (byte_of(c) < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xC0 | (byte_of(c) >> 6));
            out += static_cast<char>(0x80 | (byte_of(c) & 0x3F));
        }
    }
    return out;
}

// Takes one "=?charset?encoding?text?=" off the front of `rest`.
std::optional<std::string> take_encoded_word(std::string_view& rest) {
    if (rest.substr(0, 2) != "=?") return std::nullopt;
    const size_t charset_end = rest.find('?', 2);
    if (charset_end == std::string_view::npos) return std::nullopt;
    if (rest.size() - charset_end < 3 || rest[charset_end + 2] != '?') return std::nullopt;
    const size_t text_begin = charset_end + 3;
    const size_t text_end = rest.find('?', text_begin);
    if (text_end == std::string_view::npos || rest.substr(text_end, 2) != "?=") return std::nullopt;

    const std::string_view charset = rest.substr(2, charset_end - 2);
    const char encoding = lower(rest[charset_end + 1]);
    const std::string_view text = rest.substr(text_begin, text_end - text_begin);
    rest.remove_prefix(text_end + 2);

    std::optional<std::string> bytes;
    if (encoding == 'b') bytes = base64_decode(text);
    if (encoding == 'q') bytes = decode_q(text);
    if (!bytes) return std::nullopt;
    return to_utf8(std::move(*bytes), charset);
}

}  // namespace

std::string hex_encode(std::string_view bytes) {
    std::string out(bytes.size() * 2, '\0');
    char* to = out.data();
    for (const char c : bytes) {
        *to++ = kHexLower[byte_of(c) >> 4];
        *to++ = kHexLower[byte_of(c) & 15];
    }
    return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (size_t i = 0; i < text.size(); i += 2) {
        const auto byte = hex_pair(text, i);
        if (!byte) return std::nullopt;
        out += *byte;
    }
    return out;
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t count = std::min<size_t>(3, bytes.size() - i);
        uint32_t group = uint32_t{byte_of(bytes[i])} << 16;
        if (count > 1) group |= uint32_t{byte_of(bytes[i + 1])} << 8;
        if (count > 2) group |= byte_of(bytes[i + 2]);
        out += kBase64[group >> 18];
        out += kBase64[(group >> 12) & 63];
        out += count > 1 ? kBase64[(group >> 6) & 63] : '=';
        out += count > 2 ? kBase64[group & 63] : '=';
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.empty()) return std::string();
    size_t digits = text.size();
    if (text[digits - 1] == '=') --digits;
    if (text[digits - 1] == '=') --digits;

    std::string out;
    out.reserve(text.size() / 4 * 3);
    uint32_t pending = 0;
    unsigned bits = 0;
    for (const char c : text.substr(0, digits)) {
        const int8_t value = kBase64Values[byte_of(c)];
        if (value < 0) return std::nullopt;
        pending = (pending << 6) | static_cast<uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>((pending >> bits) & 0xFF);
            pending &= (1U << bits) - 1;
        }
    }
    // Set bits under the padding would let two texts mean the same bytes.
    if (pending != 0) return std::nullopt;
    return out;
}

std::string percent_encode(std::string_view bytes, bool keep_slash) {
    std::string out;
    out.reserve(bytes.size());
    for (const char c : bytes) {
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            out += c;
        } else {
            out += '%';
            append_hex(out, c, kHexUpper);
        }
    }
    return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const auto byte = hex_pair(text, i + 1);
            if (!byte) return std::nullopt;
            out += *byte;
            i += 2;
        } else {
            out += plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

bool is_valid_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        const size_t size = first_code_point(bytes).size;
        if (size == 0) return false;
        bytes.remove_prefix(size);
    }
    return true;
}

std::string printable(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const CodePoint point = first_code_point(bytes);
        const std::string_view sequence = bytes.substr(0, std::max<size_t>(point.size, 1));
        if (point.size != 0 && !is_control(point.value)) {
            out += sequence;
        } else {
            for (const char c : sequence) {
                out += "\\x";
                append_hex(out, c, kHexLower);
            }
        }
        bytes.remove_prefix(sequence.size());
    }
    return out;
}

std::string to_lower(std::string_view ascii) {
    std::string out(ascii);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

// Most of what is compared has another length or begins with another letter.
bool iequals(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

std::string_view trim_ows(std::string_view text) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

std::optional<uint64_t> parse_u64(std::string_view digits) { return parse_whole<uint64_t>(digits); }

std::optional<int64_t> parse_i64(std::string_view digits) { return parse_whole<int64_t>(digits); }

std::string encode_rfc2047_b(std::string_view utf8) {
    constexpr std::string_view kBegin = "=?UTF-8?B?";
    constexpr std::string_view kEnd = "?=";
    constexpr size_t kBytesMax = (75 - kBegin.size() - kEnd.size()) / 4 * 3;
    std::string out;
    do {
        size_t taken = 0;
        while (taken < utf8.size()) {
            const size_t next = std::max<size_t>(first_code_point(utf8.substr(taken)).size, 1);
            if (taken + next > kBytesMax) break;
            taken += next;
        }
        if (!out.empty()) out += ' ';
        out += kBegin;
        out += base64_encode(utf8.substr(0, taken));
        out += kEnd;
        utf8.remove_prefix(taken);
    } while (!utf8.empty());
    return out;
}

std::optional<std::string> decode_rfc2047(std::string_view text) {
    std::string out;
    do {
        const auto word = take_encoded_word(text);
        if (!word) return std::nullopt;
        out += *word;
        if (text.empty()) break;
        // Words are told apart by white space; folded header lines bring CR and LF.
        const size_t space = std::min(text.find_first_not_of(" \t\r\n"), text.size());
        if (space == 0) return std::nullopt;
        text.remove_prefix(space);
    } while (true);
    if (!is_valid_utf8(out)) return std::nullopt;
    return out;
}

}  // namespace xbucket
