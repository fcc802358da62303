// SPDX-FileCopyrightText: the xbucket authors
#include "attribute_text.h"

#include "attribute_word.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {
namespace {

constexpr std::string_view kFile = "# file: ";

Error bad(unsigned line, std::string_view what) {
    return fail(ErrorKind::invalid_argument, fmt::format("line {}: {}", line, what));
}

std::string octal(char c) { return fmt::format("\\{:03o}", static_cast<unsigned char>(c)); }

// Names and paths: what would end the line or the name, and backslashes.
std::string quote_name(std::string_view name, std::string_view special) {
    std::string out;
    for (const char c : name) {
        const bool plain = c != '\\' && c != '\n' && c != '\r' && special.find(c) == special.npos;
        out += plain ? std::string(1, c) : octal(c);
    }
    return out;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// \ooo to its byte; any other escaped character stands for itself.
std::string unquote(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
        } else if (i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
                   is_octal(text[i + 3])) {
            out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                     (text[i + 3] - '0'));
            i += 3;
        } else {
            out += text[++i];
        }
    }
    return out;
}

// getfattr's own rule: text as long as it is printable, else base64.
bool is_text(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
        return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
    });
}

std::string value_text(std::string_view value) {
    if (!is_text(value)) return "0s" + base64_encode(value);
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else {
            out += c == '\n' || c == '\r' ? octal(c) : std::string(1, c);
        }
    }
    return out + '"';
}

std::string key_text(std::string_view key) {
    std::string out;
    for (;;) {
        const size_t end = std::min(key.find('/'), key.size());
        const std::string_view part = key.substr(0, end);
        const bool dots = part == "." || part == "..";
        out += dots ? octal('.') + std::string(part.substr(1)) : quote_name(part, "");
        if (end == key.size()) return out;
        out += part.empty() ? octal('/') : "/";
        key.remove_prefix(end + 1);
    }
}

// getfattr writes neither of these two so.
bool has_octal_of_path(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') continue;
        const std::string_view four = text.substr(i, 4);
        if (four == octal('/') || four == octal('.')) return true;
        ++i;
    }
    return false;
}

}  // namespace

size_t start_of_path(std::string_view text) {
    size_t n = 0;
    for (;;) {
        const std::string_view rest = text.substr(n);
        if (rest == ".") return n + 1;
        if (rest.starts_with('/')) {
            n += 1;
        } else if (rest.starts_with("./")) {
            n += 2;
        } else {
            return n;
        }
    }
}

std::string dump_text(const DumpedFile& file) {
    if (file.attributes.empty()) return "";
    std::string out =
        fmt::format("{}{}\n", kFile, file.is_key ? key_text(file.path) : quote_name(file.path, ""));
    for (const auto& [name, value] : file.attributes) {
        out += fmt::format("{}={}\n", quote_name(name, "="), value_text(value));
    }
    return out + '\n';
}

Result<std::string> parse_value_text(std::string_view text) {
    if (text.starts_with('"')) {
        if (text.size() < 2 || !text.ends_with('"')) {
            return fail(ErrorKind::invalid_argument, "the closing '\"' is missing");
        }
        return unquote(text.substr(1, text.size() - 2));
    }
    std::optional<std::string> bytes;
    if (text.starts_with("0s") || text.starts_with("0S")) {
        bytes = base64_decode(text.substr(2));
    } else if (text.starts_with("0x") || text.starts_with("0X")) {
        bytes = hex_decode(to_lower(text.substr(2)));
    } else {
        return unquote(text);
    }
    if (!bytes) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("'{}' is no base64 or hexadecimal value", printable(text)));
    }
    return *std::move(bytes);
}

Result<bool> DumpReader::next(DumpedFile& file) {
    file = DumpedFile{};
    bool begun = false;
    std::string text;
    // The next block begins where this one ends: a new "# file:" is looked at, not taken.
    while (in_.peek() != std::istream::traits_type::eof()) {
        if (begun && in_.peek() == '#') return true;
        if (!std::getline(in_, text)) break;
        ++line_;
        if (text.ends_with('\r')) text.pop_back();
        if (text.empty()) {
            if (begun) return true;
        } else if (text.starts_with(kFile)) {
            const std::string_view written = std::string_view(text).substr(kFile.size());
            file.path = unquote(written);
            file.start = start_of_path(written);
            file.is_key = has_octal_of_path(written);
            file.line = line_;
            begun = true;
            if (file.path.empty()) return bad(line_, "no path behind '# file:'");
        } else if (text.starts_with('#')) {
            continue;
        } else if (!begun) {
            return bad(line_, "an attribute before any '# file: PATH'");
        } else {
            const size_t equals = text.find('=');
            std::string name = unquote(std::string_view(text).substr(0, equals));
            if (name.empty()) return bad(line_, "an attribute without a name");
            if (auto fits = check_name_fits(name); !fits) return bad(line_, fits.error().message);
            std::string value;
            if (equals != std::string::npos) {
                auto parsed = parse_value_text(std::string_view(text).substr(equals + 1));
                if (!parsed) return bad(line_, parsed.error().message);
                value = *std::move(parsed);
            }
            file.attributes.emplace_back(std::move(name), std::move(value));
        }
    }
    return begun;
}

}  // namespace xbucket::app
