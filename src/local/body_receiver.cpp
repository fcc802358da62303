// SPDX-FileCopyrightText: the xbucket authors
#include "body_receiver.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::local {

namespace {

constexpr uint64_t kPutMax = 5ULL << 30;
constexpr size_t kTextMax = 4U << 20;

Refusal too_large(uint64_t size) {
    return Refusal(400, "EntityTooLarge",
                   "Your proposed upload exceeds the maximum allowed object size.")
        .detail("ProposedSize", fmt::to_string(size))
        .detail("MaxSizeAllowed", fmt::to_string(kPutMax));
}

}  // namespace

Outcome<std::unique_ptr<BodyReceiver>> BodyReceiver::create(const BlobStore& blobs,
                                                            const Request& request,
                                                            const Authenticated& who,
                                                            const AcceptedKey& key, BodyUse use) {
    std::unique_ptr<BodyReceiver> receiver(new BodyReceiver(request, use));
    const std::string_view length = request.header("content-length");
    const bool chunked = !request.header("transfer-encoding").empty();
    // aws-chunked bodies say their length in x-amz-decoded-content-length.
    const bool length_elsewhere = request.oss() || who.payload_hash.starts_with("STREAMING-");
    if (use == BodyUse::data && length.empty() && !(chunked && length_elsewhere)) {
        return Refusal(411, "MissingContentLength",
                       "You must provide the Content-Length HTTP header.");
    }
    const auto size = parse_u64(length);
    if (size && *size > kPutMax) return too_large(*size);
    if (const auto md5 = request.headers.get("content-md5"); md5 && !md5->empty()) {
        const auto raw = base64_decode(trim_ows(*md5));
        if (!raw || raw->size() != 16) {
            return Refusal(400, "InvalidDigest", "The Content-MD5 you specified was invalid.",
                           "0003-00000201");
        }
        receiver->content_md5_ = *raw;
        if (use != BodyUse::data) receiver->text_md5_.emplace(Hasher::Algorithm::md5);
    }
    receiver->checksums_ = ChecksumSet::for_request(request);
    ASK(receiver->prepare_payload_check(who, key));
    if (use == BodyUse::data) receiver->file_ = ASK(blobs.create());
    return receiver;
}

Outcome<void> BodyReceiver::prepare_payload_check(const Authenticated& who,
                                                  const AcceptedKey& key) {
    const std::string& hash = who.payload_hash;
    if (hash.empty() || hash == "UNSIGNED-PAYLOAD") return {};
    if (hash.size() == 64 && hex_decode(hash)) {
        sha256_hex_ = to_lower(hash);
        sha256_.emplace(Hasher::Algorithm::sha256);
        return {};
    }
    std::optional<ChunkedBody::Mode> mode;
    if (hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") mode = ChunkedBody::Mode::unsigned_trailer;
    if (hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") mode = ChunkedBody::Mode::signed_chunks;
    if (hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
        mode = ChunkedBody::Mode::signed_trailer;
    }
    if (!mode || request_.oss()) {
        return invalid_argument(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER or a valid sha256 value.",
            "x-amz-content-sha256", hash);
    }
    const auto decoded = parse_u64(request_.header("x-amz-decoded-content-length"));
    if (!decoded) {
        return Refusal(411, "MissingContentLength",
                       "You must provide the x-amz-decoded-content-length HTTP header.");
    }
    if (*decoded > kPutMax) return too_large(*decoded);
    chunks_ = std::make_unique<ChunkedBody>(
        *mode, who.seed, key.secret, *decoded,
        [this](std::string_view payload) { return accept(payload); },
        [this](std::string_view name, std::string_view value) {
            if (checksums_) checksums_->expect(name, value);
        });
    return {};
}

Outcome<void> BodyReceiver::feed(std::string_view bytes) {
    if (chunks_) return chunks_->feed(bytes);
    if (sha256_) sha256_->update(bytes);
    return accept(bytes);
}

Outcome<void> BodyReceiver::accept(std::string_view payload) {
    if (checksums_) checksums_->update(payload);
    if (file_) {
        if (file_->size() + payload.size() > kPutMax) return too_large(file_->size());
        ASK(file_->append(payload));
        return {};
    }
    if (text_md5_) text_md5_->update(payload);
    if (use_ == BodyUse::none) return {};  // some clients send a body where none belongs
    if (text_.size() + payload.size() > kTextMax) return malformed_xml();
    text_ += payload;
    return {};
}

Outcome<Body> BodyReceiver::finish() {
    if (chunks_) ASK(chunks_->finish());
    if (sha256_) {
        const std::string ours = hex_encode(sha256_->finish());
        if (ours != sha256_hex_) {
            return Refusal(400, "XAmzContentSHA256Mismatch",
                           "The provided 'x-amz-content-sha256' header does not match what was "
                           "computed.")
                .detail("ClientComputedContentSHA256", sha256_hex_)
                .detail("S3ComputedContentSHA256", ours);
        }
    }
    if (!content_md5_.empty()) {
        const std::string ours = file_ ? file_->md5() : text_md5_->finish();
        if (ours != content_md5_) {
            // OSS calls a digest that does not match invalid as well.
            return Refusal(400, request_.oss() ? "InvalidDigest" : "BadDigest",
                           "The Content-MD5 you specified did not match what we received.",
                           "0003-00000201")
                .detail("ExpectedDigest", base64_encode(content_md5_))
                .detail("CalculatedDigest", base64_encode(ours));
        }
    }
    Body body;
    if (checksums_) body.checksums = ASK(checksums_->finish());
    body.file = std::move(file_);
    body.text = std::move(text_);
    return body;
}

}  // namespace xbucket::local
