// SPDX-FileCopyrightText: the xbucket authors
// The blocking calls over the asynchronous one.
#include "xbucket/http/transport.h"

#include "xbucket/base/sync.h"

#include <optional>

namespace xbucket {

Result<HttpResponse> Transport::send(HttpRequest request) {
    std::vector<HttpRequest> one;
    one.push_back(std::move(request));
    return std::move(send_all(std::move(one)).front());
}

std::vector<Result<HttpResponse>> Transport::send_all(std::vector<HttpRequest> requests) {
    std::vector<std::optional<Result<HttpResponse>>> answers(requests.size());
    CountDown unanswered(requests.size());
    // On the stack: start() promises one call of done each, and this frame waits for them.
    for (size_t i = 0; i < requests.size(); ++i) {
        start(std::move(requests[i]), [&answers, &unanswered, i](Result<HttpResponse> result) {
            answers[i] = std::move(result);
            unanswered.count_down();
        });
    }
    unanswered.wait();
    std::vector<Result<HttpResponse>> results;
    results.reserve(answers.size());
    for (auto& answer : answers) results.push_back(*std::move(answer));
    return results;
}

}  // namespace xbucket
