// SPDX-FileCopyrightText: the xbucket authors
#include "part_grid.h"

#include <algorithm>

namespace xbucket {

bool PartGrid::next(Step& step) const {
    if (step.bytes == 0) {
        step = {0, 0, cell_bytes_, cell_bytes_ >= cell_bytes_max_};
        return true;
    }
    if (step.last) return false;
    step.first += step_;
    step.begin += step_ * step.bytes;
    step.bytes = std::min(step.bytes * 2, cell_bytes_max_);
    step.last = step.bytes == cell_bytes_max_;
    return true;
}

uint64_t PartGrid::cell_of(uint64_t offset) const {
    Step step;
    Step at;
    while (next(step) && step.begin <= offset) at = step;
    return at.first + (offset - at.begin) / at.bytes;
}

ByteRange PartGrid::cell(uint64_t number) const {
    Step step;
    Step at;
    while (next(step) && step.first <= number) at = step;
    const uint64_t begin = at.begin + (number - at.first) * at.bytes;
    return {begin, begin + at.bytes};
}

}  // namespace xbucket
