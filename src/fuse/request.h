// SPDX-FileCopyrightText: the xbucket authors
// One request of the kernel. It is answered once: by its handler, or with EINTR when the program
// behind it must end before (interrupts.h). What a handler does after that goes on, unheard.
#pragma once

#include "xbucket/fs/filesystem.h"

#include <fuse3/fuse_lowlevel.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

namespace xbucket::fuse {

struct Mount;
inline Mount& mount_of(fuse_req_t req) { return *static_cast<Mount*>(fuse_req_userdata(req)); }

// Thread-safe. libfuse frees its request when it is answered: everything that a handler needs after
// that is copied here.
class Request {
  public:
    explicit Request(fuse_req_t req)
        : mount_(mount_of(req)),
          caller_(caller_of(req)),
          thread_(fuse_req_ctx(req)->pid),
          req_(req) {}
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    Mount& mount() const { return mount_; }
    const Caller& caller() const { return caller_; }
    // The thread that waits, as this process knows it; 0 where it cannot.
    pid_t thread() const { return thread_; }

    // One of libfuse's fuse_reply_*, unless there was an answer already. False when the caller does
    // not learn of this one: then it takes over no lookup and no handle.
    template <class Reply, class... Values>
    bool answer(const Reply& reply, const Values&... values) {
        const fuse_req_t req = take();
        heard_ = req != nullptr && reply(req, values...) != -ENOENT;
        return heard_;
    }
    void answer_error(int number) { answer(fuse_reply_err, number); }
    bool is_answered() const { return req_.load() == nullptr; }
    // What the last answer() said. The handler's own.
    bool was_heard() const { return heard_; }

    // Open files that the handler uses: they are released after it. Before it is watched.
    void uses(HandleId handle) { handles_.push_back(handle); }
    const std::vector<HandleId>& handles() const { return handles_; }

  private:
    friend class Interrupts;

    static Caller caller_of(fuse_req_t req) {
        const fuse_ctx* context = fuse_req_ctx(req);
        return {context->uid, context->gid, context->umask};
    }
    // libfuse's request, for who answers it; null for all but the first.
    fuse_req_t take();

    Mount& mount_;
    const Caller caller_;
    const pid_t thread_;
    std::vector<HandleId> handles_;
    std::atomic<fuse_req_t> req_;
    std::atomic<bool> watched_{false};
    bool heard_ = false;
};

using RequestPtr = std::shared_ptr<Request>;

}  // namespace xbucket::fuse
