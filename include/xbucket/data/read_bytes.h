// SPDX-FileCopyrightText: the xbucket authors
// Bytes that a read gave, where they lie: pieces of memory that live as long as this does, so that
// a reply can be written from them without another copy.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

class ReadBytes {
  public:
    ReadBytes() = default;
    // `owner` keeps `piece` alive.
    void append(std::shared_ptr<const void> owner, std::string_view piece) {
        if (piece.empty()) return;
        owners_.push_back(std::move(owner));
        pieces_.push_back(piece);
        size_ += piece.size();
    }
    void append(std::string text) {
        const auto owner = std::make_shared<const std::string>(std::move(text));
        append(owner, *owner);
    }

    void append(ReadBytes other) {
        size_ += other.size_;
        for (auto& owner : other.owners_) owners_.push_back(std::move(owner));
        for (const std::string_view piece : other.pieces_) pieces_.push_back(piece);
    }

    // In order, none of them empty.
    const std::vector<std::string_view>& pieces() const { return pieces_; }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::string to_string() const {
        std::string all;
        all.reserve(size_);
        for (const std::string_view piece : pieces_) all += piece;
        return all;
    }

  private:
    std::vector<std::shared_ptr<const void>> owners_;
    std::vector<std::string_view> pieces_;
    size_t size_ = 0;
};

}  // namespace xbucket
