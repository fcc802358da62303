// SPDX-FileCopyrightText: the xbucket authors
#include "spool_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace xbucket {
namespace {

constexpr uint64_t kChunk = SpoolPlaces::kChunkBytes;

Result<size_t> write_some(int fd, std::string_view bytes, uint64_t offset) {
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n =
            pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (n >= 0) {
            done += static_cast<size_t>(n);
            continue;
        }
        if (errno == EINTR) continue;
        if (done != 0) break;
        return spool_error("cannot write to the spool", errno);
    }
    return done;
}

// What the file does not reach is zeros.
Result<void> read_all(int fd, char* buffer, size_t bytes, uint64_t offset) {
    size_t done = 0;
    while (fd >= 0 && done < bytes) {
        const ssize_t n = pread(fd, buffer + done, bytes - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return spool_error("cannot read from the spool", errno);
        if (n == 0) break;
        done += static_cast<size_t>(n);
    }
    std::memset(buffer + done, 0, bytes - done);
    return {};
}

}  // namespace

Error spool_error(const std::string& what, int error) {
    ErrorKind kind = ErrorKind::io;
    if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
    if (error == EFBIG) kind = ErrorKind::file_too_large;
    return fail(kind, fmt::format("{}: {}", what, std::strerror(error)));
}

// O_TMPFILE where the file system has it: only such a file can get a name later without being
// copied.
Result<int> open_unnamed(const std::string& directory) {
    const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL) {
        return spool_error("cannot make a spool file in " + directory, errno);
    }
    std::string path = directory + "/xbucket-spool-XXXXXX";
    const int named = mkostemp(path.data(), O_CLOEXEC);
    if (named < 0) return spool_error("cannot make a spool file in " + directory, errno);
    unlink(path.c_str());
    return named;
}

Result<void> write_all(int fd, std::string_view bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const size_t n = TRY(write_some(fd, bytes, offset));
        bytes.remove_prefix(n);
        offset += n;
    }
    return {};
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

SpoolPlaces::~SpoolPlaces() {
    LockGuard lock(mutex_);
    cut(0);
}

Result<void> SpoolPlaces::prepare() {
    LockGuard lock(mutex_);
    if (TRY(home_for_new()) == Home::memory) memory_left_->release(kChunk);
    return {};
}

Result<size_t> SpoolPlaces::write(uint64_t offset, std::string_view bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
        Result<Run> run = [&] {
            LockGuard lock(mutex_);
            return place(offset + done, bytes.size() - done);
        }();
        Result<size_t> written =
            run ? write_some(run->fd, bytes.substr(done, run->bytes), run->offset)
                : Result<size_t>(std::move(run).error());
        if (!written && done == 0) return written;
        if (!written) break;
        done += *written;
        LockGuard lock(mutex_);
        size_ = std::max(size_, offset + done);
        if (*written < run->bytes) break;
    }
    return done;
}

Result<void> SpoolPlaces::resize(uint64_t size) {
    LockGuard lock(mutex_);
    const bool shorter = size < size_;
    for (const int fd : {memory_.get(), disk_.get()}) {
        if (shorter && fd >= 0 && ftruncate(fd, static_cast<off_t>(size)) != 0) {
            return spool_error("cannot resize the spool file", errno);
        }
    }
    cut(size);
    size_ = size;
    return {};
}

Result<size_t> SpoolPlaces::read(char* buffer, size_t bytes, uint64_t offset) const {
    size_t done = 0;
    while (done < bytes) {
        Run run;
        {
            LockGuard lock(mutex_);
            const uint64_t at = offset + done;
            if (at >= size_) break;
            run = run_at(at, static_cast<size_t>(std::min<uint64_t>(bytes - done, size_ - at)));
        }
        TRY(read_all(run.fd, buffer + done, run.bytes, run.offset));
        done += run.bytes;
    }
    return done;
}

Result<int> SpoolPlaces::to_disk() {
    LockGuard lock(mutex_);
    if (disk_.get() < 0) TRY(open_disk());
    std::string chunk(kChunk, '\0');
    for (size_t i = 0; i < homes_.size(); ++i) {
        if (homes_[i] != Home::memory) continue;
        const uint64_t offset = i * kChunk;
        chunk.resize(static_cast<size_t>(std::min(kChunk, size_ - offset)));
        TRY(read_all(memory_.get(), chunk.data(), chunk.size(), offset));
        TRY(write_all(disk_.get(), chunk, offset));
        homes_[i] = Home::disk;
        memory_left_->release(kChunk);
    }
    if (ftruncate(disk_.get(), static_cast<off_t>(size_)) != 0) {
        return spool_error("cannot resize the spool file", errno);
    }
    return disk_.get();
}

// Gives the chunk at `offset` a home, and those behind it as long as it is the same one.
Result<SpoolPlaces::Run> SpoolPlaces::place(uint64_t offset, size_t bytes) {
    const uint64_t end = offset + bytes;
    const auto last = static_cast<size_t>((end - 1) / kChunk);
    if (homes_.size() <= last) homes_.resize(last + 1, Home::none);
    for (auto i = static_cast<size_t>(offset / kChunk); i <= last; ++i) {
        if (homes_[i] != Home::none) continue;
        Result<Home> home = home_for_new();
        if (home) {
            homes_[i] = *home;
        } else if (i * kChunk <= offset) {
            return std::move(home).error();
        } else {
            return run_at(offset, static_cast<size_t>(i * kChunk - offset));
        }
    }
    return run_at(offset, bytes);
}

SpoolPlaces::Run SpoolPlaces::run_at(uint64_t offset, size_t bytes) const {
    const auto home_of = [&](size_t i) REQUIRES(mutex_) {
        return i < homes_.size() ? homes_[i] : Home::none;
    };
    auto i = static_cast<size_t>(offset / kChunk);
    const Home home = home_of(i);
    uint64_t end = (i + 1) * kChunk;
    while (end < offset + bytes && home_of(++i) == home) end += kChunk;
    return {offset, static_cast<size_t>(std::min(end, offset + bytes) - offset), fd_of(home)};
}

Result<SpoolPlaces::Home> SpoolPlaces::home_for_new() {
    if (!no_memory_ && memory_left_->reserve(kChunk)) {
        if (open_memory()) return Home::memory;
        memory_left_->release(kChunk);
    }
    if (disk_.get() < 0) TRY(open_disk());
    return Home::disk;
}

bool SpoolPlaces::open_memory() {
    if (memory_.get() < 0) memory_ = FileDescriptor(memfd_create("xbucket-spool", MFD_CLOEXEC));
    no_memory_ = memory_.get() < 0;
    return !no_memory_;
}

Result<void> SpoolPlaces::open_disk() {
    disk_ = FileDescriptor(TRY(open_unnamed(directory_)));
    return {};
}

// Chunks wholly behind `size` have no home any more.
void SpoolPlaces::cut(uint64_t size) {
    const auto kept = static_cast<size_t>((size + kChunk - 1) / kChunk);
    for (size_t i = kept; i < homes_.size(); ++i)
        if (homes_[i] == Home::memory) memory_left_->release(kChunk);
    if (kept < homes_.size()) homes_.resize(kept);
}

int SpoolPlaces::fd_of(Home home) const {
    if (home == Home::none) return -1;
    return home == Home::memory ? memory_.get() : disk_.get();
}

}  // namespace xbucket
