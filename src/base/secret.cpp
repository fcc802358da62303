// SPDX-FileCopyrightText: the xbucket authors
// Wiping covers the whole capacity, so that neither a longer earlier text nor the copy that a
// moved-from short string keeps inside itself stays behind.
#include "xbucket/base/secret.h"

#include <cstring>
#include <utility>

namespace xbucket {

Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) {
        // Copied first and wiped second: assigning in place could free the old text unwiped.
        Secret copy(other);
        *this = std::move(copy);
    }
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        text_ = std::move(other.text_);
        other.wipe();
    }
    return *this;
}

void Secret::wipe() noexcept {
    text_.resize(text_.capacity());  // Never allocates.
    explicit_bzero(text_.data(), text_.size());
    text_.clear();
}

}  // namespace xbucket
