// SPDX-FileCopyrightText: the xbucket authors
// One page of a listing, straight from the index: rows are visited in key order, and a common
// prefix is skipped in one seek once it has been seen, so a page costs the same whatever lies
// below the prefixes.
#pragma once

#include "object_db.h"

#include <functional>
#include <string>
#include <string_view>

namespace xbucket::local {

struct ListScan {
    std::string bucket;
    std::string prefix;
    std::string delimiter;
    // Only keys and common prefixes behind it; a common prefix that it lies inside is left out.
    std::string after;
    uint64_t entries_max = 1000;
};

struct ListRow {
    std::string_view key;
    uint64_t size = 0;
    std::string_view etag;
    int64_t mtime = 0;
    ObjectKind kind = ObjectKind::normal;
    std::string_view storage_class;
    int64_t restore_ready = 0;
    int64_t restore_until = 0;
};

struct ListVisitor {
    std::function<void(const ListRow&)> object;
    std::function<void(std::string_view)> common_prefix;
};

struct ListEnd {
    bool truncated = false;
    std::string last;  // last key or common prefix given: `after` of the next page
    uint64_t entries = 0;
};
Result<ListEnd> scan_page(Connection& c, const ListScan& scan, const ListVisitor& visitor);

// The smallest string greater than all that start with `prefix`; "" when there is none.
std::string after_prefix(std::string prefix);

}  // namespace xbucket::local
