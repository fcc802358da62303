// SPDX-FileCopyrightText: the xbucket authors
#include "read_ahead.h"

#include <algorithm>

namespace xbucket {
namespace {

constexpr uint64_t kMiB = 1U << 20;
// A read this large comes from somebody who reads on: kernels ask for that much only then.
constexpr uint64_t kLargeRead = 64U << 10;
// Kernels send what they read ahead in parallel, and hence not quite in order: where a program has
// announced that it reads on, two windows of 2 MiB are under way.
constexpr uint64_t kSlackOfLargeReads = 3 * kMiB;
constexpr uint64_t kSlack = kMiB;
// Beginning of a file that is read bit by bit: its header, perhaps no more.
constexpr uint64_t kFirstLook = 128U << 10;
// Fetched by one GET when read from its beginning.
constexpr uint64_t kSmallObject = 2 * kMiB;
constexpr uint64_t kWindowFirst = kMiB;
constexpr uint64_t kWindowOfLongRun = 4 * ReadAhead::kPieceBytesMax;

uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

ReadAhead::Plan ReadAhead::on_read(uint64_t offset, uint64_t bytes, uint64_t size, bool missing,
                                   uint64_t ahead_max) {
    const uint64_t end = offset + bytes;
    Plan plan;
    plan.from = offset;
    plan.piece_bytes = kMiB;
    Place* place = find(offset, bytes, bytes >= kLargeRead || end == size);
    if (place != nullptr) {
        if (place->window == 0) {
            place->window = kWindowFirst;
        } else if (missing) {
            place->window *= 2;
        }
        place->run += bytes;
        place->window = std::max(place->window, std::min(place->run / 4, kWindowOfLongRun));
        place->window = std::min(place->window, std::max(ahead_max, kWindowFirst));
        place->next = std::max(place->next, end);
        const uint64_t ahead = std::min(place->window, ahead_max);
        plan.until = std::min(size, place->next + ahead);
        plan.piece_bytes = std::clamp(ahead / 4 / kMiB * kMiB, kMiB, kPieceBytesMax);
    } else {
        place = &least_used();
        plan.new_place = place->last_used != 0;
        *place = Place{};
        place->next = end;
        plan.until = end;
        if (bytes >= kLargeRead && size <= kSmallObject) {
            // The kernel's pieces come in any order; what is got whole can be checked.
            plan.from = 0;
            plan.until = size;
            plan.piece_bytes = kSmallObject;
        } else if (offset == 0 && bytes < kLargeRead) {
            plan.until = std::max(end, std::min(size, kFirstLook));
        } else if (offset == 0) {
            plan.until = std::max(end, std::min(size, kMiB));
        }
    }
    place->last_used = ++uses_;
    plan.next = place->next;
    plan.place = static_cast<size_t>(place - places_.data());
    return plan;
}

ReadAhead::Place* ReadAhead::find(uint64_t offset, uint64_t bytes, bool large) {
    Place* best = nullptr;
    for (Place& place : places_) {
        if (place.last_used == 0) continue;
        const uint64_t slack = large ? kSlackOfLargeReads : place.window != 0 ? kSlack : kLargeRead;
        const bool near = offset <= place.next + slack && place.next <= offset + bytes + slack;
        if (!near) continue;
        if (best == nullptr || distance(place.next, offset) < distance(best->next, offset)) {
            best = &place;
        }
    }
    return best;
}

ReadAhead::Place& ReadAhead::least_used() {
    return *std::min_element(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
        return a.last_used < b.last_used;
    });
}

}  // namespace xbucket
