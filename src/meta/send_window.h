// SPDX-FileCopyrightText: the xbucket authors
// How many objects are sent at the same time. It begins with what every service takes, grows by one
// for each object that went through, and falls back when the store had to try again: whatever the
// reason, more at a time would not make it better.
#pragma once

#include "xbucket/base/clock.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace xbucket {

// Externally locked.
class SendWindow {
  public:
    static constexpr size_t kUsual = 64;
    static constexpr size_t kLeast = 16;

    explicit SendWindow(size_t most)
        : most_(std::max<size_t>(most, 1)), size_(std::min(kUsual, most_)) {}

    size_t size() const { return size_; }

    // One more went through; `retries` is how often the store has tried again since it was made.
    void sent(uint64_t retries, TimePoint now) {
        if (retries == retries_) {
            size_ = std::min(size_ + 1, most_);
            return;
        }
        retries_ = retries;
        // What was under way when it fell tells nothing of its new size.
        if (fell_ && now - *fell_ < kPause) return;
        fell_ = now;
        size_ = std::min(most_, std::max(kLeast, std::min(kUsual, size_ / 2)));
    }

  private:
    static constexpr Duration kPause = std::chrono::seconds(1);

    const size_t most_;
    size_t size_;
    uint64_t retries_ = 0;
    std::optional<TimePoint> fell_;
};

}  // namespace xbucket
