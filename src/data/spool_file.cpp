// SPDX-FileCopyrightText: the xbucket authors
#include "spool_file.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/sync_directory.h"

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

class SpoolBody final : public BodySource {
  public:
    SpoolBody(std::shared_ptr<const SpoolPlaces> places, uint64_t offset, uint64_t length)
        : places_(std::move(places)), offset_(offset), length_(length) {}

    uint64_t size() const override { return length_; }
    Result<void> rewind() override {
        done_ = 0;
        return {};
    }
    Result<Chunk> read(std::span<char> buffer) override {
        const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), length_ - done_));
        const size_t got = TRY(places_->read(buffer.data(), want, offset_ + done_));
        if (got < want) {
            return fail(ErrorKind::io, "the spool file became shorter during its upload");
        }
        done_ += got;
        return Chunk{got, false};
    }

  private:
    const std::shared_ptr<const SpoolPlaces> places_;
    const uint64_t offset_;
    const uint64_t length_;
    uint64_t done_ = 0;
};

// All of it, durably, or nothing.
Result<void> write_file(const std::string& path, const std::function<Result<void>(int)>& fill) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return spool_error("cannot make " + path, errno);
    Result<void> filled = fill(file.get());
    if (filled && fsync(file.get()) != 0) filled = spool_error("cannot write " + path, errno);
    if (!filled) unlink(path.c_str());
    return filled;
}

Result<void> copy_all(int from, int to) {
    std::string piece(kHashPieceBytes, '\0');
    for (uint64_t offset = 0;;) {
        const ssize_t n = pread(from, piece.data(), piece.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return spool_error("cannot read from the spool", errno);
        if (n == 0) return {};
        TRY(write_all(to, std::string_view(piece).substr(0, static_cast<size_t>(n)), offset));
        offset += static_cast<uint64_t>(n);
    }
}

Result<void> give_name(const SpoolPlaces::OnDisk& content, const std::string& path) {
    const std::string by_fd = fmt::format("/proc/self/fd/{}", content.fd);
    if (content.linkable &&
        linkat(AT_FDCWD, by_fd.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
        return {};
    }
    return write_file(path, [&](int fd) { return copy_all(content.fd, fd); });
}

}  // namespace

Result<void> prepare_spool_directory(const std::string& directory) {
    TRY(make_directory(directory, 0700));
    TRY(DiskFile::open(directory));
    return {};
}

Result<std::string> SpoolFile::read(uint64_t offset, size_t bytes) const {
    std::string buffer(bytes, '\0');
    buffer.resize(TRY(places_->read(buffer.data(), buffer.size(), offset)));
    return buffer;
}

std::shared_ptr<BodySource> SpoolFile::body(ByteRange range) const {
    return std::make_shared<SpoolBody>(places_, range.begin, range.size());
}

Result<void> SpoolFile::visit(uint64_t size,
                              const std::function<void(std::string_view)>& each) const {
    std::string piece(kHashPieceBytes, '\0');
    for (uint64_t offset = 0; offset < size;) {
        const size_t want = static_cast<size_t>(std::min<uint64_t>(piece.size(), size - offset));
        const size_t n = TRY(places_->read(piece.data(), want, offset));
        if (n == 0) return fail(ErrorKind::io, "the spool file is shorter than its content");
        each(std::string_view(piece).substr(0, n));
        offset += n;
    }
    return {};
}

Result<KeptContent> SpoolFile::keep(const std::string& directory, WallTime time,
                                    const NoteText& note) const {
    places_->files().give_margin();
    Result<KeptContent> kept = keep_in(directory + "/recovery", time, note);
    places_->files().hold_margin();
    return kept;
}

// What has a name is all there, whenever the power goes; what has a note has a name. Where the disk
// fails, what there is of it is kept all the same.
Result<KeptContent> SpoolFile::keep_in(const std::string& folder, WallTime time,
                                       const NoteText& note) const {
    TRY(make_directory(folder, 0700));
    TRY(sync_directory(folder + "/.."));
    const SpoolPlaces::OnDisk content = TRY(places_->to_disk());
    // Names come from time and chance, never from the key: a key is not to be trusted as a path.
    KeptContent kept{
        fmt::format("{}/{}-{}", folder, format_basic_utc(time), hex_encode(random_bytes(6))), {}};
    const auto note_damage = [&](const Result<void>& result) {
        if (!result && kept.damage.empty()) kept.damage = result.error().message;
    };
    TRY(give_name(content, kept.path));
    note_damage(content.whole);
    note_damage(sync_directory(folder));
    const std::string text = note(kept.damage);
    note_damage(write_file(kept.path + ".json", [&](int fd) { return write_all(fd, text, 0); }));
    note_damage(sync_directory(folder));
    return kept;
}

}  // namespace xbucket
