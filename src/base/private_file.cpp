// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/private_file.h"

#include "xbucket/base/file_descriptor.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket {
namespace {

int64_t nanoseconds(const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

FileStamp stamp_from(const struct stat& st) {
    return {st.st_dev, st.st_ino, st.st_size, nanoseconds(st.st_mtim), nanoseconds(st.st_ctim)};
}

Error open_error(const std::string& path, int error) {
    if (error == ENOENT || error == ENOTDIR) {
        return fail(ErrorKind::not_found, fmt::format("{} does not exist", path));
    }
    if (error == ELOOP) {
        return fail(ErrorKind::access_denied,
                    fmt::format("{} is a symbolic link, which is not followed; name the file that "
                                "it points to",
                                path));
    }
    const bool denied = error == EACCES || error == EPERM;
    return fail(denied ? ErrorKind::access_denied : ErrorKind::io,
                fmt::format("{} cannot be opened: {}", path, std::strerror(error)));
}

Result<void> check_trusted(const std::string& path, const struct stat& st) {
    if (!S_ISREG(st.st_mode)) {
        return fail(ErrorKind::access_denied, fmt::format("{} is no regular file", path));
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return fail(
            ErrorKind::access_denied,
            fmt::format("{} belongs to user {}, not to you; copy it or chown it", path, st.st_uid));
    }
    if ((st.st_mode & 022) != 0) {
        return fail(ErrorKind::access_denied,
                    fmt::format("{} can be written by others; run: chmod go-w {}", path, path));
    }
    if (st.st_size > static_cast<off_t>(kPrivateFileBytesMax)) {
        return fail(
            ErrorKind::access_denied,
            fmt::format("{} has {} bytes; more than 64 KiB is no configuration", path, st.st_size));
    }
    return {};
}

// All of it into `text`.
Result<void> read_whole(const FileDescriptor& fd, const std::string& path, std::string& text) {
    text.resize(kPrivateFileBytesMax + 1);
    size_t filled = 0;
    while (filled < text.size()) {
        const ssize_t n = read(fd.get(), text.data() + filled, text.size() - filled);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return open_error(path, errno);
        if (n == 0) break;
        filled += static_cast<size_t>(n);
    }
    if (filled > kPrivateFileBytesMax) {
        return fail(ErrorKind::access_denied, fmt::format("{} is over 64 KiB", path));
    }
    text.resize(filled);
    return {};
}

// O_NONBLOCK: opening a FIFO must not hang.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

}  // namespace

Result<PrivateFile> read_private_file(const std::string& path) {
    const FileDescriptor fd(open(path.c_str(), kOpenFlags | O_NOFOLLOW));
    if (fd.get() < 0) return open_error(path, errno);
    struct stat st {};
    if (fstat(fd.get(), &st) != 0) return open_error(path, errno);
    TRY(check_trusted(path, st));
    PrivateFile file{.path = path, .text = {}, .mode = st.st_mode, .stamp = stamp_from(st)};
    TRY(read_whole(fd, path, file.text));
    return file;
}

Result<Secret> read_token_file(const std::string& path) {
    const FileDescriptor fd(open(path.c_str(), kOpenFlags));
    if (fd.get() < 0) return open_error(path, errno);
    struct stat st {};
    if (fstat(fd.get(), &st) != 0) return open_error(path, errno);
    if (!S_ISREG(st.st_mode)) {
        return fail(ErrorKind::access_denied, fmt::format("{} is no regular file", path));
    }
    if ((st.st_mode & 002) != 0) {
        return fail(ErrorKind::access_denied,
                    fmt::format("{} can be written by anybody; run: chmod o-w {}", path, path));
    }
    std::string text;
    TRY(read_whole(fd, path, text));
    constexpr std::string_view kBlank = " \t\r\n";
    const size_t first = text.find_first_not_of(kBlank);
    Secret token;
    if (first != std::string::npos) {
        const size_t last = text.find_last_not_of(kBlank);
        token = Secret(std::string_view(text).substr(first, last - first + 1));
    }
    wipe(text);
    if (token.empty()) {
        return fail(ErrorKind::bad_credentials, fmt::format("token file {} is empty", path));
    }
    return token;
}

Result<void> check_unreadable_by_others(const PrivateFile& file) {
    if ((file.mode & 077) == 0) return {};
    return fail(ErrorKind::access_denied,
                fmt::format("{} holds a secret and can be read by others; run: chmod 600 {}",
                            file.path, file.path));
}

FileStamp stamp_of(const std::string& path) {
    struct stat st {};
    return lstat(path.c_str(), &st) == 0 ? stamp_from(st) : FileStamp{};
}

}  // namespace xbucket
