// SPDX-FileCopyrightText: the xbucket authors
// Lets programs end that were killed while a request of theirs waits for the network: the kernel
// waits for the daemon's answer, whatever signal came, and says of the first signal only that there
// was one (FUSE_INTERRUPT). So one thread looks at the callers of such requests, and answers EINTR
// for those that must end. Signals that a program survives (Go and git send themselves SIGURG and
// SIGPROF all the time) change nothing.
//
// close is looked at unasked: the kernel sends no interrupt for one that is a part of the end of a
// program.
#pragma once

#include "request.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

#include <functional>
#include <map>
#include <thread>
#include <unordered_map>
#include <vector>

namespace xbucket::fuse {

// Thread-safe. Calls libfuse and the callbacks with no lock held.
class Interrupts {
  public:
    explicit Interrupts(const Clock& clock);
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // No request is answered here after it. Idempotent.
    void stop() EXCLUDES(mutex_);

    enum class Look { when_interrupted, unasked };
    // From here until finished() the request may be answered with EINTR. Before its handler runs.
    void watch(const RequestPtr& request, Look look) EXCLUDES(mutex_);
    // Its handler has come to its end.
    void finished(const Request& request) EXCLUDES(mutex_);
    // Runs `release` when no handler uses the handle whose caller is gone: at once, or from
    // finished(). The kernel releases a handle when all its requests are answered.
    void when_unused(HandleId handle, std::function<void()> release) EXCLUDES(mutex_);

  private:
    friend class Request;
    struct Known {
        RequestPtr request;
        bool ready = false;  // libfuse is done with the call that made it known
        bool interrupted = false;
    };
    struct Watched {
        RequestPtr request;
        TimePoint next_look;
    };
    struct Waiting {
        size_t handlers = 0;  // that still run, and whose callers are gone
        std::function<void()> release;
    };

    static void on_interrupt(fuse_req_t req, void* self);
    // It is about to be answered.
    void forget(fuse_req_t req) EXCLUDES(mutex_);
    void give_up(Request& request) EXCLUDES(mutex_);
    void run() EXCLUDES(mutex_);
    // Takes those out that are due; answered ones are dropped on the way.
    std::vector<RequestPtr> take_due(TimePoint now) REQUIRES(mutex_);

    const Clock& clock_;
    Mutex mutex_;
    CondVar changed_;
    std::unordered_map<fuse_req_t, Known> requests_ GUARDED_BY(mutex_);
    std::vector<Watched> watched_ GUARDED_BY(mutex_);
    // Handles of running handlers whose callers are gone.
    std::map<HandleId, Waiting> in_use_ GUARDED_BY(mutex_);
    std::map<const Request*, std::vector<HandleId>> given_up_ GUARDED_BY(mutex_);
    TimePoint next_look_ GUARDED_BY(mutex_) = TimePoint::never();
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace xbucket::fuse
