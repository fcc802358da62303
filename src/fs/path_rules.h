// SPDX-FileCopyrightText: the xbucket authors
// How keys become names and names become keys: the one definition. A directory's key is "" (the
// root) or ends in '/'; a file's key does not. Keys that no path can express are not shown.
// Pure; thread-safe.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/types.h"

#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

inline constexpr size_t kNameBytesMax = 255;

// A path component that a kernel can ask for and a listing may show.
bool is_showable_name(std::string_view name);

// What a listed key is, seen from the directory whose key is `directory`: its name there, without
// a trailing '/'. nullopt for the directory's own marker and for what is not directly below it.
// The name may still be unshowable.
std::optional<std::string_view> name_below(std::string_view directory, std::string_view key);

inline bool is_directory_key(const ObjectKey& key) {
    return key.empty() || key.str().back() == '/';
}

// Key of a file `name` in `directory`. Errors: name_too_long, invalid_name.
Result<ObjectKey> file_key(const ObjectKey& directory, std::string_view name,
                           uint64_t key_bytes_max);
// Key of a directory `name` in `directory`, with its '/'. Errors as file_key().
Result<ObjectKey> directory_key(const ObjectKey& directory, std::string_view name,
                                uint64_t key_bytes_max);

// The directory that holds `key` ("" for the root's children and the root), and the name in it.
ObjectKey parent_key(const ObjectKey& key);
std::string name_of(const ObjectKey& key);

// `key` with its leading `from` replaced by `to`; `key` starts with `from`.
ObjectKey moved_key(const ObjectKey& key, const std::string& from, const std::string& to);

// Symbolic links. The key that `target`, read in the directory of `link`, names in this bucket;
// nullopt when it is absolute, leaves the bucket, or names no file key.
std::optional<ObjectKey> resolve_link(const ObjectKey& link, std::string_view target);
// True unless `target`, followed from the directory of `link`, must end inside of the mount: it is
// relative and goes up, if at all, at its start only and no further than the root. (Behind a name
// ".." goes up from wherever that name leads, which may be a link itself.)
bool may_lead_outside(const ObjectKey& link, std::string_view target);
// The shortest relative text that names `target` from the directory of `link`.
std::string relative_link(const ObjectKey& link, const ObjectKey& target);

}  // namespace xbucket
