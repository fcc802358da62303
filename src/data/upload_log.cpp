// SPDX-FileCopyrightText: the xbucket authors
// A line is "I TICKET SECONDS KEY" (intended), "M TICKET ID" (made) or "O TICKET" (over); key and
// id are percent-encoded. A last line without its end was being written when the mount died.
#include "upload_log.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/base/sync_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket {
namespace {

constexpr std::string_view kFolder = "/uploads";
// Beyond this, and twice what is under way, the file is made anew without what is over.
constexpr uint64_t kBytesMax = 64U << 10;
constexpr uint64_t kReadMax = 64U << 20;

std::string read_all(int fd) {
    std::string text;
    char piece[4096];
    while (text.size() < kReadMax) {
        const ssize_t n = pread(fd, piece, sizeof piece, static_cast<off_t>(text.size()));
        if (n <= 0) break;
        text.append(piece, static_cast<size_t>(n));
    }
    return text;
}

std::vector<UploadLog::Leftover> parse(const std::string& text) {
    std::map<uint64_t, UploadLog::Leftover> open;
    size_t from = 0;
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
        std::istringstream line(text.substr(from, end - from));
        from = end + 1;
        char what = 0;
        uint64_t ticket = 0;
        if (!(line >> what >> ticket)) continue;
        std::string word;
        if (what == 'I') {
            int64_t seconds = 0;
            if (!(line >> seconds >> word)) continue;
            const auto key = percent_decode(word);
            if (key) open[ticket] = {ObjectKey(*key), UploadId(), WallTime::from_seconds(seconds)};
        } else if (what == 'M') {
            const auto found = open.find(ticket);
            if (found == open.end() || !(line >> word)) continue;
            if (const auto id = percent_decode(word)) found->second.id = UploadId(*id);
        } else if (what == 'O') {
            open.erase(ticket);
        }
    }
    std::vector<UploadLog::Leftover> left;
    for (auto& [ticket, leftover] : open) left.push_back(std::move(leftover));
    return left;
}

}  // namespace

UploadLog::UploadLog(std::string directory, std::string source)
    : directory_(std::move(directory) + std::string(kFolder)),
      prefix_(source.empty() ? "mount" : std::move(source)),
      bytes_most_(kBytesMax) {}

UploadLog::~UploadLog() {
    LockGuard lock(mutex_);
    if (file_ && open_.empty()) unlink(path_.c_str());
}

bool UploadLog::open_file() {
    if (file_) return true;
    if (mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
        log_warning("data", "cannot make {}: {}", directory_, std::strerror(errno));
        return false;
    }
    path_ = fmt::format("{}/{}-{}", directory_, prefix_, hex_encode(random_bytes(8)));
    file_ = put_file("");
    return file_ != nullptr;
}

std::shared_ptr<FileDescriptor> UploadLog::put_file(const std::string& text) {
    // Locked before it has its name, or another mount could take it for a dead one's.
    const std::string hidden = fmt::format("{}/.{}", directory_, hex_encode(random_bytes(8)));
    auto file = std::make_shared<FileDescriptor>(
        open(hidden.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
    const auto written = [&] {
        return ::write(file->get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    };
    const bool good = file->get() >= 0 && flock(file->get(), LOCK_EX | LOCK_NB) == 0 && written() &&
                      fdatasync(file->get()) == 0 && rename(hidden.c_str(), path_.c_str()) == 0;
    if (!good) {
        log_warning("data", "cannot make {}: {}", path_, std::strerror(errno));
        unlink(hidden.c_str());
        return nullptr;
    }
    bytes_ = text.size();
    for (const std::string& folder : {directory_, directory_ + "/.."}) {
        const Result<void> synced = sync_directory(folder);
        if (!synced) log_warning("data", "{}", synced.error().message);
    }
    return file;
}

// A line of the old file that somebody is making durable is in the new one, and on disk.
void UploadLog::drop_what_is_over() {
    std::string text;
    for (const auto& [ticket, lines] : open_) text += lines;
    if (auto file = put_file(text)) file_ = std::move(file);
    bytes_most_ = std::max(kBytesMax, 2 * bytes_);
}

void UploadLog::append(const std::string& line) {
    if (!open_file()) return;
    const ssize_t n = ::write(file_->get(), line.data(), line.size());
    if (n == static_cast<ssize_t>(line.size())) {
        bytes_ += line.size();
        return;
    }
    log_warning("data", "cannot write to {}: {}", path_, std::strerror(errno));
}

UploadLog::Ticket UploadLog::intend(const ObjectKey& key, WallTime now) {
    LockGuard lock(mutex_);
    const Ticket ticket = next_++;
    std::string& line = open_[ticket];
    line = fmt::format("I {} {} {}\n", ticket, now.seconds(), percent_encode(key.str()));
    append(line);
    return ticket;
}

void UploadLog::made(Ticket ticket, const UploadId& id) {
    std::shared_ptr<FileDescriptor> file;
    {
        LockGuard lock(mutex_);
        const std::string line = fmt::format("M {} {}\n", ticket, percent_encode(id.str()));
        open_[ticket] += line;
        append(line);
        file = file_;
    }
    // Others may write meanwhile; one flush of the disk serves them as well.
    if (file && fdatasync(file->get()) != 0) {
        log_warning("data", "the log of uploads is not durable: {}", std::strerror(errno));
    }
}

void UploadLog::over(Ticket ticket) {
    LockGuard lock(mutex_);
    append(fmt::format("O {}\n", ticket));
    open_.erase(ticket);
    if (file_ && bytes_ > bytes_most_) drop_what_is_over();
}

std::vector<UploadLog::Dead> UploadLog::dead() const {
    namespace stdfs = std::filesystem;
    std::vector<Dead> all;
    std::error_code error;
    for (stdfs::directory_iterator it(directory_, error), end; !error && it != end;
         it.increment(error)) {
        if (!it->path().filename().string().starts_with(prefix_ + "-")) continue;
        Dead dead;
        dead.path_ = it->path().string();
        dead.file_ = std::make_unique<FileDescriptor>(
            open(dead.path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (dead.file_->get() < 0 || flock(dead.file_->get(), LOCK_EX | LOCK_NB) != 0) continue;
        // Between open and lock its mount, which lives, may have put another in its place.
        struct stat st {};
        if (fstat(dead.file_->get(), &st) != 0 || st.st_nlink == 0) continue;
        dead.leftovers_ = parse(read_all(dead.file_->get()));
        all.push_back(std::move(dead));
    }
    return all;
}

void UploadLog::Dead::done() { unlink(path_.c_str()); }

}  // namespace xbucket
