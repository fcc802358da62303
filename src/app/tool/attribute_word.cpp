// SPDX-FileCopyrightText: the xbucket authors
#include "attribute_word.h"

#include "xbucket/base/encoding.h"
#include "xbucket/meta/attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <linux/limits.h>

namespace xbucket::app {
namespace {

constexpr std::string_view kUser = "user.";

Error bad(std::string message) { return fail(ErrorKind::invalid_argument, std::move(message)); }

Result<std::string> checked_name(std::string_view word) {
    std::string name = with_user_prefix(word);
    // Before thousands of objects are asked the same.
    auto parsed = AttrName::parse(name);
    if (!parsed) return bad(fmt::format("'{}': {}", printable(word), parsed.error().message));
    const bool fixed = parsed->kind == AttrKind::object_fact || parsed->kind == AttrKind::url ||
                       parsed->kind == AttrKind::versions ||
                       (parsed->kind == AttrKind::control && parsed->bare != "refresh");
    if (fixed) return bad(fmt::format("'{}' cannot be changed; the service says it", word));
    return name;
}

Result<void> add_change(ChangeWords& out, AttributeWord change) {
    for (const AttributeWord& other : out.changes) {
        if (other.name == change.name) {
            return bad(fmt::format("'{}' is given twice", printable(change.name)));
        }
    }
    out.changes.push_back(std::move(change));
    return {};
}

Result<ChangeWords> with_paths(ChangeWords out, const std::vector<std::string>& words, size_t from,
                               std::string_view usage) {
    out.paths.assign(words.begin() + static_cast<std::ptrdiff_t>(from), words.end());
    if (out.changes.empty() || out.paths.empty()) return bad(std::string(usage));
    return out;
}

}  // namespace

std::string with_user_prefix(std::string_view name) {
    if (name.starts_with(kUser)) return std::string(name);
    return fmt::format("{}{}", kUser, name);
}

Result<void> check_name_fits(std::string_view name) {
    constexpr size_t kShown = 40;
    if (name.size() <= XATTR_NAME_MAX) return {};
    return fail(ErrorKind::name_too_long,
                fmt::format("'{}...': the name has {} bytes, and an attribute's has at most {}",
                            printable(name.substr(0, kShown)), name.size(), XATTR_NAME_MAX));
}

Result<ChangeWords> split_set_words(const std::vector<std::string>& words) {
    ChangeWords out;
    size_t i = 0;
    for (; i < words.size(); ++i) {
        const std::string& word = words[i];
        const size_t equals = word.find('=');
        if (equals == std::string::npos || word.find('/') < equals) break;
        std::string name = TRY(checked_name(std::string_view(word).substr(0, equals)));
        TRY(check_name_fits(name));
        TRY(add_change(out, {std::move(name), word.substr(equals + 1)}));
    }
    return with_paths(std::move(out), words, i,
                      "write: xbucket set NAME=VALUE... PATH..., such as year=2021 photo.jpg");
}

Result<ChangeWords> split_unset_words(const std::vector<std::string>& words) {
    ChangeWords out;
    size_t i = 0;
    for (; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const auto begins = [word](std::string_view prefix) { return word.starts_with(prefix); };
        const bool named = begins("user.") || begins("http.") || begins("tag.") || begins("meta.");
        if (i > 0 && !named) break;
        TRY(add_change(out, {TRY(checked_name(word)), std::nullopt}));
    }
    return with_paths(std::move(out), words, i,
                      "write: xbucket unset NAME... PATH..., such as user.year photo.jpg");
}

}  // namespace xbucket::app
