// SPDX-FileCopyrightText: the xbucket authors
#include "blobs.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket::local {

namespace {

Error io_error(std::string_view doing, const std::string& path, int code) {
    const ErrorKind kind = code == ENOENT                     ? ErrorKind::not_found
                           : code == ENOSPC || code == EDQUOT ? ErrorKind::no_space
                                                              : ErrorKind::io;
    return fail(kind, fmt::format("cannot {} {}: {}", doing, path, std::strerror(code)));
}

Result<void> make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return io_error("make the folder", path, errno);
    }
    return {};
}

// Names in a folder without "." and "..".
std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return names;
    while (const dirent* entry = ::readdir(dir)) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(dir);
    return names;
}

int64_t mtime_ns_of(const struct stat& st) {
    return static_cast<int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec;
}

constexpr const char* kLockName = "lock";

}  // namespace

Incoming::Incoming(std::string id, std::string tmp_path, std::string blob_path, FileDescriptor fd)
    : id_(std::move(id)),
      tmp_path_(std::move(tmp_path)),
      blob_path_(std::move(blob_path)),
      fd_(std::move(fd)),
      md5_(Hasher::Algorithm::md5) {}

Incoming::~Incoming() {
    if (kept_) return;
    // In this order, so that a crash between leaves the tmp name for recover().
    if (published_) ::unlink(blob_path_.c_str());
    ::unlink(tmp_path_.c_str());
}

Result<void> Incoming::append(std::string_view bytes) {
    md5_.update(bytes);
    crc64_ = xbucket::crc64(bytes, crc64_);
    size_ += bytes.size();
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return io_error("write", tmp_path_, errno);
        }
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
}

const std::string& Incoming::md5() {
    if (md5_result_.empty()) md5_result_ = md5_.finish();
    return md5_result_;
}

Result<std::unique_ptr<BlobStore>> BlobStore::open(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
        return io_error("make the folder", directory, errno);
    }
    const std::string base = directory + "/.xbucket";
    TRY(make_directory(base));
    TRY(make_directory(base + "/blobs"));
    TRY(make_directory(base + "/tmp"));
    // Another server's recover() may take the folder for a dead one's between its making and its
    // locking: then the lock that we hold is no longer the file under that name, and we try again.
    for (int attempt = 0; attempt < 20; ++attempt) {
        const std::string tmp = base + "/tmp/" + hex_encode(random_bytes(8));
        TRY(make_directory(tmp));
        const std::string lock = tmp + "/" + kLockName;
        FileDescriptor fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (!fd.is_open()) {
            if (errno == ENOENT) continue;
            return io_error("make", lock, errno);
        }
        struct stat held {};
        struct stat named {};
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(fd.get(), &held) == 0 &&
            ::stat(lock.c_str(), &named) == 0 && held.st_ino == named.st_ino) {
            return std::unique_ptr<BlobStore>(new BlobStore(directory, tmp, std::move(fd)));
        }
    }
    return fail(ErrorKind::io, fmt::format("cannot lock a folder of our own in {}/tmp", base));
}

BlobStore::~BlobStore() {
    ::unlink((tmp_ + "/" + kLockName).c_str());
    ::rmdir(tmp_.c_str());
}

std::string BlobStore::blob_path(const std::string& id) const {
    return fmt::format("{}/.xbucket/blobs/{}/{}", directory_, id.substr(0, 2), id);
}

Result<std::unique_ptr<Incoming>> BlobStore::create() const {
    std::string id = hex_encode(random_bytes(16));
    std::string path = tmp_ + "/" + id;
    FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd.is_open()) return io_error("make", path, errno);
    std::string final_path = blob_path(id);
    return std::unique_ptr<Incoming>(
        new Incoming(std::move(id), std::move(path), std::move(final_path), std::move(fd)));
}

Result<void> BlobStore::publish(Incoming& incoming) const {
    if (incoming.published_) return {};
    const char* from = incoming.tmp_path_.c_str();
    const char* to = incoming.blob_path_.c_str();
    int linked = ::link(from, to);
    if (linked != 0 && errno == ENOENT) {
        TRY(make_directory(incoming.blob_path_.substr(0, incoming.blob_path_.rfind('/'))));
        linked = ::link(from, to);
    }
    if (linked != 0) return io_error("publish", incoming.blob_path_, errno);
    incoming.published_ = true;
    return {};
}

void BlobStore::keep(Incoming& incoming) const {
    incoming.kept_ = true;
    ::unlink(incoming.tmp_path_.c_str());
}

Result<void> BlobStore::copy_bytes(const std::string& bucket, const Segment& s,
                                   Incoming& into) const {
    return read(bucket, {s}, 0, s.size,
                [&into](std::string_view bytes) { return into.append(bytes); });
}

Result<std::unique_ptr<Incoming>> BlobStore::clone(const std::string& bucket,
                                                   const Segment& s) const {
    if (!s.imported()) {
        std::string id = hex_encode(random_bytes(16));
        std::string path = tmp_ + "/" + id;
        if (::link(blob_path(s.blob).c_str(), path.c_str()) == 0) {
            std::string final_path = blob_path(id);
            std::unique_ptr<Incoming> linked(
                new Incoming(std::move(id), std::move(path), std::move(final_path), {}));
            linked->size_ = s.size;
            TRY(publish(*linked));
            return linked;
        }
        if (errno == ENOENT) return io_error("link", blob_path(s.blob), ENOENT);
    }
    auto copy = TRY(create());
    Segment whole = s;
    if (!s.imported()) {
        // Offsets must stay valid in the copy.
        whole.offset = 0;
        whole.size = s.offset + s.size;
    }
    TRY(copy_bytes(bucket, whole, *copy));
    copy->size_ = s.size;
    TRY(publish(*copy));
    return copy;
}

Result<std::vector<OpenSlice>> BlobStore::open_range(const std::string& bucket,
                                                     const std::vector<Segment>& segments,
                                                     uint64_t offset, uint64_t length) const {
    std::vector<OpenSlice> slices;
    for (const auto& s : segments) {
        if (length == 0) break;
        if (offset >= s.size) {
            offset -= s.size;
            continue;
        }
        const std::string path =
            s.imported() ? bucket_path(bucket) + "/" + s.path : blob_path(s.blob);
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) return io_error("open", path, errno);
        const uint64_t take = std::min(length, s.size - offset);
        slices.emplace_back(fd, s.offset + offset, take);
        if (s.imported()) {
            struct stat st {};
            if (::fstat(fd, &st) != 0 || mtime_ns_of(st) != s.mtime_ns ||
                static_cast<uint64_t>(st.st_size) != s.size) {
                return fail(ErrorKind::stale, fmt::format("{} has changed", path));
            }
        }
        offset = 0;
        length -= take;
    }
    if (length != 0) return fail(ErrorKind::internal, "an object's pieces are shorter than it");
    return slices;
}

Result<void> BlobStore::read(const std::string& bucket, const std::vector<Segment>& segments,
                             uint64_t offset, uint64_t length,
                             const std::function<Result<void>(std::string_view)>& sink) const {
    const auto slices = TRY(open_range(bucket, segments, offset, length));
    constexpr uint64_t kBufferMax = 256U << 10;
    std::string buffer(std::min(length, kBufferMax), '\0');
    for (const auto& slice : slices) {
        uint64_t at = slice.offset();
        uint64_t left = slice.size();
        while (left > 0) {
            const size_t want = static_cast<size_t>(std::min<uint64_t>(left, buffer.size()));
            const ssize_t n = ::pread(slice.fd(), buffer.data(), want, static_cast<off_t>(at));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return fail(ErrorKind::io, "an object's file is shorter than it should be");
            TRY(sink(std::string_view(buffer.data(), static_cast<size_t>(n))));
            at += static_cast<uint64_t>(n);
            left -= static_cast<uint64_t>(n);
        }
    }
    return {};
}

bool BlobStore::unchanged(const std::string& bucket, const Segment& segment) const {
    struct stat st {};
    const std::string path = bucket_path(bucket) + "/" + segment.path;
    return ::lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) &&
           mtime_ns_of(st) == segment.mtime_ns && static_cast<uint64_t>(st.st_size) == segment.size;
}

void BlobStore::remove(const std::string& blob) const { ::unlink(blob_path(blob).c_str()); }

namespace {

// A tmp folder whose server is gone: we hold its lock.
struct DeadFolder {
    std::string path;
    FileDescriptor lock;
};

std::vector<DeadFolder> dead_folders(const std::string& root, const std::string& own) {
    std::vector<DeadFolder> dead;
    for (const auto& name : names_in(root)) {
        const std::string folder = root + "/" + name;
        if (folder == own) continue;
        FileDescriptor fd(::open((folder + "/" + kLockName).c_str(), O_RDWR | O_CLOEXEC));
        // Without a lock file it is a server that is just starting or just gone: rmdir decides.
        if (!fd.is_open()) {
            ::rmdir(folder.c_str());
        } else if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
            dead.push_back({folder, std::move(fd)});  // else its server lives
        }
    }
    return dead;
}

}  // namespace

Result<void> BlobStore::recover(
    const std::function<Result<void>(std::set<std::string>&)>& referenced) {
    const auto dead = dead_folders(directory_ + "/.xbucket/tmp", tmp_);
    std::set<std::string> orphans;
    for (const auto& folder : dead) {
        for (auto& id : names_in(folder.path)) {
            if (id != kLockName) orphans.insert(std::move(id));
        }
    }
    Result<void> asked;
    if (!orphans.empty()) asked = referenced(orphans);
    for (const auto& folder : dead) {
        if (asked) {
            for (const auto& id : names_in(folder.path)) {
                if (orphans.contains(id)) ::unlink(blob_path(id).c_str());
                ::unlink((folder.path + "/" + id).c_str());
            }
            ::rmdir(folder.path.c_str());
        }
    }
    return asked;
}

}  // namespace xbucket::local
