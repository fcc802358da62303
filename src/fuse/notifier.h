// SPDX-FileCopyrightText: the xbucket authors
// Tells the kernel to forget names and inodes, from a thread of its own: the notify calls wait for
// locks that the kernel may hold while it waits for one of our replies.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/fs/filesystem.h"

#include <fuse3/fuse_lowlevel.h>

#include <deque>
#include <thread>

namespace xbucket::fuse {

// Thread-safe. When more than kQueueMax are waiting, new ones are dropped: the kernel's timeouts
// then do the work later.
class Notifier final : public KernelNotifier {
  public:
    explicit Notifier(fuse_session* session);
    ~Notifier() override { stop(); }
    void invalidate_entry(InodeNumber parent, const std::string& name) override;
    bool invalidate_inode(InodeNumber ino, bool data_too) override;
    bool wait_until_told(Duration at_most) override;
    // Takes nothing more, and waits until everything has been told: while requests are answered,
    // for a call that waits for an answer when none come waits for ever, and its thread with it.
    // False: not within that time.
    bool finish_within(Duration at_most) EXCLUDES(mutex_);
    // Ends the thread; call after finish_within(), or after the session is unmounted.
    void stop() EXCLUDES(mutex_);

  private:
    struct Item {
        InodeNumber ino{};
        std::string name;  // "" = the inode itself
        bool data_too = false;
    };
    // False: dropped.
    bool push(Item item) EXCLUDES(mutex_);
    void run();
    void tell(const Item& item);

    static constexpr size_t kQueueMax = 100'000;
    fuse_session* const session_;
    Mutex mutex_;
    CondVar changed_;
    CondVar told_changed_;
    std::deque<Item> queue_ GUARDED_BY(mutex_);
    uint64_t pushed_ GUARDED_BY(mutex_) = 0;
    uint64_t told_ GUARDED_BY(mutex_) = 0;
    bool finishing_ GUARDED_BY(mutex_) = false;
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace xbucket::fuse
