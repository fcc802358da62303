// SPDX-FileCopyrightText: the xbucket authors
// What nobody waits for: files that were made and not opened go up, and inodes above the cap are
// handed back to the kernel to forget. One thread.
#pragma once

#include "content.h"
#include "core.h"

#include <thread>

namespace xbucket {

// Thread-safe. Stopped by stop() or the destructor.
class Background {
  public:
    Background(Core& core, Content& content);
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // Something is due that was not when it last looked.
    void wake() EXCLUDES(mutex_);
    void stop() EXCLUDES(mutex_);
    // One round, for whoever cannot wait for the thread (tests).
    void run_once();

  private:
    void run();
    void shrink_table();

    Core& core_;
    Content& content_;
    Mutex mutex_;
    CondVar changed_;
    bool stopping_ GUARDED_BY(mutex_) = false;
    bool woken_ GUARDED_BY(mutex_) = false;
    std::thread thread_;  // last: it uses what stands above
};

}  // namespace xbucket
