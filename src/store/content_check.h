// SPDX-FileCopyrightText: the xbucket authors
// Whether the bytes of an object that came whole are those that the service has: by the CRC64 that
// OSS says, by the checksum that S3 has of the whole object, or by an ETag that is an MD5. MD5 runs
// at half a GiB/s, on the transport's thread: objects above kMd5BytesMax go by the others only.
#pragma once

#include "xbucket/base/digest.h"
#include "xbucket/base/sync.h"
#include "xbucket/store/object_types.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace xbucket {

// What reading ahead fetches by one GET is at most as large.
inline constexpr uint64_t kMd5BytesMax = 2U << 20;

// Externally locked.
class ContentCheck {
  public:
    // nullopt: the service says nothing to compare with, or not at this price.
    static std::optional<ContentCheck> of(const ObjectInfo& info);
    void update(std::string_view bytes);

    struct Verdict {
        bool right = false;
        bool by_etag = false;
        std::string name;      // "CRC64"
        std::string found;     // of what came
        std::string expected;  // what the service says
    };
    // Of all that passed. It cannot be used after it.
    Verdict finish();

  private:
    enum class Way { crc64, checksum, etag };
    ContentCheck(Way way, Checksum expected);
    std::string digest();

    Way way_;
    Checksum expected_;  // with `etag`: hex, and the kind means nothing
    uint64_t crc_ = 0;
    std::optional<Hasher> hasher_;
};

// ETags that look like an MD5 and are none, for services of which that is not known: where the same
// bytes came twice they were not damaged on the way. Thread-safe.
class EtagDoubts {
  public:
    // Whether these bytes came before under this ETag.
    bool came_before(const ETag& etag, const std::string& md5) EXCLUDES(mutex_);

  private:
    Mutex mutex_;
    std::set<std::string> seen_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
