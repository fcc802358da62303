// SPDX-FileCopyrightText: the xbucket authors
// A reply before it is on the wire, and how refusals are spelled in each dialect.
#pragma once

#include "outcome.h"
#include "request.h"

#include "xbucket/base/file_descriptor.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::local {

// A piece of an object's bytes: an open descriptor that the reply owns.
class OpenSlice {
  public:
    OpenSlice(int fd, uint64_t offset, uint64_t size) : fd_(fd), offset_(offset), size_(size) {}
    int fd() const { return fd_.get(); }
    uint64_t offset() const { return offset_; }
    uint64_t size() const { return size_; }
    // Gives up ownership.
    int release() { return fd_.release(); }

  private:
    FileDescriptor fd_;
    uint64_t offset_;
    uint64_t size_;
};

struct Reply {
    int status = 200;
    std::vector<Header> headers;
    std::string body;
    std::vector<OpenSlice> slices;  // instead of body
    // HEAD: what Content-Length says although no body is sent.
    uint64_t head_length = 0;
    bool close = false;

    Reply() = default;
    explicit Reply(int s) : status(s) {}
    Reply& add(std::string_view name, std::string_view value) {
        headers.push_back({std::string(name), std::string(value)});
        return *this;
    }
    uint64_t body_size() const;
    static Reply xml(std::string body, int status = 200);
};

// The error reply for `refusal`: XML body, or for HEAD on OSS the same XML in x-oss-err
// (protocol.md 2.2); S3 HEAD errors are bare.
Reply error_reply(const Refusal& refusal, const Request& request, std::string_view request_id);

// Refusals that many handlers give.
Refusal no_such_key(const Request& request);
Refusal no_such_bucket(const std::string& bucket);
Refusal access_denied(std::string message = "You have no right to access this object.");
Refusal invalid_argument(std::string message, std::string name = {}, std::string value = {});
Refusal precondition_failed(std::string condition);
Refusal method_not_allowed(const Request& request);
Refusal malformed_xml();

}  // namespace xbucket::local
