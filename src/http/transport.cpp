// SPDX-FileCopyrightText: the xbucket authors
// The blocking calls over the asynchronous one.
#include "xbucket/http/transport.h"

#include "xbucket/base/sync.h"

namespace xbucket {

Result<HttpResponse> Transport::send(HttpRequest request) {
    std::vector<HttpRequest> one;
    one.push_back(std::move(request));
    return std::move(send_all(std::move(one)).front());
}

std::vector<Result<HttpResponse>> Transport::send_all(std::vector<HttpRequest> requests) {
    struct Waiter {
        Mutex mutex;
        CondVar changed;
        size_t left GUARDED_BY(mutex) = 0;
        std::vector<std::optional<Result<HttpResponse>>> results GUARDED_BY(mutex);
    };
    // On the stack: start() promises one call of done each, and this frame waits for them. The
    // notifier holds the mutex while it notifies, so it is finished with the waiter before we can
    // leave.
    Waiter waiter;
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
