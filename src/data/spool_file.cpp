// SPDX-FileCopyrightText: the xbucket authors
#include "spool_file.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

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

Result<void> make_directory(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
    return spool_error("cannot make the directory " + path, errno);
}

Result<void> sync_directory(const std::string& path) {
    const FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() >= 0 && fsync(directory.get()) == 0) return {};
    if (errno == EINVAL) return {};  // not every file system has it
    return spool_error("cannot write the directory " + path, errno);
}

// An unlinked file. O_TMPFILE where the file system has it: only such a file can get a name later
// without being copied.
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

Result<void> write_all(int fd, std::string_view bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const size_t n = TRY(write_some(fd, bytes, offset));
        bytes.remove_prefix(n);
        offset += n;
    }
    return {};
}

Result<size_t> read_some(int fd, char* buffer, size_t bytes, uint64_t offset) {
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = pread(fd, buffer + done, bytes - done, static_cast<off_t>(offset + done));
        if (n < 0) {
            if (errno == EINTR) continue;
            return spool_error("cannot read from the spool", errno);
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

Result<void> write_file(const std::string& path, std::string_view text) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return spool_error("cannot make " + path, errno);
    TRY(write_all(file.get(), text, 0));
    if (fsync(file.get()) != 0) return spool_error("cannot write " + path, errno);
    return {};
}

Result<void> copy_file(int from, uint64_t size, const std::string& path) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return spool_error("cannot make " + path, errno);
    std::string piece(kHashPieceBytes, '\0');
    for (uint64_t offset = 0; offset < size;) {
        const size_t n = TRY(read_some(from, piece.data(), piece.size(), offset));
        if (n == 0) break;
        TRY(write_all(file.get(), std::string_view(piece).substr(0, n), offset));
        offset += n;
    }
    if (fsync(file.get()) != 0) return spool_error("cannot write " + path, errno);
    return {};
}

}  // namespace

Error spool_error(const std::string& what, int error) {
    ErrorKind kind = ErrorKind::io;
    if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
    if (error == EFBIG) kind = ErrorKind::file_too_large;
    return fail(kind, fmt::format("{}: {}", what, std::strerror(error)));
}

Result<void> prepare_spool_directory(const std::string& directory) {
    TRY(make_directory(directory, 0700));
    const FileDescriptor probe(TRY(open_unnamed(directory)));
    return {};
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

Result<std::unique_ptr<SpoolFile>> SpoolFile::create(const std::string& directory) {
    auto file = std::make_shared<FileDescriptor>(TRY(open_unnamed(directory)));
    return std::unique_ptr<SpoolFile>(new SpoolFile(std::move(file)));
}

Result<size_t> SpoolFile::write(uint64_t offset, std::string_view bytes) {
    return write_some(file_->get(), bytes, offset);
}

Result<void> SpoolFile::resize(uint64_t size) {
    if (ftruncate(file_->get(), static_cast<off_t>(size)) == 0) return {};
    return spool_error("cannot resize the spool file", errno);
}

Result<std::string> SpoolFile::read(uint64_t offset, size_t bytes) const {
    std::string buffer(bytes, '\0');
    buffer.resize(TRY(read_some(file_->get(), buffer.data(), buffer.size(), offset)));
    return buffer;
}

std::shared_ptr<BodySource> SpoolFile::body(ByteRange range) const {
    return std::make_shared<SpoolBody>(file_, range.begin, range.size());
}

Result<void> SpoolFile::visit(uint64_t size,
                              const std::function<void(std::string_view)>& each) const {
    std::string piece(kHashPieceBytes, '\0');
    for (uint64_t offset = 0; offset < size;) {
        const size_t want = static_cast<size_t>(std::min<uint64_t>(piece.size(), size - offset));
        const size_t n = TRY(read_some(file_->get(), piece.data(), want, offset));
        if (n == 0) return fail(ErrorKind::io, "the spool file is shorter than its content");
        each(std::string_view(piece).substr(0, n));
        offset += n;
    }
    return {};
}

Result<std::string> SpoolFile::keep(const std::string& directory, uint64_t size, WallTime time,
                                    const std::string& note_text) const {
    const std::string folder = directory + "/recovery";
    TRY(make_directory(folder, 0700));
    TRY(sync_directory(directory));
    // Names come from time and chance, never from the key: a key is not to be trusted as a path.
    const std::string path =
        fmt::format("{}/{}-{}", folder, format_basic_utc(time), hex_encode(random_bytes(6)));
    const std::string by_fd = fmt::format("/proc/self/fd/{}", file_->get());
    // What has a name is all there, whenever the power goes; what has a note has a name. Where the
    // disk fails, what there is of it is kept all the same.
    Result<void> written;
    if (fsync(file_->get()) != 0) written = spool_error("damaged as it was kept in " + path, errno);
    if (linkat(AT_FDCWD, by_fd.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        TRY(copy_file(file_->get(), size, path));
    }
    TRY(sync_directory(folder));
    TRY(write_file(path + ".json", note_text));
    TRY(sync_directory(folder));
    if (!written) return std::move(written).error();
    return path;
}

}  // namespace xbucket
