// SPDX-FileCopyrightText: the xbucket authors
// --log FILE: one JSON line a request. The line tells what was sent, so it is written when the
// reply has gone out, and a client that has its reply may look before that: settle() is for those.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace xbucket::local {

struct LogEntry {
    WallTime time;
    std::string_view method;
    std::string_view bucket;
    std::string_view key;
    std::string_view query;  // as on the wire, without signatures
    std::string_view kind;
    int status = 0;  // 0 = no reply was sent
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    double milliseconds = 0;
    std::string_view request_id;
};

// Thread-safe.
class RequestLog {
  public:
    static Result<std::unique_ptr<RequestLog>> open(const std::string& path);
    // A reply is about to go out. Gives what its line is then written with. `slow`: its client may
    // leave some of it unread for as long as it likes.
    uint64_t owe(bool slow) EXCLUDES(mutex_);
    // `owed`: of owe(); 0 for a request that ended without a reply.
    void write(const LogEntry& entry, uint64_t owed) EXCLUDES(mutex_);
    // Blocks until the lines that are owed now are in the file or `stop` is set. Slow ones are
    // waited for `patience` times 2 ms, and a little.
    void settle(const std::atomic<bool>& stop, int patience = 500) const EXCLUDES(mutex_);

  private:
    explicit RequestLog(FileDescriptor fd) : fd_(std::move(fd)) {}
    bool owes_before(uint64_t end, bool slow_ones) const EXCLUDES(mutex_);

    // O_APPEND: one write() a line, so lines of several servers do not mix.
    const FileDescriptor fd_;
    mutable Mutex mutex_;
    std::map<uint64_t, bool> owed_ GUARDED_BY(mutex_);  // whether slow, in the order of owe()
    uint64_t next_ GUARDED_BY(mutex_) = 1;
};

// A query string with the values of signatures and tokens taken out.
std::string redact_query(std::string_view query);

}  // namespace xbucket::local
