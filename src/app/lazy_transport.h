// SPDX-FileCopyrightText: the xbucket authors
// A transport that is made when it is first used: most mounts ask no metadata service and no token
// service, and need no thread for them.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/http/curl_transport.h"

#include <memory>

namespace xbucket::app {

// Thread-safe. A transport that cannot be made fails every request with the reason.
class LazyTransport final : public Transport {
  public:
    explicit LazyTransport(CurlTransportConfig config) : config_(std::move(config)) {}

    std::shared_ptr<Transfer> start(HttpRequest request, Done done) override EXCLUDES(mutex_);
    TransportStats stats() const override EXCLUDES(mutex_);

  private:
    const CurlTransportConfig config_;
    mutable Mutex mutex_;
    std::unique_ptr<Transport> transport_ GUARDED_BY(mutex_);
};

}  // namespace xbucket::app
