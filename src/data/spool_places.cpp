// SPDX-FileCopyrightText: the xbucket authors
#include "spool_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>

namespace xbucket {
namespace {

constexpr uint64_t kChunk = SpoolPlaces::kChunkBytes;
// Behind everything that a file holds; not so far that a system of 32 bits does not look.
constexpr off64_t kBehindAll = off64_t{1} << 43;

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

Result<void> write_all(int fd, std::string_view bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const size_t n = TRY(write_some(fd, bytes, offset));
        bytes.remove_prefix(n);
        offset += n;
    }
    return {};
}

SpoolPlaces::~SpoolPlaces() {
    LockGuard lock(mutex_);
    cut(0);
    if (disk_ && !disk_used_) files_->give_back(std::move(*disk_));
}

Result<void> SpoolPlaces::prepare() {
    LockGuard lock(mutex_);
    if (TRY(home_for_new(0)) == Home::memory) memory_left_->release(kChunk);
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
    if (shorter && memory_.get() >= 0 && ftruncate(memory_.get(), static_cast<off_t>(size)) != 0) {
        return spool_error("cannot resize the spool file", errno);
    }
    if (shorter && disk_) TRY(cut_disk(size));
    cut(size);
    size_ = size;
    return {};
}

// The last chunk keeps the room that it needs if it lies in memory. A little room and nothing in it
// is left alone: to give it back and to ask for it again costs more.
Result<void> SpoolPlaces::cut_disk(uint64_t size) {
    if (!disk_used_ && disk_->room_bytes() <= DiskFile::kIdleRoomMax) return {};
    const uint64_t last = size / kChunk;
    const bool in_memory = home_of(last) == Home::memory;
    return disk_->cut(in_memory ? (last + 1) * kChunk : size);
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
        LockGuard lock(mutex_);
        if (run.on_disk) TRY(check_disk());
    }
    return done;
}

// An empty range is written back already, so this waits for nothing; it only tells.
Result<void> SpoolPlaces::check_disk() const {
    if (sync_file_range(disk_->fd(), kBehindAll, 1, SYNC_FILE_RANGE_WAIT_BEFORE) != 0 &&
        (errno == EIO || errno == ENOSPC || errno == EDQUOT)) {
        disk_error_ = errno;
    }
    if (disk_error_ == 0) return {};
    return spool_error("the spool's disk has lost what was written to it", disk_error_);
}

Result<SpoolPlaces::OnDisk> SpoolPlaces::to_disk() {
    LockGuard lock(mutex_);
    if (!disk_) TRY(open_disk());
    disk_used_ = true;
    OnDisk on_disk{disk_->fd(), disk_->is_linkable(), {}};
    const auto note = [&](Result<void> result) {
        if (!result && on_disk.whole) on_disk.whole = std::move(result);
    };
    for (const auto& [place, homes] : homes_) {
        for (uint64_t i = 0; i < kHomesTogether; ++i) {
            if (homes[i] == Home::memory) note(move_chunk(place * kHomesTogether + i));
        }
    }
    if (ftruncate(disk_->fd(), static_cast<off_t>(size_)) != 0) {
        note(spool_error("cannot resize the spool file", errno));
    }
    if (fsync(disk_->fd()) != 0) disk_error_ = errno;
    note(check_disk());
    return on_disk;
}

Result<void> SpoolPlaces::move_chunk(uint64_t index) {
    const uint64_t offset = index * kChunk;
    std::string chunk(static_cast<size_t>(std::min(kChunk, size_ - offset)), '\0');
    TRY(read_all(memory_.get(), chunk.data(), chunk.size(), offset));
    TRY(write_all(disk_->fd(), chunk, offset));
    set_home(index, Home::disk);
    memory_left_->release(kChunk);
    return {};
}

// Gives the chunk at `offset` a home, and those behind it as long as it is the same one.
Result<SpoolPlaces::Run> SpoolPlaces::place(uint64_t offset, size_t bytes) {
    const uint64_t end = offset + bytes;
    for (uint64_t i = offset / kChunk; i <= (end - 1) / kChunk; ++i) {
        if (home_of(i) != Home::none) continue;
        Result<Home> home = home_for_new(i * kChunk);
        if (home) {
            set_home(i, *home);
        } else if (i * kChunk <= offset) {
            return std::move(home).error();
        } else {
            return run_at(offset, static_cast<size_t>(i * kChunk - offset));
        }
    }
    return run_at(offset, bytes);
}

SpoolPlaces::Run SpoolPlaces::run_at(uint64_t offset, size_t bytes) const {
    uint64_t i = offset / kChunk;
    const Home home = home_of(i);
    uint64_t end = (i + 1) * kChunk;
    while (end < offset + bytes && home_of(++i) == home) end += kChunk;
    return {offset, static_cast<size_t>(std::min(end, offset + bytes) - offset), fd_of(home),
            home == Home::disk};
}

SpoolPlaces::Home SpoolPlaces::home_of(uint64_t chunk) const {
    const auto found = homes_.find(chunk / kHomesTogether);
    return found == homes_.end() ? Home::none : found->second[chunk % kHomesTogether];
}

void SpoolPlaces::set_home(uint64_t chunk, Home home) {
    homes_[chunk / kHomesTogether][chunk % kHomesTogether] = home;  // the others: none
}

Result<SpoolPlaces::Home> SpoolPlaces::home_for_new(uint64_t offset) {
    if (!no_memory_ && memory_left_->reserve(kChunk)) {
        if (open_memory() && room_on_disk(offset)) return Home::memory;
        memory_left_->release(kChunk);
    }
    if (!disk_) TRY(open_disk());
    disk_used_ = true;
    return Home::disk;
}

// Where there is none the disk is tried as well, and says why.
bool SpoolPlaces::room_on_disk(uint64_t offset) {
    if (!disk_ && !open_disk()) return false;
    const ByteRange chunk{offset, offset + kChunk};
    Result<void> made = disk_->make_room(chunk);
    const bool full = !made && made.error().kind == ErrorKind::no_space;
    if (full && files_->drop_idle()) made = disk_->make_room(chunk);
    return made.has_value();
}

bool SpoolPlaces::open_memory() {
    if (memory_.get() < 0) memory_ = FileDescriptor(memfd_create("xbucket-spool", MFD_CLOEXEC));
    no_memory_ = memory_.get() < 0;
    return !no_memory_;
}

Result<void> SpoolPlaces::open_disk() {
    disk_.emplace(TRY(files_->take()));
    return {};
}

// Chunks wholly behind `size` have no home any more.
void SpoolPlaces::cut(uint64_t size) {
    const uint64_t kept = (size + kChunk - 1) / kChunk;
    for (auto at = homes_.lower_bound(kept / kHomesTogether); at != homes_.end();) {
        const uint64_t first = at->first * kHomesTogether;
        for (uint64_t i = kept > first ? kept - first : 0; i < kHomesTogether; ++i) {
            if (at->second[i] == Home::memory) memory_left_->release(kChunk);
            at->second[i] = Home::none;
        }
        at = first >= kept ? homes_.erase(at) : std::next(at);
    }
}

int SpoolPlaces::fd_of(Home home) const {
    if (home == Home::none) return -1;
    return home == Home::memory ? memory_.get() : disk_->fd();
}

}  // namespace xbucket
