// SPDX-FileCopyrightText: the xbucket authors
#include "chunked_body.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace xbucket::local {

namespace {

constexpr size_t kLineMax = 16U << 10;

Refusal incomplete() { return {400, "IncompleteBody", "The request body terminated unexpectedly"}; }
Refusal bad_framing() {
    return {400, "InvalidChunkSizeError", "The aws-chunked body is not framed as it should be"};
}
std::string scope_text(const SigningScope& s) {
    return s.date + "/" + s.region + "/" + s.product + "/aws4_request";
}

}  // namespace

ChunkedBody::ChunkedBody(Mode mode, StreamSeed seed, const Secret& secret, uint64_t decoded_length,
                         std::function<Outcome<void>(std::string_view)> sink,
                         std::function<void(std::string_view, std::string_view)> trailer)
    : mode_(mode),
      seed_(std::move(seed)),
      decoded_length_(decoded_length),
      sink_(std::move(sink)),
      trailer_(std::move(trailer)) {
    if (mode_ == Mode::unsigned_trailer) return;
    const std::string date = hmac_sha256(fmt::format("AWS4{}", secret.reveal()), seed_.scope.date);
    const std::string region = hmac_sha256(date, seed_.scope.region);
    signing_key_ = hmac_sha256(hmac_sha256(region, seed_.scope.product), "aws4_request");
}

Outcome<void> ChunkedBody::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (state_ == State::done) return bad_framing();
        if (state_ == State::data) {
            const size_t take = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
            const std::string_view piece = bytes.substr(0, take);
            if (mode_ != Mode::unsigned_trailer) chunk_hash_.update(piece);
            ASK(sink_(piece));
            bytes.remove_prefix(take);
            left_ -= take;
            total_ += take;
            if (left_ == 0) state_ = State::data_end;
            continue;
        }
        const size_t end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (line_.size() > kLineMax) return bad_framing();
        if (end == std::string_view::npos) return {};
        bytes.remove_prefix(end + 1);
        if (line_.ends_with('\r')) line_.pop_back();
        const std::string line = std::move(line_);
        line_.clear();
        ASK(take_line(line));
    }
    return {};
}

Outcome<void> ChunkedBody::take_line(const std::string& line) {
    switch (state_) {
        case State::header:
            return begin_chunk(line);
        case State::data_end:
            if (!line.empty()) return bad_framing();
            ASK(end_chunk());
            state_ = State::header;
            return {};
        case State::trailer:
            return take_trailer(line);
        case State::data:
        case State::done:
            return bad_framing();
    }
    return bad_framing();
}

Outcome<void> ChunkedBody::begin_chunk(const std::string& line) {
    const size_t semicolon = line.find(';');
    const char* first = line.data();
    const char* last = first + std::min(semicolon, line.size());
    const auto [end, code] = std::from_chars(first, last, left_, 16);
    if (code != std::errc() || end != last || total_ + left_ > decoded_length_) {
        return bad_framing();
    }
    if (mode_ != Mode::unsigned_trailer) {
        const size_t at = line.find("chunk-signature=");
        if (at == std::string::npos) return bad_framing();
        chunk_signature_ = line.substr(at + 16);
    }
    last_ = left_ == 0;
    if (!last_) {
        state_ = State::data;
        return {};
    }
    ASK(end_chunk());
    state_ = State::trailer;
    return {};
}

Outcome<void> ChunkedBody::check_signature(const std::string& string_to_sign,
                                           std::string_view given) {
    const std::string ours = hex_encode(hmac_sha256(signing_key_, string_to_sign));
    if (!same_text(given, ours)) {
        return Refusal(
            403, "SignatureDoesNotMatch",
            "The signature of a chunk of the body does not match the one we calculated.");
    }
    seed_.signature = ours;
    return {};
}

Outcome<void> ChunkedBody::end_chunk() {
    if (mode_ == Mode::unsigned_trailer) return {};
    const std::string hash = hex_encode(chunk_hash_.finish());
    chunk_hash_ = Hasher(Hasher::Algorithm::sha256);
    return check_signature(
        fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", seed_.timestamp,
                    scope_text(seed_.scope), seed_.signature, hex_encode(sha256("")), hash),
        chunk_signature_);
}

Outcome<void> ChunkedBody::take_trailer(const std::string& line) {
    if (line.empty()) {
        state_ = State::done;
        return {};
    }
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return bad_framing();
    const std::string name = to_lower(trim_ows(std::string_view(line).substr(0, colon)));
    const std::string_view value = trim_ows(std::string_view(line).substr(colon + 1));
    if (name == "x-amz-trailer-signature") {
        if (mode_ != Mode::signed_trailer) return bad_framing();
        return check_signature(fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
                                           seed_.timestamp, scope_text(seed_.scope),
                                           seed_.signature, hex_encode(sha256(trailer_text_))),
                               value);
    }
    trailer_text_ += name + ":" + std::string(value) + "\n";
    trailer_(name, value);
    return {};
}

Outcome<void> ChunkedBody::finish() {
    // Some clients leave out the empty line behind the last chunk or the trailer.
    const bool ended = state_ == State::done || (state_ == State::trailer && line_.empty());
    if (!ended || total_ != decoded_length_) return incomplete();
    return {};
}

}  // namespace xbucket::local
