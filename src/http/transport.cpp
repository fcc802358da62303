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

std::vector<Result<HttpResponse>> Transport::send_all(std::vector<HttpRequest> requests) {
    struct Waiter {
        Mutex mutex;
        CondVar changed;
        size_t left GUARDED_BY(mutex) = 0;
        std::vector<std::optional<Result<HttpResponse>>> results GUARDED_BY(mutex);
    };
    Waiter waiter;  // on the stack, as above
    {
        LockGuard lock(waiter.mutex);
        waiter.left = requests.size();
        waiter.results.resize(requests.size());
    }
    for (size_t i = 0; i < requests.size(); ++i) {
        start(std::move(requests[i]), [&waiter, i](Result<HttpResponse> result) {
            LockGuard lock(waiter.mutex);
            waiter.results[i] = std::move(result);
            if (--waiter.left == 0) waiter.changed.notify_one();
        });
    }
    std::vector<Result<HttpResponse>> results;
    results.reserve(requests.size());
    LockGuard lock(waiter.mutex);
    while (waiter.left != 0) waiter.changed.wait(waiter.mutex);
    for (auto& result : waiter.results) results.push_back(std::move(*result));
    return results;
}

}  // namespace xbucket
