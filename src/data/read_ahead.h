// SPDX-FileCopyrightText: the xbucket authors
// How far ahead of one reader to fetch. Pure: told each read, it says until where to have fetched.
//
// A reader may follow a few places at once (audio and video of one container), so that many streams
// are told apart, the least recently used one making room. A read that continues none of them
// fetches what it asks for and nothing else: a random read of 4 KiB costs 4 KiB. A stream that goes
// on gets a window that doubles as long as it finds nothing there yet. Where everything is there in
// time it grows with what has been read, so that a long file does not take a thousand requests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace xbucket {

// Externally locked.
class ReadAhead {
  public:
    static constexpr size_t kPlaces = 4;
    static constexpr uint64_t kPieceBytesMax = 16U << 20;

    struct Plan {
        size_t place = 0;          // which stream, below kPlaces
        bool new_place = false;    // what was fetched for that place so far is of no use now
        uint64_t from = 0;         // where to begin, at or before the read
        uint64_t next = 0;         // up to here reads have asked for what they want themselves
        uint64_t until = 0;        // have fetched everything before it
        uint64_t piece_bytes = 0;  // of one GET
    };
    // A read of [offset, offset + bytes), not empty and inside an object of `size`. `missing`: not
    // all of it is here. `ahead_max`: what memory allows.
    Plan on_read(uint64_t offset, uint64_t bytes, uint64_t size, bool missing, uint64_t ahead_max);

    // Where the stream of a place goes on.
    uint64_t next_of(size_t place) const { return places_[place].next; }

  private:
    struct Place {
        uint64_t next = 0;
        uint64_t window = 0;
        uint64_t run = 0;        // bytes that were read on
        uint64_t last_used = 0;  // 0: never
    };
    // `large`: of those that kernels send in parallel.
    Place* find(uint64_t offset, uint64_t bytes, bool large);
    Place& least_used();

    std::array<Place, kPlaces> places_;
    uint64_t uses_ = 0;
};

}  // namespace xbucket
