// SPDX-FileCopyrightText: the xbucket authors
// What file system operations answer, free of FUSE types. fuse/ translates.
#pragma once

#include "xbucket/base/clock.h"

#include <cstdint>
#include <optional>
#include <string>

namespace xbucket {

enum class InodeNumber : uint64_t {};
enum class HandleId : uint64_t {};
inline constexpr InodeNumber kRootInode{1};

struct Attr {
    InodeNumber ino{};
    uint32_t mode = 0;  // with file type
    uint32_t nlink = 1;
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint64_t size = 0;
    WallTime atime, mtime, ctime;
    Duration timeout{0};  // how long the kernel may keep this
};

struct Entry {
    Attr attr;
    uint64_t generation = 1;
    Duration timeout{0};  // of the name
};

struct SetAttr {
    std::optional<uint32_t> mode;
    std::optional<uint32_t> uid;
    std::optional<uint32_t> gid;
    std::optional<uint64_t> size;
    std::optional<WallTime> atime;
    std::optional<WallTime> mtime;
};

struct Opened {
    HandleId handle{};
    bool keep_cache = false;
};

struct StatFs {
    uint64_t blocks = 0;  // of block_bytes
    uint64_t blocks_free = 0;
    uint64_t files = 0;
    uint64_t files_free = 0;
    uint32_t block_bytes = 4096;
    uint32_t name_bytes_max = 255;
};

// Who asks; for ownership of new files.
struct Caller {
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t umask = 022;
};

}  // namespace xbucket
