// SPDX-FileCopyrightText: the xbucket authors
// --log FILE: one JSON line a request, whole and in the file when the next request is logged.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <cstdint>
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
    void write(const LogEntry& entry);

  private:
    explicit RequestLog(FileDescriptor fd) : fd_(std::move(fd)) {}
    // O_APPEND: one write() a line, so lines of several servers do not mix.
    const FileDescriptor fd_;
};

// A query string with the values of signatures and tokens taken out.
std::string redact_query(std::string_view query);

}  // namespace xbucket::local
