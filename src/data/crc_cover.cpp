// SPDX-FileCopyrightText: the xbucket authors
#include "crc_cover.h"

#include <iterator>

namespace xbucket {

void CrcCover::add(uint64_t offset, uint64_t length, uint64_t crc) {
    if (given_up_ || length == 0) return;
    auto next = runs_.lower_bound(offset);
    if (next != runs_.end() && next->first < offset + length) return;
    auto at = runs_.end();
    if (next != runs_.begin()) {
        const auto before = std::prev(next);
        const uint64_t end = before->first + before->second.length;
        if (end > offset) return;
        if (end == offset) {
            before->second.crc = crc64_combine(kind_, before->second.crc, crc, length);
            before->second.length += length;
            at = before;
        }
    }
    bytes_ += length;
    if (at == runs_.end()) at = runs_.emplace_hint(next, offset, Run{length, crc});
    if (next != runs_.end() && at->first + at->second.length == next->first) {
        at->second.crc =
            crc64_combine(kind_, at->second.crc, next->second.crc, next->second.length);
        at->second.length += next->second.length;
        runs_.erase(next);
    }
    if (runs_.size() > kRunsMax) {
        clear();
        given_up_ = true;
    }
}

void CrcCover::clear() {
    runs_.clear();
    bytes_ = 0;
}

std::optional<uint64_t> CrcCover::whole(uint64_t size) const {
    const auto first = runs_.find(0);
    if (first == runs_.end() || first->second.length != size) return std::nullopt;
    return first->second.crc;
}

}  // namespace xbucket
