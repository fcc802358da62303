// SPDX-FileCopyrightText: the xbucket authors
// The blocking call over the asynchronous one.
#include "xbucket/http/transport.h"

#include "xbucket/base/sync.h"

namespace xbucket {

Result<HttpResponse> Transport::send(HttpRequest request) {
    struct Waiter {
        Mutex mutex;
        CondVar changed;
        std::optional<Result<HttpResponse>> result GUARDED_BY(mutex);
    };
    // On the stack: start() promises one call of done, and this frame waits for it. The notifier
    // holds the mutex while it notifies, so it is finished with the waiter before we can leave.
    Waiter waiter;
    start(std::move(request), [&waiter](Result<HttpResponse> result) {
        LockGuard lock(waiter.mutex);
        waiter.result = std::move(result);
        waiter.changed.notify_one();
    });
    LockGuard lock(waiter.mutex);
    while (!waiter.result) waiter.changed.wait(waiter.mutex);
    return std::move(*waiter.result);
}

}  // namespace xbucket
