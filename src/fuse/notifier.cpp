// SPDX-FileCopyrightText: the xbucket authors
#include "notifier.h"

#include "xbucket/base/signals.h"

namespace xbucket::fuse {

Notifier::Notifier(fuse_session* session) : session_(session) {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

void Notifier::invalidate_entry(InodeNumber parent, const std::string& name) {
    push({parent, name, false});
}

bool Notifier::invalidate_inode(InodeNumber ino, bool data_too) {
    return push({ino, {}, data_too});
}

bool Notifier::push(Item item) {
    LockGuard lock(mutex_);
    if (finishing_ || stopping_ || queue_.size() >= kQueueMax) return false;
    queue_.push_back(std::move(item));
    ++pushed_;
    changed_.notify_one();
    return true;
}

bool Notifier::wait_until_told(Duration at_most) {
    const SystemClock clock;
    const TimePoint deadline = clock.now() + at_most;
    LockGuard lock(mutex_);
    const uint64_t mine = pushed_;
    while (told_ < mine && !stopping_ && clock.now() < deadline) {
        told_changed_.wait_until(mutex_, clock, deadline);
    }
    return told_ >= mine;
}

bool Notifier::finish_within(Duration at_most) {
    const SystemClock clock;
    const TimePoint deadline = clock.now() + at_most;
    LockGuard lock(mutex_);
    finishing_ = true;
    while (told_ < pushed_ && clock.now() < deadline) {
        told_changed_.wait_until(mutex_, clock, deadline);
    }
    return told_ == pushed_;
}

void Notifier::stop() {
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
        told_changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

void Notifier::run() {
    for (;;) {
        Item item;
        {
            LockGuard lock(mutex_);
            while (queue_.empty() && !stopping_) changed_.wait(mutex_);
            if (stopping_) return;
            item = std::move(queue_.front());
            queue_.pop_front();
        }
        tell(item);
        LockGuard lock(mutex_);
        ++told_;
        told_changed_.notify_all();
    }
}

void Notifier::tell(const Item& item) {
    // ENOENT means that the kernel did not know it: fine. Other errors only delay what timeouts do.
    const auto ino = static_cast<fuse_ino_t>(item.ino);
    if (!item.name.empty()) {
        fuse_lowlevel_notify_inval_entry(session_, ino, item.name.data(), item.name.size());
    } else {
        fuse_lowlevel_notify_inval_inode(session_, ino, item.data_too ? 0 : -1, 0);
    }
}

}  // namespace xbucket::fuse
