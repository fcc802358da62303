// SPDX-FileCopyrightText: the xbucket authors
// A plain blocking HTTP client for the tests of the local server: requests are bytes on a socket,
// signed with store/signing.h, so that nothing of our transport or store hides what is sent.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/secret.h"
#include "xbucket/http/message.h"
#include "xbucket/store/signing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket::testing {

struct Answer {
    int status = 0;  // 0: the connection ended without a reply
    bool reset = false;
    bool complete = false;  // the whole body came
    Headers headers;
    std::string body;

    std::string header(std::string_view name) const {
        return std::string(headers.value_or_empty(name));
    }
    // Text of the first element <name> in the body.
    std::string xml(std::string_view name) const;
    // The <Code> of the body or, on HEAD, of x-oss-err.
    std::string code() const;
};

enum class Scheme { oss_v1, oss_v4, sigv4, anonymous };

struct Ask {
    std::string method = "GET";
    std::string bucket = "bkt";
    std::string key;
    QueryParameters query;
    Headers headers;
    std::string body;
    // Sent instead of the path that bucket and key make.
    std::string raw_path;
    std::string host;  // "" = 127.0.0.1:PORT
    bool path_style = true;
    bool presigned = false;
    int64_t life = 600;        // of a presigned URL
    std::string payload_hash;  // SigV4: "" = sha256 of the body
    Duration clock_offset{0};  // of the signer's clock
    bool no_content_length = false;
};

// One connection; opened again when the server closed it.
class RawConnection {
  public:
    explicit RawConnection(uint16_t port) : port_(port) {}
    ~RawConnection();
    RawConnection(const RawConnection&) = delete;
    RawConnection& operator=(const RawConnection&) = delete;
    Answer exchange(const std::string& bytes, bool is_head);
    void send_only(const std::string& bytes);
    void close();

  private:
    bool connect();
    const uint16_t port_;
    int fd_ = -1;
};

class Client {
  public:
    Client(uint16_t port, const Clock& clock, Scheme scheme, std::string id = "ak",
           std::string secret = "sk", std::string token = {})
        : port_(port),
          clock_(clock),
          scheme_(scheme),
          id_(std::move(id)),
          secret_(secret),
          token_(std::move(token)),
          connection_(port) {}

    Answer send(const Ask& ask);
    // The request's bytes, signed.
    std::string bytes_of(const Ask& ask) const;

    // Shorthands.
    Answer get(const std::string& key, Headers headers = {}, QueryParameters query = {});
    Answer head(const std::string& key, Headers headers = {}, QueryParameters query = {});
    Answer put(const std::string& key, const std::string& body, Headers headers = {},
               QueryParameters query = {});
    Answer del(const std::string& key, Headers headers = {}, QueryParameters query = {});
    Answer post(const std::string& key, const std::string& body, QueryParameters query,
                Headers headers = {});
    Answer list(QueryParameters query, const std::string& bucket = "bkt");
    // x-*-copy-source of /bkt/key.
    Answer copy(const std::string& from, const std::string& to, Headers headers = {});
    std::string prefix() const { return scheme_ == Scheme::sigv4 ? "x-amz-" : "x-oss-"; }

  private:
    void sign(SignedRequest& request, const Ask& ask) const;
    void sign_header(SignedRequest& request, const Ask& ask, WallTime now) const;
    void presign(SignedRequest& request, const Ask& ask, WallTime now) const;

    const uint16_t port_;
    const Clock& clock_;
    const Scheme scheme_;
    const std::string id_;
    const Secret secret_;
    const std::string token_;
    RawConnection connection_;
};

}  // namespace xbucket::testing
