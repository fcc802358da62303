// SPDX-FileCopyrightText: the xbucket authors
// A ticket line per key. A line exists only while somebody holds or waits, so the table's size is
// the number of mutations under way.
#include "xbucket/store/key_order.h"

#include "xbucket/base/result.h"

namespace xbucket {

KeyOrder::Turn::Turn(Turn&& other) noexcept
    : order_(std::exchange(other.order_, nullptr)), keys_(std::move(other.keys_)) {}

KeyOrder::Turn& KeyOrder::Turn::operator=(Turn&& other) noexcept {
    if (this != &other) {
        release();
        order_ = std::exchange(other.order_, nullptr);
        keys_ = std::move(other.keys_);
    }
    return *this;
}

void KeyOrder::Turn::release() {
    if (order_ == nullptr) return;
    for (auto it = keys_.rbegin(); it != keys_.rend(); ++it) order_->release_one(*it);
    keys_.clear();
    order_ = nullptr;
}

KeyOrder::Turn KeyOrder::acquire(const ObjectKey& key) {
    acquire_one(key);
    return Turn(this, {key});
}

KeyOrder::Turn KeyOrder::acquire(const ObjectKey& a, const ObjectKey& b) {
    if (a == b) return acquire(a);
    const ObjectKey& first = a < b ? a : b;
    const ObjectKey& second = a < b ? b : a;
    acquire_one(first);
    acquire_one(second);
    return Turn(this, {first, second});
}

bool KeyOrder::is_held(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    return lines_.contains(key);
}

void KeyOrder::acquire_one(const ObjectKey& key) {
    LockGuard lock(mutex_);
    const uint64_t ticket = lines_[key].next_ticket++;
    // Looked up anew each time: other keys' lines come and go while this one waits.
    while (lines_[key].serving != ticket) changed_.wait(mutex_);
}

bool KeyOrder::when_released(const ObjectKey& key, std::function<void()> f) {
    LockGuard lock(mutex_);
    const auto it = lines_.find(key);
    if (it == lines_.end()) return false;
    it->second.told.push_back(std::move(f));
    return true;
}

void KeyOrder::release_one(const ObjectKey& key) {
    std::vector<std::function<void()>> told;
    {
        LockGuard lock(mutex_);
        told = serve_next(key);
    }
    for (const auto& f : told) f();
}

std::vector<std::function<void()>> KeyOrder::serve_next(const ObjectKey& key) {
    const auto it = lines_.find(key);
    CHECK(it != lines_.end());
    auto told = std::move(it->second.told);
    it->second.told.clear();
    if (++it->second.serving == it->second.next_ticket) {
        lines_.erase(it);
    } else {
        changed_.notify_all();
    }
    return told;
}

}  // namespace xbucket
