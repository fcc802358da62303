// SPDX-FileCopyrightText: the xbucket authors
// CRC64 of an object that is read piece by piece, in any order: pieces that touch are joined, and
// when one run covers the whole object, its CRC can be compared with what the service says.
#pragma once

#include "xbucket/base/digest.h"

#include <cstdint>
#include <map>
#include <optional>

namespace xbucket {

// Externally locked.
class CrcCover {
  public:
    explicit CrcCover(Crc64Kind kind = Crc64Kind::xz) : kind_(kind) {}
    // A piece [offset, offset + length) and its CRC64. What overlaps something known is left out.
    void add(uint64_t offset, uint64_t length, uint64_t crc);
    // The CRC of [0, size) once it is covered.
    std::optional<uint64_t> whole(uint64_t size) const;
    // Bytes that are covered, in all.
    uint64_t bytes() const { return bytes_; }
    void clear();

  private:
    struct Run {
        uint64_t length = 0;
        uint64_t crc = 0;
    };
    static constexpr size_t kRunsMax = 4096;  // beyond it (random reads) the check is given up
    const Crc64Kind kind_;
    std::map<uint64_t, Run> runs_;
    uint64_t bytes_ = 0;
    bool given_up_ = false;
};

}  // namespace xbucket
