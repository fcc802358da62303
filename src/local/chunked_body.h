// SPDX-FileCopyrightText: the xbucket authors
// aws-chunked bodies (Content-Encoding: aws-chunked, an x-amz-content-sha256 that starts with
// STREAMING-): "SIZE;chunk-signature=HEX\r\nBYTES\r\n" ... "0...\r\n", trailer lines, empty line.
// Signatures chain from the request's own; unsigned streams have none.
#pragma once

#include "auth.h"
#include "checksums.h"
#include "outcome.h"

#include "xbucket/base/digest.h"

#include <cstdint>
#include <functional>
#include <string>

namespace xbucket::local {

// Confined to one thread at a time.
class ChunkedBody {
  public:
    enum class Mode { unsigned_trailer, signed_chunks, signed_trailer };
    // `decoded_length` from x-amz-decoded-content-length. `sink` takes payload, `trailer` the lines
    // behind it.
    ChunkedBody(Mode mode, StreamSeed seed, const Secret& secret, uint64_t decoded_length,
                std::function<Outcome<void>(std::string_view)> sink,
                std::function<void(std::string_view, std::string_view)> trailer);

    Outcome<void> feed(std::string_view bytes);
    // Refusal: IncompleteBody.
    Outcome<void> finish();

  private:
    enum class State { header, data, data_end, trailer, done };
    Outcome<void> take_line(const std::string& line);
    Outcome<void> begin_chunk(const std::string& line);
    Outcome<void> end_chunk();
    Outcome<void> take_trailer(const std::string& line);
    Outcome<void> check_signature(const std::string& string_to_sign, std::string_view given);

    const Mode mode_;
    StreamSeed seed_;  // signature: of what came before
    std::string signing_key_;
    const uint64_t decoded_length_;
    const std::function<Outcome<void>(std::string_view)> sink_;
    const std::function<void(std::string_view, std::string_view)> trailer_;
    State state_ = State::header;
    std::string line_;
    uint64_t left_ = 0;
    uint64_t total_ = 0;
    bool last_ = false;
    std::string chunk_signature_;
    Hasher chunk_hash_{Hasher::Algorithm::sha256};
    std::string trailer_text_;
};

}  // namespace xbucket::local
