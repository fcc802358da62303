// SPDX-FileCopyrightText: the xbucket authors
#include "loop.h"

#include "xbucket/base/signals.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xbucket::fuse {

Result<std::unique_ptr<Loop>> Loop::create(fuse_session* session) {
    const int device = fuse_session_fd(session);
    const int flags = fcntl(device, F_GETFL);
    const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0 || flags < 0 || fcntl(device, F_SETFL, flags | O_NONBLOCK) < 0) {
        const int error = errno;
        if (event >= 0) close(event);
        return fail(ErrorKind::io,
                    std::string("cannot wait for requests: ") + std::strerror(error));
    }
    return std::unique_ptr<Loop>(new Loop(session, event));
}

Loop::~Loop() { close(stop_event_); }

Result<void> Loop::run(unsigned threads) {
    std::vector<std::thread> servers;
    {
        const SignalsBlocked blocked;
        for (unsigned i = 1; i < threads; ++i) servers.emplace_back([this] { serve(); });
    }
    serve();
    stop();  // unmounted: the others must see it too
    for (std::thread& server : servers) server.join();
    if (failure_ != 0) {
        return fail(ErrorKind::io,
                    std::string("the FUSE connection failed: ") + std::strerror(failure_));
    }
    return {};
}

void Loop::stop() {
    fuse_session_exit(session_);
    const uint64_t one = 1;
    // Nobody takes it back: it stays raised for every thread.
    while (write(stop_event_, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void Loop::serve() {
    fuse_buf buffer = {};
    while (!fuse_session_exited(session_)) {
        const int got = fuse_session_receive_buf(session_, &buffer);
        if (got == -EINTR) continue;
        if (got == -EAGAIN) {
            if (!wait_for_request()) break;
            continue;
        }
        if (got <= 0) {  // 0: unmounted
            if (got < 0) failure_ = -got;
            stop();
            break;
        }
        fuse_session_process_buf(session_, &buffer);
    }
    std::free(buffer.mem);  // libfuse allocates it with malloc
}

bool Loop::wait_for_request() const {
    pollfd waits[2] = {{.fd = fuse_session_fd(session_), .events = POLLIN, .revents = 0},
                       {.fd = stop_event_, .events = POLLIN, .revents = 0}};
    if (poll(waits, 2, -1) < 0) return errno == EINTR;
    return waits[1].revents == 0;
}

}  // namespace xbucket::fuse
