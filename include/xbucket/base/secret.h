// SPDX-FileCopyrightText: the xbucket authors
// A string that cannot be printed by accident and is wiped when it goes.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace xbucket {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string_view text) : text_(text) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept;
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    // The only way to the text: every use is found by searching for reveal().
    const std::string& reveal() const { return text_; }
    bool empty() const { return text_.empty(); }
    friend bool operator==(const Secret&, const Secret&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

  private:
    void wipe() noexcept;
    std::string text_;
};

}  // namespace xbucket
