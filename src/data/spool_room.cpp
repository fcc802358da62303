// SPDX-FileCopyrightText: the xbucket authors
#include "spool_room.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace xbucket {
namespace {

// Room is asked for in steps that grow with the file: a quarter of what it has.
constexpr uint64_t kStepMax = 16U << 20;
constexpr size_t kIdleMax = 64;
constexpr uint64_t kMarginBytes = 256U << 10;

}  // namespace

Error spool_error(const std::string& what, int error) {
    ErrorKind kind = ErrorKind::io;
    if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
    if (error == EFBIG) kind = ErrorKind::file_too_large;
    if (error == EOPNOTSUPP || error == ENOSYS) kind = ErrorKind::unsupported;
    return fail(kind, fmt::format("{}: {}", what, std::strerror(error)));
}

// O_TMPFILE where the file system has it: only such a file can get a name later without being
// copied.
Result<DiskFile> DiskFile::open(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return DiskFile(FileDescriptor(fd), true);
    const std::string what = "cannot make a spool file in " + directory;
    const bool unknown =
        errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL;
    if (!unknown) return spool_error(what, errno);
    std::string path = directory + "/xbucket-spool-XXXXXX";
    const int named = mkostemp(path.data(), O_CLOEXEC);
    if (named < 0) return spool_error(what, errno);
    unlink(path.c_str());
    return DiskFile(FileDescriptor(named), false);
}

Result<void> DiskFile::make_room(ByteRange range) {
    // Its content would need the room twice over to be kept.
    if (!linkable_) return fail(ErrorKind::unsupported, "no unnamed files on the spool's disk");
    if (has_room(range)) return {};
    ByteRange more = range;
    if (range.begin == next_) {
        // Whole pieces, or the next one would not begin where this ends.
        const uint64_t pieces = std::min(room_bytes() / 4, kStepMax) / range.size();
        more.end = more.begin + std::max<uint64_t>(1, pieces) * range.size();
    }
    Result<void> made = allocate(more);
    if (!made && made.error().kind == ErrorKind::no_space) made = allocate(range);
    return made;
}

Result<void> DiskFile::allocate(ByteRange range) {
    int result = 0;
    do {
        result =
            fallocate(fd(), 0, static_cast<off_t>(range.begin), static_cast<off_t>(range.size()));
    } while (result != 0 && errno == EINTR);
    if (result != 0) return spool_error("cannot set room aside in the spool", errno);
    room_.add(range);
    next_ = range.end;
    return {};
}

Result<void> DiskFile::cut(uint64_t size) {
    if (ftruncate(fd(), static_cast<off_t>(size)) != 0) {
        return spool_error("cannot resize the spool file", errno);
    }
    room_.remove({size, UINT64_MAX});
    next_ = std::min(next_, size);
    return {};
}

Result<DiskFile> DiskFiles::take() {
    hold_margin();
    {
        LockGuard lock(mutex_);
        if (!idle_.empty()) {
            DiskFile file = std::move(idle_.back());
            idle_.pop_back();
            return file;
        }
    }
    return DiskFile::open(directory_);
}

void DiskFiles::give_back(DiskFile file) {
    const uint64_t room = file.room_bytes();
    if (room == 0 || room > DiskFile::kIdleRoomMax) return;
    LockGuard lock(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(file));
}

bool DiskFiles::drop_idle() {
    std::vector<DiskFile> idle;
    LockGuard lock(mutex_);
    idle.swap(idle_);
    return !idle.empty();
}

void DiskFiles::hold_margin() {
    LockGuard lock(mutex_);
    if (margin_ || no_room_aside_) return;
    Result<DiskFile> file = DiskFile::open(directory_);
    if (!file) return;
    const Result<void> made = file->make_room({0, kMarginBytes});
    if (made) {
        margin_.emplace(std::move(*file));
    } else {
        no_room_aside_ = made.error().kind == ErrorKind::unsupported;
    }
}

void DiskFiles::give_margin() {
    LockGuard lock(mutex_);
    margin_.reset();
}

}  // namespace xbucket
