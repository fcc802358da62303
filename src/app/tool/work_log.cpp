// SPDX-FileCopyrightText: the xbucket authors
#include "work_log.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
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

std::string read_whole(int fd) {
    std::string text;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t n = read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return text;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
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
    const std::string head = fmt::format("xbucket-work 1 {}\n", identity);
    if (resume) {
        const std::string text = read_whole(fd);
        if (text.starts_with(head)) {
            log->take_up(std::string_view(text).substr(head.size()));
            // What a killed run wrote of its last line says nothing.
            const auto whole = static_cast<off_t>(text.rfind('\n') + 1);
            if (ftruncate(fd, whole) != 0) return broken("cannot write");
            return log;
        }
        if (!text.empty()) {
            return fail(ErrorKind::invalid_argument,
                        fmt::format("{} is of another command: nothing to resume", path));
        }
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
