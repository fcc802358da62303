// SPDX-FileCopyrightText: the xbucket authors
// A BodySource that digests what passes through it, to be compared with what the service says it
// stored: the CRC64 that it tells, and MD5 where that is asked for.
#pragma once

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/http/message.h"

#include <memory>
#include <optional>
#include <string>

namespace xbucket {

// Read on the transport's thread; crc() and md5() are valid after the transfer.
class CheckedSource final : public BodySource {
  public:
    CheckedSource(std::shared_ptr<BodySource> inner, Crc64Kind kind, bool with_md5 = false)
        : inner_(std::move(inner)), kind_(kind), with_md5_(with_md5) {
        begin();
    }
    uint64_t size() const override { return inner_->size(); }
    Result<void> rewind() override {
        begin();
        return inner_->rewind();
    }
    Result<Chunk> read(std::span<char> buffer) override {
        auto chunk = inner_->read(buffer);
        if (chunk && chunk->bytes != 0) {
            const std::string_view bytes(buffer.data(), chunk->bytes);
            crc_ = crc64(kind_, bytes, crc_);
            if (md5_) md5_->update(bytes);
        }
        return chunk;
    }
    uint64_t crc() const { return crc_; }
    bool has_md5() const { return md5_.has_value(); }
    // Hex, in lower case. Once for each transfer.
    std::string md5() const { return hex_encode(md5_->finish()); }

  private:
    void begin() {
        crc_ = 0;
        if (with_md5_) md5_.emplace(Hasher::Algorithm::md5);
    }

    const std::shared_ptr<BodySource> inner_;
    const Crc64Kind kind_;
    const bool with_md5_;
    uint64_t crc_ = 0;
    mutable std::optional<Hasher> md5_;
};

}  // namespace xbucket
