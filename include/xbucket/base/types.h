// SPDX-FileCopyrightText: the xbucket authors
// Strong string types: a key is not an ETag, even if both are text.
#pragma once

#include <compare>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace xbucket {

template <class Tag>
class StringId {
  public:
    StringId() = default;
    explicit StringId(std::string text) : text_(std::move(text)) {}
    explicit StringId(std::string_view text) : text_(text) {}
    explicit StringId(const char* text) : text_(text) {}

    const std::string& str() const { return text_; }
    bool empty() const { return text_.empty(); }
    size_t size() const { return text_.size(); }

    friend bool operator==(const StringId&, const StringId&) = default;
    friend std::strong_ordering operator<=>(const StringId& a, const StringId& b) {
        return a.text_.compare(b.text_) <=> 0;
    }
    friend std::ostream& operator<<(std::ostream& out, const StringId& id) {
        return out << id.text_;
    }

  private:
    std::string text_;
};

// Raw UTF-8 (or other) bytes of an object's key; never percent-encoded, no leading '/'.
using ObjectKey = StringId<struct ObjectKeyTag>;
// With its quotes removed: 5B3C1A2E053D763E1B002CC607C5A0FE.
using ETag = StringId<struct ETagTag>;
using UploadId = StringId<struct UploadIdTag>;
using VersionId = StringId<struct VersionIdTag>;

}  // namespace xbucket

template <class Tag>
struct std::hash<xbucket::StringId<Tag>> {
    size_t operator()(const xbucket::StringId<Tag>& id) const noexcept {
        return std::hash<std::string>{}(id.str());
    }
};
