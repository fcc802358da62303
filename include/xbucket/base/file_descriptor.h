// SPDX-FileCopyrightText: the xbucket authors
// A descriptor of an open file, pipe, socket or whatever else the kernel gives numbers to.
#pragma once

#include <unistd.h>
#include <utility>

namespace xbucket {

// Closes when it goes. A negative number is none, as a failed open() says it.
class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor() {
        if (fd_ >= 0) close(fd_);
    }
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    // The caller closes it.
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

}  // namespace xbucket
