// SPDX-FileCopyrightText: the xbucket authors
#include "directory_walk.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <sys/stat.h>
#include <vector>

namespace xbucket::app {
namespace {

constexpr size_t kAheadMax = 32;      // directories whose beginning is read ahead
constexpr size_t kChunkMax = 4096;    // entries of one directory in memory at a time
constexpr unsigned kDepthMax = 4096;  // a key has at most 1023 bytes

struct Found {
    std::string path;
    unsigned char type = DT_UNKNOWN;
};

struct CloseDir {
    void operator()(DIR* dir) const { closedir(dir); }
};

// One directory being read: the next chunk of entries, on some thread of the pool.
class Listing {
  public:
    explicit Listing(std::string path) : path_(std::move(path)) {}

    void read_chunk() EXCLUDES(mutex_) {
        std::vector<Found> found;
        int error = 0;
        const bool more = fill(found, error);
        LockGuard lock(mutex_);
        chunk_ = std::move(found);
        error_ = error;
        more_ = more;
        ready_ = true;
        changed_.notify_all();
    }
    // Waits for the chunk that was asked for. False in `more`: it was the last.
    std::vector<Found> take(bool& more, int& error) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        while (!ready_) changed_.wait(mutex_);
        ready_ = false;
        more = more_;
        error = error_;
        return std::move(chunk_);
    }
    const std::string& path() const { return path_; }

  private:
    // Touched by one thread at a time: a chunk is asked for when the one before was taken.
    bool fill(std::vector<Found>& found, int& error) {
        if (!dir_) {
            dir_.reset(opendir(path_.c_str()));
            if (!dir_) {
                error = errno;
                return false;
            }
        }
        while (found.size() < kChunkMax) {
            errno = 0;
            const dirent* const entry = readdir(dir_.get());
            if (entry == nullptr) {
                error = errno;
                dir_.reset();
                return false;
            }
            const std::string_view name = entry->d_name;
            if (name == "." || name == "..") continue;
            Found one{fmt::format("{}{}{}", path_, path_.ends_with('/') ? "" : "/", name),
                      entry->d_type};
            if (one.type == DT_UNKNOWN) one.type = type_of(one.path);
            if (one.type == DT_REG || one.type == DT_DIR || one.type == DT_LNK) {
                found.push_back(std::move(one));
            }
        }
        return true;
    }
    static unsigned char type_of(const std::string& path) {
        struct stat st {};
        if (lstat(path.c_str(), &st) != 0) return DT_UNKNOWN;
        return static_cast<unsigned char>(IFTODT(st.st_mode));
    }

    const std::string path_;
    std::unique_ptr<DIR, CloseDir> dir_;
    Mutex mutex_;
    CondVar changed_;
    bool ready_ GUARDED_BY(mutex_) = false;
    bool more_ GUARDED_BY(mutex_) = false;
    int error_ GUARDED_BY(mutex_) = 0;
    std::vector<Found> chunk_ GUARDED_BY(mutex_);
};
using ListingPtr = std::shared_ptr<Listing>;

class Walk {
  public:
    explicit Walk(const std::function<bool(const std::string&, unsigned char)>& visit)
        : visit_(visit), pool_("walk", kAheadMax) {}

    Result<void> run(const std::string& path) {
        go(start(path), 0);
        if (first_error_) return *std::move(first_error_);
        return {};
    }

  private:
    ListingPtr start(const std::string& path) {
        auto listing = std::make_shared<Listing>(path);
        pool_.post([listing] { listing->read_chunk(); });
        return listing;
    }

    // False: stop.
    bool go(const ListingPtr& listing, unsigned depth) {
        for (;;) {
            bool more = false;
            int error = 0;
            const std::vector<Found> entries = listing->take(more, error);
            if (error != 0 && !first_error_) note(listing->path(), error);
            if (!visit_all(entries, depth)) return false;
            if (!more) return true;
            pool_.post([listing] { listing->read_chunk(); });
        }
    }

    bool visit_all(const std::vector<Found>& entries, unsigned depth) {
        std::deque<ListingPtr> ahead;
        size_t next = 0;
        const auto fill = [&] {
            for (; next < entries.size() && ahead.size() < kAheadMax; ++next) {
                if (entries[next].type == DT_DIR) ahead.push_back(start(entries[next].path));
            }
        };
        for (const Found& entry : entries) {
            if (!visit_(entry.path, entry.type)) return false;
            if (entry.type != DT_DIR || depth == kDepthMax) continue;
            fill();
            const ListingPtr listing = ahead.front();
            ahead.pop_front();
            if (!go(listing, depth + 1)) return false;
        }
        return true;
    }

    void note(const std::string& path, int error) {
        ErrorKind kind = ErrorKind::io;
        if (error == EACCES) kind = ErrorKind::access_denied;
        if (error == ENOENT) kind = ErrorKind::not_found;
        first_error_ = fail(
            kind, fmt::format("{}: cannot be listed: {}", printable(path), std::strerror(error)));
    }

    const std::function<bool(const std::string&, unsigned char)>& visit_;
    std::optional<Error> first_error_;
    WorkerPool pool_;
};

}  // namespace

Result<void> walk_directory(const std::string& path,
                            const std::function<bool(const std::string&, unsigned char)>& visit) {
    return Walk(visit).run(path);
}

}  // namespace xbucket::app
