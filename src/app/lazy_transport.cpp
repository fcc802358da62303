// SPDX-FileCopyrightText: the xbucket authors
#include "lazy_transport.h"

namespace xbucket::app {
namespace {

// What a request that was never sent is held by.
class NoTransfer final : public Transfer {
  public:
    void resume() override {}
    void cancel() override {}
};

}  // namespace

std::shared_ptr<Transfer> LazyTransport::start(HttpRequest request, Done done) {
    Transport* made = nullptr;
    Result<void> outcome;
    {
        LockGuard lock(mutex_);
        if (!transport_) {
            auto fresh = make_curl_transport(config_);
            if (fresh) {
                transport_ = std::move(*fresh);
            } else {
                outcome = std::move(fresh).error();
            }
        }
        made = transport_.get();
    }
    if (made != nullptr) return made->start(std::move(request), std::move(done));
    done(std::move(outcome).error());
    return std::make_shared<NoTransfer>();
}

TransportStats LazyTransport::stats() const {
    LockGuard lock(mutex_);
    return transport_ ? transport_->stats() : TransportStats();
}

}  // namespace xbucket::app
