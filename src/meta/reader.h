// SPDX-FileCopyrightText: the xbucket authors
// Reads through the cache, with one HEAD in flight per key for those who may share it.
#pragma once

#include "meta_parts.h"

#include "xbucket/base/sync.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe; blocks on the network.
class Reader {
  public:
    explicit Reader(MetaParts& parts) : parts_(parts) {}

    struct Reading {
        SharedInfo info;
        TimePoint expires;
    };
    // From the cache where it is complete, else by a HEAD that others may share.
    // Errors: not_found (remembered) and head()'s.
    Result<Reading> complete(const ObjectKey& key) EXCLUDES(mutex_);
    // By a HEAD begun after this call.
    Result<Reading> current(const ObjectKey& key);

    // Through the cache's own lives for them. Errors: the store's.
    Result<Tags> tags(const ObjectKey& key);
    Result<std::string> acl(const ObjectKey& key);
    // user.xbucket.headers: a fresh HEAD, shared by a size query and the read that follows it.
    Result<std::string> headers(const ObjectKey& key) EXCLUDES(mutex_);
    void forget_headers(const ObjectKey& key) EXCLUDES(mutex_);

  private:
    struct Flight {
        bool done = false;
        std::optional<Result<Reading>> result;
        CondVar landed;
    };
    struct HeaderText {
        ObjectKey key;
        std::string text;
        TimePoint read_at;
    };

    MetaParts& parts_;
    Mutex mutex_;
    std::unordered_map<ObjectKey, std::shared_ptr<Flight>> flights_ GUARDED_BY(mutex_);
    std::vector<HeaderText> headers_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
