// SPDX-FileCopyrightText: the xbucket authors
// A set of byte offsets, kept as ranges that neither touch nor overlap. Pure.
#pragma once

#include "xbucket/data/file_content.h"

#include <cstdint>
#include <map>
#include <vector>

namespace xbucket {

class RangeSet {
  public:
    void add(ByteRange range);
    void remove(ByteRange range);
    void clear() { ranges_.clear(); }

    // Bytes of `range` that are in the set.
    uint64_t covered(ByteRange range) const;
    bool overlaps(ByteRange range) const { return covered(range) != 0; }
    // What of `range` is in the set, or is not; in order.
    std::vector<ByteRange> parts_in(ByteRange range) const;
    std::vector<ByteRange> gaps_in(ByteRange range) const;

  private:
    std::map<uint64_t, uint64_t> ranges_;  // begin -> end
};

}  // namespace xbucket
