// SPDX-FileCopyrightText: the xbucket authors
// What chmod, chown and utimens said and nothing has recorded yet, and of which object they said
// it: a time belongs to the content that it was set on, and whoever replaces the object's content
// has the word on its mode and owner, where he says something of them. Pure.
#pragma once

#include "xbucket/meta/posix_record.h"
#include "xbucket/store/object_types.h"

#include <cstdint>
#include <optional>

namespace xbucket {

// What was known of an object.
struct PosixBase {
    ETag etag;
    uint64_t size = 0;
    std::optional<PosixRecord> recorded;  // nullopt: a listing does not tell

    static PosixBase of(const ObjectInfo& info) {
        return {info.etag, info.size, read_posix_record(info.attributes)};
    }
};

struct PendingRecord {
    PosixRecord record;
    // The object when the times, and when mode and owner were set; nullopt: nothing was known.
    std::optional<PosixBase> times_of;
    std::optional<PosixBase> rights_of;

    bool empty() const { return record.empty(); }
};

// What of `pending` is meant for `base`, of which `content` is the ETag that its content had before
// copies of ours. All of it, unless somebody replaced the content: then the mode and the owner that
// he left as they were.
PosixRecord meant_for(const PendingRecord& pending, const ObjectInfo& base, const ETag& content);

// Calls `f` with a pointer to each member of PosixRecord.
template <class F>
void for_each_member(F f) {
    f(&PosixRecord::mode);
    f(&PosixRecord::uid);
    f(&PosixRecord::gid);
    f(&PosixRecord::mtime);
    f(&PosixRecord::atime);
    f(&PosixRecord::ctime);
}

}  // namespace xbucket
