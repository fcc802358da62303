// SPDX-FileCopyrightText: the xbucket authors
// Local content of files on its way into the bucket: unlinked temporary files in the spool
// directory, so that a crash leaves nothing behind, within a quota. What could not be uploaded is
// given a name in spool_directory/recovery, with a note beside it (DESIGN 3.12).
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"
#include "xbucket/http/message.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// The directory and its quota. Thread-safe.
class SpoolSpace {
  public:
    // Makes the directory if need be and proves that it takes files. Errors: io.
    static Result<std::unique_ptr<SpoolSpace>> create(const std::string& directory,
                                                      uint64_t bytes_max);

    const std::string& directory() const { return directory_; }
    // Errors: no_space (quota).
    Result<void> reserve(uint64_t bytes) EXCLUDES(mutex_);
    void release(uint64_t bytes) EXCLUDES(mutex_);
    uint64_t bytes_max() const { return bytes_max_; }
    uint64_t bytes_used() const EXCLUDES(mutex_);

  private:
    SpoolSpace(std::string directory, uint64_t bytes_max)
        : directory_(std::move(directory)), bytes_max_(bytes_max) {}

    const std::string directory_;
    const uint64_t bytes_max_;  // 0 = the disk's
    mutable Mutex mutex_;
    uint64_t bytes_used_ GUARDED_BY(mutex_) = 0;
};

// A file descriptor that closes itself; shared by a spool and the bodies that read from it.
class FileDescriptor {
  public:
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor();
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return fd_; }

  private:
    const int fd_;
};

// What a kept file was, for its note.
struct RecoveryNote {
    ObjectKey key;
    ETag base_etag;
    std::string error;
    WallTime time;
    std::vector<std::pair<std::string, std::string>> attributes;  // staged: name, value
};

// One file's content. Externally locked (by the inode), but for body(), which only reads.
class Spool {
  public:
    // `space` must outlive it. Errors: io, no_space.
    static Result<std::unique_ptr<Spool>> create(SpoolSpace& space);
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    uint64_t size() const { return size_; }
    // Fewer bytes than asked only at the end. Errors: io.
    Result<std::string> read(uint64_t offset, size_t bytes) const;
    // Errors: no_space, file_too_large, io.
    Result<void> write(uint64_t offset, std::string_view bytes);
    Result<void> resize(uint64_t size);
    // Bytes [offset, offset + length) as a request body; usable as often and as long as wanted.
    std::shared_ptr<BodySource> body(uint64_t offset, uint64_t length) const;
    // MD5 of everything, in hex, as services make ETags of single PUTs. Errors: io.
    Result<std::string> md5_hex() const;

    // Gives the content a name in the recovery folder; the path. Errors: io.
    Result<std::string> keep(const RecoveryNote& note) const;

  private:
    Spool(SpoolSpace& space, std::shared_ptr<FileDescriptor> file)
        : space_(space), file_(std::move(file)) {}

    SpoolSpace& space_;
    const std::shared_ptr<FileDescriptor> file_;
    uint64_t size_ = 0;
};

}  // namespace xbucket
