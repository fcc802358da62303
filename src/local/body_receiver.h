// SPDX-FileCopyrightText: the xbucket authors
// Takes a request's body as it comes and checks it against what the request said: length,
// Content-MD5, x-amz-content-sha256, and in aws-chunked bodies the framing, the chunks' signatures
// and the trailing checksum.
#pragma once

#include "auth.h"
#include "blobs.h"
#include "checksums.h"
#include "chunked_body.h"
#include "outcome.h"
#include "router.h"
#include "site.h"

#include "xbucket/base/digest.h"

#include <memory>
#include <optional>
#include <string>

namespace xbucket::local {

// Confined to one thread at a time.
class BodyReceiver {
  public:
    // Refusals: MissingContentLength, EntityTooLarge, InvalidDigest, InvalidArgument (an
    // x-amz-content-sha256 that is none of its forms).
    static Outcome<std::unique_ptr<BodyReceiver>> create(const BlobStore& blobs,
                                                         const Request& request,
                                                         const Authenticated& who,
                                                         const AcceptedKey& key, BodyUse use);
    Outcome<void> feed(std::string_view bytes);
    // Refusals: BadDigest / InvalidDigest, XAmzContentSHA256Mismatch, IncompleteBody.
    Outcome<Body> finish();

  private:
    BodyReceiver(const Request& request, BodyUse use) : request_(request), use_(use) {}
    Outcome<void> prepare_payload_check(const Authenticated& who, const AcceptedKey& key);
    Outcome<void> accept(std::string_view payload);

    const Request& request_;
    const BodyUse use_;
    std::unique_ptr<Incoming> file_;
    std::string text_;
    std::string content_md5_;  // raw, "" = not said
    std::string sha256_hex_;   // expected, "" = not said
    std::optional<Hasher> sha256_;
    std::optional<Hasher> text_md5_;
    std::unique_ptr<ChunkedBody> chunks_;
    std::unique_ptr<ChecksumSet> checksums_;
};

}  // namespace xbucket::local
