// SPDX-FileCopyrightText: the xbucket authors
// What multipart uploads this mount has under way, on disk, so that the next mount can abort them
// if this one is killed, or the machine loses its power. One file a mount, locked while the mount
// lives: a file that nobody holds a lock on is of one that died.
#pragma once

#include "spool_file.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/store/object_types.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xbucket {

// Thread-safe. What cannot be written is logged: it would only leave parts behind after a crash.
class UploadLog {
  public:
    // Files lie in `directory`/uploads and begin with `source`.
    UploadLog(std::string directory, std::string source);
    ~UploadLog();
    UploadLog(const UploadLog&) = delete;
    UploadLog& operator=(const UploadLog&) = delete;

    using Ticket = uint64_t;
    // Before the service is asked, after it has answered, and when nothing is left of it there.
    Ticket intend(const ObjectKey& key, WallTime now) EXCLUDES(mutex_);
    // Outlives the machine when it returns: parts, which cost money, are sent after it. What is
    // lost before is an upload without any, and of what is over, a request for nothing.
    void made(Ticket ticket, const UploadId& id) EXCLUDES(mutex_);
    void over(Ticket ticket) EXCLUDES(mutex_);

    struct Leftover {
        ObjectKey key;
        UploadId id;  // "" = killed before the service's answer came
        WallTime intended;
    };
    // What a mount that died left, read from its file. The file is locked by this object until
    // done() deletes it or another log is asked for.
    class Dead {
      public:
        const std::vector<Leftover>& leftovers() const { return leftovers_; }
        // Nothing is left of them.
        void done();

      private:
        friend class UploadLog;
        std::string path_;
        std::unique_ptr<FileDescriptor> file_;
        std::vector<Leftover> leftovers_;
    };
    std::vector<Dead> dead() const;

  private:
    void append(const std::string& line) REQUIRES(mutex_);
    bool open_file() REQUIRES(mutex_);
    // A new file with `text` as path_, which a file that was there has no longer; null: it has.
    std::shared_ptr<FileDescriptor> put_file(const std::string& text) REQUIRES(mutex_);
    void drop_what_is_over() REQUIRES(mutex_);

    const std::string directory_;
    const std::string prefix_;
    mutable Mutex mutex_;
    std::shared_ptr<FileDescriptor> file_ GUARDED_BY(mutex_);  // by whoever makes it durable
    std::string path_ GUARDED_BY(mutex_);
    Ticket next_ GUARDED_BY(mutex_) = 1;
    std::map<Ticket, std::string> open_ GUARDED_BY(mutex_);  // what the file says of each
    uint64_t bytes_ GUARDED_BY(mutex_) = 0;
    uint64_t bytes_most_ GUARDED_BY(mutex_);  // beyond it the file is made anew
};

}  // namespace xbucket
