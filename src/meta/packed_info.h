// SPDX-FileCopyrightText: the xbucket authors
// What is known of an object, in one string: what the cache keeps of a million objects must not
// cost a dozen allocations each. Pure.
#pragma once

#include "xbucket/meta/posix_record.h"
#include "xbucket/store/object_types.h"

#include <string>
#include <string_view>

namespace xbucket {

// The few facts that a listing tells, and what an object's metadata records of POSIX state.
struct ObjectSummary {
    uint64_t size = 0;
    ETag etag;
    WallTime last_modified;
    ObjectType type = ObjectType::unknown;
    std::string storage_class;
    PosixRecord posix;
};

// All of `info` but its request id. The result is about as long as the strings in it, plus one or
// two bytes for each and some twenty for the numbers.
std::string pack(const ObjectInfo& info);
std::string pack(const ObjectSummary& summary);

// What pack() took; `packed` must come from there.
ObjectInfo unpack_info(std::string_view packed);
// Of either kind of packed string.
ObjectSummary unpack_summary(std::string_view packed);

}  // namespace xbucket
