// SPDX-FileCopyrightText: the xbucket authors
// The names of one directory in the order of the keys, as its listings told them. A hint, not a
// truth: who asks for a sibling that is gone hears so from the service. Names of directories end in
// '/', as their keys do.
//
// Each name has a number, its place, that stays the same while names are added behind it and the
// foremost are let go; a listing that shows other names than before moves the places behind them.
#pragma once

#include "xbucket/base/types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// Externally locked.
class Siblings {
  public:
    using Place = uint64_t;

    // Names of one page in order; they take the place of all that stood between the first and the
    // last of them. Returns whether places that were given out moved.
    bool add(const std::vector<std::string>& names);
    // Lets the foremost names go, a page at a time, all but the last page. Returns whether it did.
    bool drop_front();

    std::optional<Place> find(std::string_view name) const;
    // `place` must lie in [begin(), end()).
    std::string_view at(Place place) const;
    Place begin() const { return pages_.empty() ? 0 : pages_.front().begin; }
    Place end() const { return pages_.empty() ? 0 : pages_.back().end(); }
    // Memory that the names take.
    size_t bytes() const { return bytes_; }

  private:
    struct Page {
        Place begin = 0;
        std::string text;            // all names
        std::vector<uint32_t> ends;  // of each in `text`
        size_t size() const { return ends.size(); }
        Place end() const { return begin + ends.size(); }
        std::string_view name(size_t i) const;
        void push(std::string_view name);
        // Index of the first name that is not before `wanted`.
        size_t lower_bound(std::string_view wanted) const;
        Page part(size_t from, size_t to) const;
        size_t bytes() const { return text.capacity() + ends.capacity() * sizeof(uint32_t); }
    };
    using Pages = std::vector<Page>;
    bool replace(Pages::iterator first, Pages::iterator behind, Page page);
    // The last page that begins at or before `name`.
    Pages::const_iterator page_for(std::string_view name) const;

    Pages pages_;  // in order, none empty
    size_t bytes_ = 0;
};

}  // namespace xbucket
