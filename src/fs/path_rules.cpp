// SPDX-FileCopyrightText: the xbucket authors
#include "path_rules.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <vector>

namespace xbucket {
namespace {

Result<ObjectKey> child_key(const ObjectKey& directory, std::string_view name,
                            std::string_view ending, uint64_t key_bytes_max) {
    if (name.size() > kNameBytesMax) {
        return fail(
            ErrorKind::name_too_long,
            fmt::format("a name of {} bytes is over the limit of {}", name.size(), kNameBytesMax));
    }
    if (!is_showable_name(name)) {
        return fail(ErrorKind::invalid_name,
                    fmt::format("'{}' cannot be a file name", printable(name)));
    }
    const size_t bytes = directory.size() + name.size() + ending.size();
    if (bytes > key_bytes_max) {
        return fail(ErrorKind::name_too_long,
                    fmt::format("the object key would have {} bytes, the service takes {}", bytes,
                                key_bytes_max));
    }
    std::string key;
    key.reserve(bytes);
    key.append(directory.str()).append(name).append(ending);
    return ObjectKey(std::move(key));
}

std::string_view without_slash(std::string_view key) {
    if (!key.empty() && key.back() == '/') key.remove_suffix(1);
    return key;
}

std::vector<std::string_view> components(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (!part.empty()) parts.push_back(part);
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    return parts;
}

}  // namespace

bool is_showable_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
           name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

std::optional<std::string_view> name_below(std::string_view directory, std::string_view key) {
    if (!key.starts_with(directory) || key.size() == directory.size()) return std::nullopt;
    const std::string_view rest = key.substr(directory.size());
    const std::string_view name = without_slash(rest);
    // A deeper key can only appear where no delimiter was asked for.
    if (name.find('/') != std::string_view::npos) return std::nullopt;
    return name;
}

Result<ObjectKey> file_key(const ObjectKey& directory, std::string_view name,
                           uint64_t key_bytes_max) {
    return child_key(directory, name, "", key_bytes_max);
}

Result<ObjectKey> directory_key(const ObjectKey& directory, std::string_view name,
                                uint64_t key_bytes_max) {
    return child_key(directory, name, "/", key_bytes_max);
}

ObjectKey parent_key(const ObjectKey& key) {
    const std::string_view bare = without_slash(key.str());
    const size_t slash = bare.rfind('/');
    if (slash == std::string_view::npos) return ObjectKey();
    return ObjectKey(bare.substr(0, slash + 1));
}

std::string name_of(const ObjectKey& key) {
    const std::string_view bare = without_slash(key.str());
    const size_t slash = bare.rfind('/');
    return std::string(slash == std::string_view::npos ? bare : bare.substr(slash + 1));
}

ObjectKey moved_key(const ObjectKey& key, const std::string& from, const std::string& to) {
    return ObjectKey(to + key.str().substr(from.size()));
}

std::optional<ObjectKey> resolve_link(const ObjectKey& link, std::string_view target) {
    if (target.empty() || target.front() == '/' || target.back() == '/') return std::nullopt;
    if (target.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string directory = parent_key(link).str();
    std::vector<std::string_view> parts = components(directory);
    for (const std::string_view part : components(target)) {
        if (part == ".") continue;
        if (part == "..") {
            if (parts.empty()) return std::nullopt;
            parts.pop_back();
        } else {
            parts.push_back(part);
        }
    }
    const std::string_view last = target.substr(target.rfind('/') + 1);
    if (parts.empty() || last == "." || last == "..") return std::nullopt;
    std::string key;
    for (const std::string_view part : parts) {
        if (!key.empty()) key += '/';
        key += part;
    }
    return ObjectKey(std::move(key));
}

bool may_lead_outside(const ObjectKey& link, std::string_view target) {
    if (target.starts_with('/')) return true;
    const std::string directory = parent_key(link).str();
    size_t depth = components(directory).size();
    bool named = false;
    for (const std::string_view part : components(target)) {
        if (part == ".") continue;
        if (part != "..") {
            named = true;
        } else if (named || depth-- == 0) {
            return true;
        }
    }
    return false;
}

std::string relative_link(const ObjectKey& link, const ObjectKey& target) {
    const std::string link_directory = parent_key(link).str();
    const std::vector<std::string_view> from = components(link_directory);
    const std::vector<std::string_view> to = components(target.str());
    size_t common = 0;
    while (common < from.size() && common + 1 < to.size() && from[common] == to[common]) ++common;
    std::string text;
    for (size_t i = common; i < from.size(); ++i) text += "../";
    for (size_t i = common; i < to.size(); ++i) {
        text += to[i];
        if (i + 1 < to.size()) text += '/';
    }
    return text;
}

}  // namespace xbucket
