// SPDX-FileCopyrightText: the xbucket authors
#include "attr_grammar.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace xbucket {

namespace {

constexpr unsigned kUrlSecondsMax = 7 * 24 * 3600;  // what both dialects sign (protocol.md 1)

constexpr std::array<std::string_view, 5> kReservedPrefixes = {"http.", "tag.", "object.", "meta.",
                                                               "xbucket."};

// Takes `prefix` off the front of `text`.
bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::optional<HttpField> find_field(std::string_view word) {
    for (const HttpField field : kHttpFields)
        if (to_string(field) == word) return field;
    return std::nullopt;
}

std::optional<AttrNameView> parse_url(std::string_view seconds) {
    AttrNameView name{.kind = AttrKind::url, .bare = "url"};
    if (seconds.empty()) return name;
    const auto life = parse_u64(seconds.substr(1));
    if (seconds.front() != '.' || !life || *life == 0 || *life > kUrlSecondsMax)
        return std::nullopt;
    name.url_seconds = static_cast<unsigned>(*life);
    return name;
}

std::optional<AttrNameView> parse_object(std::string_view word) {
    if (word.empty()) return std::nullopt;
    if (word == "storage-class") return AttrNameView{AttrKind::storage_class, word};
    if (word == "acl") return AttrNameView{AttrKind::acl, word};
    if (word == "restore") return AttrNameView{AttrKind::restore, word};
    if (word == "versions") return AttrNameView{AttrKind::versions, word};
    if (word == "url" || word.starts_with("url.")) return parse_url(word.substr(3));
    return AttrNameView{AttrKind::object_fact, word};
}

std::optional<AttrNameView> non_empty(AttrKind kind, std::string_view bare) {
    if (bare.empty()) return std::nullopt;
    return AttrNameView{kind, bare};
}

}  // namespace

std::optional<AttrNameView> parse_attr_name(std::string_view xattr_name) {
    std::string_view rest = xattr_name;
    if (!take(rest, kUserPrefix)) return AttrNameView{AttrKind::foreign, xattr_name};
    if (rest == "mime_type") return AttrNameView{AttrKind::http_field, rest};
    if (take(rest, "http.")) {
        const auto field = find_field(rest);
        if (!field) return std::nullopt;
        return AttrNameView{AttrKind::http_field, rest, *field};
    }
    if (take(rest, "tag.")) return non_empty(AttrKind::tag, rest);
    if (take(rest, "object.")) return parse_object(rest);
    if (take(rest, "xbucket.")) {
        if (rest != "headers" && rest != "refresh" && rest != "stats" && rest != "failures")
            return std::nullopt;
        return AttrNameView{AttrKind::control, rest};
    }
    take(rest, "meta.");
    return non_empty(AttrKind::user_metadata, rest);
}

bool is_reserved_word(std::string_view attribute_name) {
    if (attribute_name == "mime_type") return true;
    for (const std::string_view prefix : kReservedPrefixes)
        if (attribute_name.starts_with(prefix)) return true;
    return false;
}

Result<AttrName> AttrName::parse(std::string_view xattr_name) {
    const auto view = parse_attr_name(xattr_name);
    if (!view)
        return fail(ErrorKind::invalid_name,
                    fmt::format("'{}' is no attribute of an object; user.NAME sets metadata, the "
                                "reserved words are in xbucket-attributes(7)",
                                printable(xattr_name)));
    return AttrName{view->kind, std::string(xattr_name), std::string(view->bare), view->field,
                    view->url_seconds};
}

}  // namespace xbucket
