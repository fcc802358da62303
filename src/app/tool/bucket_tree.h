// SPDX-FileCopyrightText: the xbucket authors
// Objects reached through the metadata engine in this process: no mount needed.
#pragma once

#include "../bucket.h"
#include "tree.h"

#include <string_view>

namespace xbucket::app {

// "oss://bucket/some/key" in its two parts; the key of "oss://bucket" is "".
struct ObjectUrl {
    std::string source;  // "oss://bucket", "local:DIR#bucket"
    std::string key;     // exactly as written, no '/' in front
};
// Whether a word is a URL rather than a path.
bool is_object_url(std::string_view word);
// Errors: invalid_argument.
Result<ObjectUrl> parse_object_url(const std::string& word);

// `source` is in front of each key that is shown.
std::unique_ptr<Tree> make_bucket_tree(std::unique_ptr<Bucket> bucket, std::string source);

}  // namespace xbucket::app
