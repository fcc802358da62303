// SPDX-FileCopyrightText: the xbucket authors
// One unlinked file in the spool directory. Sparse: what was never written reads as zeros.
#pragma once

#include "xbucket/data/file_content.h"
#include "xbucket/data/spool.h"

#include <functional>

namespace xbucket {

// A file descriptor that closes itself.
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

// Writes and resizes are externally locked; reads may run beside them.
class SpoolFile {
  public:
    // Errors: io, no_space.
    static Result<std::unique_ptr<SpoolFile>> create(const std::string& directory);

    // Bytes that got onto the disk; fewer than given where it is full. Errors, with nothing
    // written: no_space, file_too_large, io.
    Result<size_t> write(uint64_t offset, std::string_view bytes);
    Result<void> resize(uint64_t size);
    // Fewer bytes than asked only at the end.
    Result<std::string> read(uint64_t offset, size_t bytes) const;
    std::shared_ptr<BodySource> body(ByteRange range) const;
    // Calls `each` with [0, size), piece by piece.
    Result<void> visit(uint64_t size, const std::function<void(std::string_view)>& each) const;
    // Gives it a name in `directory`/recovery with `note_text` beside it; the path. Errors: io.
    Result<std::string> keep(const std::string& directory, uint64_t size, WallTime time,
                             const std::string& note_text) const;

  private:
    explicit SpoolFile(std::shared_ptr<FileDescriptor> file) : file_(std::move(file)) {}

    const std::shared_ptr<FileDescriptor> file_;  // with the bodies that read from it
};

// Proves that `directory`, made if need be, takes files. Errors: io.
Result<void> prepare_spool_directory(const std::string& directory);

// An error of the system, by its errno: no_space, file_too_large, io.
Error spool_error(const std::string& what, int error);

}  // namespace xbucket
