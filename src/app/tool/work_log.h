// SPDX-FileCopyrightText: the xbucket authors
// Which objects a long run has finished, one line each, written as it goes: an interrupted or
// killed run is taken up where it ended, and what failed can be read and tried again.
//
//     xbucket-work 1 IDENTITY
//     done oss://photos/a.jpg
//     failed oss://photos/b.jpg<TAB>why
#pragma once

#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

namespace xbucket::app {

// Thread-safe.
class WorkLog {
  public:
    // `identity` says what is done to what. With `resume` what an earlier run finished is known,
    // else the log begins anew. A file that holds anything but a log of that identity stays as it
    // is. Errors: io (cannot be written), busy (another run holds it), invalid_argument (such a
    // file).
    static Result<std::unique_ptr<WorkLog>> open(const std::string& path, std::string_view identity,
                                                 bool resume);

    bool was_done(const std::string& object) const { return done_.count(object) != 0; }
    size_t done_before() const { return done_.size(); }
    void done(const std::string& object) EXCLUDES(mutex_);
    void failed(const std::string& object, std::string_view reason) EXCLUDES(mutex_);
    const std::string& path() const { return path_; }
    // All is finished, and nobody asked for the file: it goes.
    void remove();

  private:
    WorkLog(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
    void take_up(std::string_view text);
    void append(const std::string& line) EXCLUDES(mutex_);

    const std::string path_;
    const FileDescriptor fd_;
    std::unordered_set<std::string> done_;
    Mutex mutex_;
};

}  // namespace xbucket::app
