// SPDX-FileCopyrightText: the xbucket authors
#include "background.h"

#include "xbucket/base/signals.h"

#include <algorithm>

namespace xbucket {
namespace {

// How often the table is looked at while it is above its cap, or near it.
constexpr Duration kRound = std::chrono::seconds(1);
constexpr size_t kForgetAtOnce = 1000;

}  // namespace

Background::Background(Core& core, Content& content) : core_(core), content_(content) {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

Background::~Background() { stop(); }

void Background::wake() {
    LockGuard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
}

void Background::stop() {
    {
        LockGuard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

void Background::run_once() {
    content_.upload_due();
    shrink_table();
}

void Background::run() {
    for (;;) {
        const TimePoint next = std::min(content_.next_due(), core_.clock.now() + kRound);
        {
            LockGuard lock(mutex_);
            while (!stopping_ && !woken_ && core_.clock.now() < next) {
                changed_.wait_until(mutex_, core_.clock, next);
            }
            if (stopping_) return;
            woken_ = false;
        }
        run_once();
    }
}

// The kernel holds a reference to every inode that it was told of, and gives it back when it drops
// the name. Without a cap, walking ten million files would leave ten million inodes here.
void Background::shrink_table() {
    const size_t size = core_.table.size();
    if (size <= core_.config.inodes_max) return;
    const size_t excess = std::min(size - core_.config.inodes_max, kForgetAtOnce);
    for (const ObjectKey& key : core_.table.candidates(excess)) core_.invalidate_name(key);
}

}  // namespace xbucket
