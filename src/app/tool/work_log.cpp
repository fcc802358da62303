// SPDX-FileCopyrightText: the xbucket authors
#include "work_log.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

constexpr std::string_view kDone = "done ";
constexpr std::string_view kFailed = "failed ";

// One object a line, whatever its key holds.
std::string escaped(std::string_view object) {
    std::string out;
    for (const char c : object) {
        const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '%';
        out += plain ? std::string(1, c)
                     : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
    return out;
}

// As much of it as `max` allows.
std::string read_text(int fd, size_t max) {
    std::string text;
    std::array<char, 65536> buffer;
    while (text.size() < max) {
        const ssize_t n = read(fd, buffer.data(), std::min(buffer.size(), max - text.size()));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
    return text;
}

bool is_plain_file(int fd) {
    struct stat st {};
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

}  // namespace

Result<std::unique_ptr<WorkLog>> WorkLog::open(const std::string& path, std::string_view identity,
                                               bool resume) {
    const auto broken = [&path](std::string_view what) {
        return fail(ErrorKind::io, fmt::format("{} {}: {}", what, path, std::strerror(errno)));
    };
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return broken("cannot keep the progress in");
    std::unique_ptr<WorkLog> log(new WorkLog(path, FileDescriptor(fd)));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(ErrorKind::busy,
                    fmt::format("the same command is running already (it holds {})", path));
    }
    if (!is_plain_file(fd)) {
        return fail(ErrorKind::invalid_argument, fmt::format("{} is no plain file", path));
    }
    const std::string head = fmt::format("xbucket-work 1 {}\n", identity);
    const std::string text = read_text(fd, resume ? std::string::npos : head.size());
    const bool ours = text.starts_with(head);
    // A run that was killed, or a full disk, leaves the beginning of a head.
    if (!ours && !head.starts_with(text)) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{} is not empty and not the log of this command: {}", path,
                                resume ? "nothing to resume" : "it stays as it is"));
    }
    if (resume && ours) {
        log->take_up(std::string_view(text).substr(head.size()));
        // What a killed run wrote of its last line says nothing.
        const auto whole = static_cast<off_t>(text.rfind('\n') + 1);
        if (ftruncate(fd, whole) != 0) return broken("cannot write");
        return log;
    }
    if (ftruncate(fd, 0) != 0) return broken("cannot write");
    log->append(head);
    return log;
}

void WorkLog::take_up(std::string_view text) {
    while (!text.empty()) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) return;  // cut off: not known to be finished
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (!line.starts_with(kDone)) continue;
        if (auto object = percent_decode(line.substr(kDone.size()))) done_.insert(*object);
    }
}

void WorkLog::append(const std::string& line) {
    LockGuard lock(mutex_);
    // A full disk must not stop the work; it costs a repetition only.
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t n = write(fd_.get(), rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        rest.remove_prefix(static_cast<size_t>(n));
    }
}

void WorkLog::done(const std::string& object) {
    append(fmt::format("{}{}\n", kDone, escaped(object)));
}

void WorkLog::failed(const std::string& object, std::string_view reason) {
    append(fmt::format("{}{}\t{}\n", kFailed, escaped(object), printable(reason)));
}

void WorkLog::remove() { unlink(path_.c_str()); }

}  // namespace xbucket::app
