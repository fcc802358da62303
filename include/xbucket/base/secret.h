// SPDX-FileCopyrightText: the xbucket authors
// A string that cannot be printed by accident, lies in memory that is neither swapped out nor
// dumped, and is wiped when it goes.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace xbucket {

// A value. Its text lies in pages of their own (secret_memory.h), of whatever length it is.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string_view text);
    Secret(const Secret& other) : Secret(other.reveal()) {}
    Secret(Secret&& other) noexcept;
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    // The only way to the text: every use is found by searching for reveal(). Valid until the
    // secret is changed or goes.
    std::string_view reveal() const { return {text_, size_}; }
    bool empty() const { return size_ == 0; }
    friend bool operator==(const Secret& a, const Secret& b) { return a.reveal() == b.reveal(); }
    friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

  private:
    void wipe() noexcept;
    char* text_ = nullptr;
    size_t size_ = 0;
};

// Overwrites a copy that had to be a plain string, its whole capacity, and empties it.
void wipe(std::string& text);

// Whether all secrets so far lie in locked memory: RLIMIT_MEMLOCK may not allow it. Thread-safe.
bool secrets_are_locked();
// Locks the pages again: a child of fork() has the text but not the lock. Thread-safe.
void lock_secrets_after_fork();

}  // namespace xbucket
