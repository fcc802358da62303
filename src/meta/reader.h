// SPDX-FileCopyrightText: the xbucket authors
// Reads through the cache, with one HEAD in flight per key for those who may share it, and many
// ahead of a program that goes through a directory.
#pragma once

#include "meta_parts.h"
#include "single_flight.h"

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"

#include <optional>
#include <vector>

namespace xbucket {

// Thread-safe; blocks on the network, prefetch() apart.
class Reader {
  public:
    explicit Reader(MetaParts& parts) : parts_(parts), tag_readers_("tags", kTagReaders) {}
    // Waits for what prefetch() has under way.
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    struct Reading {
        SharedInfo info;
        TimePoint expires;
    };
    // From the cache where it is complete, else by a HEAD that others may share.
    // Errors: not_found (remembered) and head()'s.
    Result<Reading> complete(const ObjectKey& key);
    // By a HEAD begun after this call.
    Result<Reading> current(const ObjectKey& key);
    // See MetaEngine::prefetch().
    void prefetch(const std::vector<ObjectKey>& keys, bool with_tags) EXCLUDES(mutex_);

    // Through the cache's own lives for them. Errors: the store's.
    Result<Tags> tags(const ObjectKey& key);
    Result<std::string> acl(const ObjectKey& key);
    // user.xbucket.headers: a fresh HEAD, shared by a size query and the read that follows it.
    Result<std::string> headers(const ObjectKey& key) EXCLUDES(mutex_);
    // user.object.versions: one JSON object a line, the newest version first. Remembered as briefly
    // as headers() are. Errors: unsupported where the bucket keeps no versions.
    Result<std::string> versions(const ObjectKey& key) EXCLUDES(mutex_);
    void forget_headers(const ObjectKey& key) EXCLUDES(mutex_);

  private:
    static constexpr size_t kTagReaders = 16;

    // What a size query was answered with, so that the read that follows it is too.
    enum class TextKind { headers, versions };
    struct BriefText {
        ObjectKey key;
        TextKind kind = TextKind::headers;
        std::string text;
        TimePoint read_at;
    };
    std::optional<std::string> brief_text(const ObjectKey& key, TextKind kind) EXCLUDES(mutex_);
    // `read_at`: when the request that told it was begun.
    void keep_text(const ObjectKey& key, TextKind kind, const std::string& text, TimePoint read_at)
        EXCLUDES(mutex_);
    template <class T>
    typename SingleFlight<T>::Boarding board(SingleFlight<T>& flights, const ObjectKey& key);
    // What the cache can answer at once.
    std::optional<Result<Reading>> known(const ObjectKey& key);
    Result<Reading> take(const ObjectKey& key, uint64_t epoch, Result<HeadReply> reply);
    void prefetch_tags(const ObjectKey& key, const ObjectInfo& info) EXCLUDES(mutex_);
    void one_less_under_way() EXCLUDES(mutex_);

    MetaParts& parts_;
    SingleFlight<Reading> heads_;
    SingleFlight<Tags> tag_reads_;
    Mutex mutex_;
    CondVar idle_;
    size_t under_way_ GUARDED_BY(mutex_) = 0;  // asynchronous HEADs
    std::vector<BriefText> texts_ GUARDED_BY(mutex_);
    WorkerPool tag_readers_;  // last: its jobs use what stands above
};

}  // namespace xbucket
