// SPDX-FileCopyrightText: the xbucket authors
// How a file is cut into parts. Cells are numbered from 0, and part numbers are cell + 1. Pure.
#pragma once

#include "xbucket/data/file_content.h"

#include <cstdint>

namespace xbucket {

// For a file whose size is not known yet the cells grow, so that those that a service allows
// reach far: every kCellsPerStep of them the next are twice as large.
class PartGrid {
  public:
    static constexpr uint64_t kCellsPerStep = 500;

    static PartGrid growing(uint64_t cell_bytes, uint64_t cell_bytes_max) {
        return {cell_bytes, cell_bytes_max, kCellsPerStep};
    }
    static PartGrid even(uint64_t cell_bytes) { return {cell_bytes, cell_bytes, UINT64_MAX}; }

    uint64_t cell_of(uint64_t offset) const;
    ByteRange cell(uint64_t number) const;

  private:
    PartGrid(uint64_t cell_bytes, uint64_t cell_bytes_max, uint64_t cells_per_step)
        : cell_bytes_(cell_bytes), cell_bytes_max_(cell_bytes_max), step_(cells_per_step) {}
    // Cells [first, ...) are all of `bytes`, from `begin` on.
    struct Step {
        uint64_t first = 0;
        uint64_t begin = 0;
        uint64_t bytes = 0;
        bool last = false;
    };
    bool next(Step& step) const;

    uint64_t cell_bytes_;
    uint64_t cell_bytes_max_;
    uint64_t step_;
};

}  // namespace xbucket
