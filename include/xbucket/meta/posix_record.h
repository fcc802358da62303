// SPDX-FileCopyrightText: the xbucket authors
// POSIX state that is recorded in user metadata, in the keys that s3fs, ossfs, rclone and geesefs
// read (DESIGN 4, peers.md 1a): decimal `mode`, `uid`, `gid`; `mtime`, `atime`, `ctime` as decimal
// seconds with a fraction where there is one. Unset members are not recorded.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/store/object_types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

struct PosixRecord {
    std::optional<uint32_t> mode;  // st_mode with file type bits, as s3fs writes it
    std::optional<uint32_t> uid;
    std::optional<uint32_t> gid;
    std::optional<WallTime> mtime;
    std::optional<WallTime> atime;
    std::optional<WallTime> ctime;

    bool empty() const { return !mode && !uid && !gid && !mtime && !atime && !ctime; }
    // Members set in `change` win.
    void merge(const PosixRecord& change);
    friend bool operator==(const PosixRecord&, const PosixRecord&) = default;
};

// The text of a symbolic link that its metadata holds, as geesefs writes it, and ossfs with
// symlink_in_meta; "" where ossfs says that it is the object's content. nullopt: metadata speaks of
// no link, which by its mode alone may still be one.
std::optional<std::string> read_link_target(const UserMetadata& user);
// Reads what is recorded. Text that is no number, or out of range, is as if it were not there.
PosixRecord read_posix_record(const ObjectAttributes& attributes);
// Writes the set members of `record` into the metadata, leaving the rest as it is.
void write_posix_record(const PosixRecord& record, ObjectAttributes& attributes);
// True for the metadata names that carry POSIX state ("mode", "mtime", ...): not listed, reachable
// as user.meta.NAME.
bool is_posix_name(std::string_view metadata_name);

}  // namespace xbucket
