// SPDX-FileCopyrightText: the xbucket authors
// Collects status line and headers of a response, line by line as libcurl hands them over, under
// caps: a hostile server can send headers for ever (reliability.md 2, rows 17, 47 and 50), and
// libcurl bounds one line but not their number.
#pragma once

#include "xbucket/http/message.h"

namespace xbucket {

// Pure; confined to one thread.
class ResponseHead {
  public:
    static constexpr size_t kBytesMax = 64 * 1024;  // all lines, interim responses and trailers
    static constexpr size_t kHeadersMax = 300;

    // What has been read so far is (still) a head in progress, an interim (1xx) head that another
    // one follows, or the head of the final response.
    enum class Progress { more, interim, final_head };

    // One line, its line end included. After the final head, lines are trailers: counted, dropped.
    // Errors: bad_reply.
    Result<Progress> feed(std::string_view line);
    // Forgets everything but the byte count: the request is being repeated.
    void restart();

    bool complete() const { return complete_; }
    int status() const { return status_; }
    const Headers& headers() const { return headers_; }
    Headers take_headers() { return std::move(headers_); }
    // Content-Length of the final head, where there is one.
    std::optional<uint64_t> content_length() const { return content_length_; }

  private:
    Result<void> status_line(std::string_view line);
    Result<void> header_line(std::string_view line);
    Result<Progress> end_of_head();

    size_t bytes_ = 0;
    int status_ = 0;
    bool complete_ = false;
    Headers headers_;
    std::optional<uint64_t> content_length_;
};

}  // namespace xbucket
