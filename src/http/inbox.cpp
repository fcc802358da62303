// SPDX-FileCopyrightText: the xbucket authors
#include "inbox.h"

#include "exchange.h"

namespace xbucket {

bool Inbox::post(Item item) {
    LockGuard lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    ring();
    return true;
}

void Inbox::stop() {
    LockGuard lock(mutex_);
    stopping_ = true;
    ring();
}

void Inbox::ring() {
    if (!asleep_ || closed_) return;
    asleep_ = false;
    // Fails only when the pipe is full of earlier wakeups, which wake as well.
    curl_multi_wakeup(multi_);
}

bool Inbox::take(std::vector<Item>& items) {
    LockGuard lock(mutex_);
    items.swap(items_);
    return stopping_;
}

bool Inbox::fall_asleep() {
    LockGuard lock(mutex_);
    asleep_ = items_.empty() && !stopping_;
    return asleep_;
}

void Inbox::wake_up() {
    LockGuard lock(mutex_);
    asleep_ = false;
}

bool Inbox::close_if_empty() {
    LockGuard lock(mutex_);
    closed_ = items_.empty();
    return closed_;
}

}  // namespace xbucket
