// SPDX-FileCopyrightText: the xbucket authors
// Whoever keeps a log of uploads under way, so that a crash leaves no parts behind, is told of
// those that a store begins by itself: copies above the limit of a single one.
#pragma once

#include "xbucket/base/types.h"

#include <cstdint>

namespace xbucket {

// Thread-safe. May block for the disk.
class UploadWatcher {
  public:
    virtual ~UploadWatcher() = default;

    using Ticket = uint64_t;
    // Before the service is asked for an upload of `key`.
    virtual Ticket intend(const ObjectKey& key) = 0;
    // After it has answered and before any part is made.
    virtual void made(Ticket ticket, const UploadId& id) = 0;
    // Nothing is left of it at the service. Never said where that is not known.
    virtual void over(Ticket ticket) = 0;
};

}  // namespace xbucket
