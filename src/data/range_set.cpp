// SPDX-FileCopyrightText: the xbucket authors
#include "range_set.h"

#include <algorithm>

namespace xbucket {

void RangeSet::add(ByteRange range) {
    if (range.begin >= range.end) return;
    auto it = ranges_.upper_bound(range.begin);
    if (it != ranges_.begin()) {
        const auto before = std::prev(it);
        if (before->second >= range.begin) it = before;
    }
    while (it != ranges_.end() && it->first <= range.end) {
        range.begin = std::min(range.begin, it->first);
        range.end = std::max(range.end, it->second);
        it = ranges_.erase(it);
    }
    ranges_.emplace(range.begin, range.end);
}

void RangeSet::remove(ByteRange range) {
    if (range.begin >= range.end) return;
    auto it = ranges_.upper_bound(range.begin);
    if (it != ranges_.begin()) --it;
    while (it != ranges_.end() && it->first < range.end) {
        const ByteRange old{it->first, it->second};
        if (old.end <= range.begin) {
            ++it;
            continue;
        }
        it = ranges_.erase(it);
        if (old.begin < range.begin) ranges_.emplace(old.begin, range.begin);
        if (old.end > range.end) ranges_.emplace(range.end, old.end);
    }
}

std::vector<ByteRange> RangeSet::parts_in(ByteRange range) const {
    std::vector<ByteRange> parts;
    if (range.begin >= range.end) return parts;
    auto it = ranges_.upper_bound(range.begin);
    if (it != ranges_.begin()) --it;
    for (; it != ranges_.end() && it->first < range.end; ++it) {
        const ByteRange part{std::max(it->first, range.begin), std::min(it->second, range.end)};
        if (part.begin < part.end) parts.push_back(part);
    }
    return parts;
}

std::vector<ByteRange> RangeSet::gaps_in(ByteRange range) const {
    std::vector<ByteRange> gaps;
    uint64_t at = range.begin;
    for (const ByteRange& part : parts_in(range)) {
        if (part.begin > at) gaps.push_back({at, part.begin});
        at = part.end;
    }
    if (at < range.end) gaps.push_back({at, range.end});
    return gaps;
}

uint64_t RangeSet::covered(ByteRange range) const {
    uint64_t bytes = 0;
    for (const ByteRange& part : parts_in(range)) bytes += part.size();
    return bytes;
}

}  // namespace xbucket
