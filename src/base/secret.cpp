// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/secret.h"

#include "secret_memory.h"

#include <cstring>
#include <utility>

namespace xbucket {

Secret::Secret(std::string_view text) : size_(text.size()) {
    if (size_ == 0) return;
    text_ = allocate_secret(size_);
    std::memcpy(text_, text.data(), size_);
}

Secret::Secret(Secret&& other) noexcept
    : text_(std::exchange(other.text_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) *this = Secret(other);
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        text_ = std::exchange(other.text_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

void Secret::wipe() noexcept {
    if (text_ != nullptr) free_secret(text_, size_);
    text_ = nullptr;
    size_ = 0;
}

void wipe(std::string& text) {
    text.resize(text.capacity());  // never allocates
    explicit_bzero(text.data(), text.size());
    text.clear();
}

bool secrets_are_locked() { return secret_memory_is_locked(); }

void lock_secrets_after_fork() { lock_secret_memory_again(); }

}  // namespace xbucket
