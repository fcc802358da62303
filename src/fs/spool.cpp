// SPDX-FileCopyrightText: the xbucket authors
#include "spool.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket {
namespace {

constexpr size_t kHashPieceBytes = 1U << 20;

Error system_error(const std::string& what, int error) {
    ErrorKind kind = ErrorKind::io;
    if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
    if (error == EFBIG) kind = ErrorKind::file_too_large;
    return fail(kind, fmt::format("{}: {}", what, std::strerror(error)));
}

Result<void> make_directory(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
    return system_error("cannot make the directory " + path, errno);
}

// An unlinked file. O_TMPFILE where the file system has it: only such a file can get a name later
// without being copied.
Result<int> open_unnamed(const std::string& directory) {
    const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL) {
        return system_error("cannot make a spool file in " + directory, errno);
    }
    std::string path = directory + "/xbucket-spool-XXXXXX";
    const int named = mkostemp(path.data(), O_CLOEXEC);
    if (named < 0) return system_error("cannot make a spool file in " + directory, errno);
    unlink(path.c_str());
    return named;
}

Result<void> write_all(int fd, std::string_view bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return system_error("cannot write to the spool", errno);
        }
        bytes.remove_prefix(static_cast<size_t>(n));
        offset += static_cast<uint64_t>(n);
    }
    return {};
}

Result<size_t> read_some(int fd, char* buffer, size_t bytes, uint64_t offset) {
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = pread(fd, buffer + done, bytes - done, static_cast<off_t>(offset + done));
        if (n < 0) {
            if (errno == EINTR) continue;
            return system_error("cannot read from the spool", errno);
        }
        if (n == 0) break;
        done += static_cast<size_t>(n);
    }
    return done;
}

class SpoolBody final : public BodySource {
  public:
    SpoolBody(std::shared_ptr<FileDescriptor> file, uint64_t offset, uint64_t length)
        : file_(std::move(file)), offset_(offset), length_(length) {}

    uint64_t size() const override { return length_; }
    Result<void> rewind() override {
        done_ = 0;
        return {};
    }
    Result<Chunk> read(std::span<char> buffer) override {
        const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), length_ - done_));
        const size_t got = TRY(read_some(file_->get(), buffer.data(), want, offset_ + done_));
        if (got < want) {
            return fail(ErrorKind::io, "the spool file became shorter during its upload");
        }
        done_ += got;
        return Chunk{got, false};
    }

  private:
    const std::shared_ptr<FileDescriptor> file_;
    const uint64_t offset_;
    const uint64_t length_;
    uint64_t done_ = 0;
};

std::string note_text(const RecoveryNote& note, uint64_t size) {
    std::string attributes;
    for (const auto& [name, value] : note.attributes) {
        attributes +=
            fmt::format("{}\n    {}: {}", attributes.empty() ? "" : ",",
                        json_string(percent_encode(name)), json_string(percent_encode(value)));
    }
    return fmt::format(
        "{{\n  \"key\": {},\n  \"base_etag\": {},\n  \"bytes\": {},\n  \"time\": {},\n"
        "  \"error\": {},\n  \"attributes\": {{{}}},\n"
        "  \"about\": \"key, attribute names and values are percent-encoded\"\n}}\n",
        json_string(percent_encode(note.key.str(), true)), json_string(note.base_etag.str()), size,
        json_string(format_iso8601(note.time)), json_string(note.error), attributes);
}

Result<void> write_file(const std::string& path, std::string_view text) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return system_error("cannot make " + path, errno);
    TRY(write_all(file.get(), text, 0));
    if (fsync(file.get()) != 0) return system_error("cannot write " + path, errno);
    return {};
}

Result<void> copy_file(int from, uint64_t size, const std::string& path) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return system_error("cannot make " + path, errno);
    std::string piece(kHashPieceBytes, '\0');
    for (uint64_t offset = 0; offset < size;) {
        const size_t n = TRY(read_some(from, piece.data(), piece.size(), offset));
        if (n == 0) break;
        TRY(write_all(file.get(), std::string_view(piece).substr(0, n), offset));
        offset += n;
    }
    if (fsync(file.get()) != 0) return system_error("cannot write " + path, errno);
    return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

Result<std::unique_ptr<SpoolSpace>> SpoolSpace::create(const std::string& directory,
                                                       uint64_t bytes_max) {
    TRY(make_directory(directory, 0700));
    const FileDescriptor probe(TRY(open_unnamed(directory)));
    return std::unique_ptr<SpoolSpace>(new SpoolSpace(directory, bytes_max));
}

Result<void> SpoolSpace::reserve(uint64_t bytes) {
    LockGuard lock(mutex_);
    if (bytes_max_ != 0 && bytes > bytes_max_ - std::min(bytes_max_, bytes_used_)) {
        return fail(ErrorKind::no_space,
                    fmt::format("the spool in {} would be over its {} bytes; close files that are "
                                "being written, or allow more spool space",
                                directory_, bytes_max_));
    }
    bytes_used_ += bytes;
    return {};
}

void SpoolSpace::release(uint64_t bytes) {
    LockGuard lock(mutex_);
    bytes_used_ -= bytes;
}

uint64_t SpoolSpace::bytes_used() const {
    LockGuard lock(mutex_);
    return bytes_used_;
}

Result<std::unique_ptr<Spool>> Spool::create(SpoolSpace& space) {
    auto file = std::make_shared<FileDescriptor>(TRY(open_unnamed(space.directory())));
    return std::unique_ptr<Spool>(new Spool(space, std::move(file)));
}

Spool::~Spool() { space_.release(size_); }

Result<std::string> Spool::read(uint64_t offset, size_t bytes) const {
    if (offset >= size_) return std::string();
    std::string buffer(static_cast<size_t>(std::min<uint64_t>(bytes, size_ - offset)), '\0');
    buffer.resize(TRY(read_some(file_->get(), buffer.data(), buffer.size(), offset)));
    return buffer;
}

Result<void> Spool::write(uint64_t offset, std::string_view bytes) {
    const uint64_t end = offset + bytes.size();
    const uint64_t growth = end > size_ ? end - size_ : 0;
    if (growth != 0) TRY(space_.reserve(growth));
    Result<void> written = write_all(file_->get(), bytes, offset);
    if (!written) {
        // Whatever got beyond the old end is not part of the file.
        if (growth != 0 && ftruncate(file_->get(), static_cast<off_t>(size_)) == 0) {
            space_.release(growth);
        }
        return written;
    }
    size_ += growth;
    return {};
}

Result<void> Spool::resize(uint64_t size) {
    if (size > size_) TRY(space_.reserve(size - size_));
    if (ftruncate(file_->get(), static_cast<off_t>(size)) != 0) {
        const int error = errno;
        if (size > size_) space_.release(size - size_);
        return system_error("cannot resize the spool file", error);
    }
    if (size < size_) space_.release(size_ - size);
    size_ = size;
    return {};
}

std::shared_ptr<BodySource> Spool::body(uint64_t offset, uint64_t length) const {
    return std::make_shared<SpoolBody>(file_, offset, length);
}

Result<std::string> Spool::md5_hex() const {
    Hasher hasher(Hasher::Algorithm::md5);
    std::string piece(kHashPieceBytes, '\0');
    for (uint64_t offset = 0; offset < size_;) {
        const size_t n = TRY(read_some(file_->get(), piece.data(), piece.size(), offset));
        if (n == 0) break;
        hasher.update(std::string_view(piece).substr(0, n));
        offset += n;
    }
    return hex_encode(hasher.finish());
}

Result<std::string> Spool::keep(const RecoveryNote& note) const {
    const std::string folder = space_.directory() + "/recovery";
    TRY(make_directory(folder, 0700));
    // Names come from time and chance, never from the key: a key is not to be trusted as a path.
    const std::string path =
        fmt::format("{}/{}-{}", folder, format_basic_utc(note.time), hex_encode(random_bytes(6)));
    const std::string by_fd = fmt::format("/proc/self/fd/{}", file_->get());
    if (linkat(AT_FDCWD, by_fd.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
        if (fsync(file_->get()) != 0) return system_error("cannot write " + path, errno);
    } else {
        TRY(copy_file(file_->get(), size_, path));
    }
    TRY(write_file(path + ".json", note_text(note, size_)));
    const FileDescriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() >= 0) fsync(directory.get());
    return path;
}

}  // namespace xbucket
