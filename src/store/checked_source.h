// SPDX-FileCopyrightText: the xbucket authors
// A BodySource that counts the CRC64 of what passes through it, to be compared with what the
// service says it stored.
#pragma once

#include "xbucket/base/digest.h"
#include "xbucket/http/message.h"

#include <memory>

namespace xbucket {

// Read on the transport's thread; crc() is valid after the transfer.
class CheckedSource final : public BodySource {
  public:
    explicit CheckedSource(std::shared_ptr<BodySource> inner) : inner_(std::move(inner)) {}
    uint64_t size() const override { return inner_->size(); }
    Result<void> rewind() override {
        crc_ = 0;
        return inner_->rewind();
    }
    Result<Chunk> read(std::span<char> buffer) override {
        auto chunk = inner_->read(buffer);
        if (chunk && chunk->bytes != 0) {
            crc_ = crc64(std::string_view(buffer.data(), chunk->bytes), crc_);
        }
        return chunk;
    }
    uint64_t crc() const { return crc_; }

  private:
    const std::shared_ptr<BodySource> inner_;
    uint64_t crc_ = 0;
};

}  // namespace xbucket
