// SPDX-FileCopyrightText: the xbucket authors
// chmod, chown and utimens that are not recorded in the bucket yet, merged per key, with the time
// when each is due. Entries leave when what they say has been recorded, or cannot be.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"
#include "xbucket/meta/posix_record.h"

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// Thread-safe; never blocks.
class PendingPosix {
  public:
    // True: it is the first that will be due.
    bool add(const ObjectKey& key, const PosixRecord& change, TimePoint due);
    // Empty when nothing is pending. Cheap when nothing is pending anywhere.
    PosixRecord get(const ObjectKey& key) const;
    // Members of `recorded` that still are what is pending need no recording any more.
    void recorded(const ObjectKey& key, const PosixRecord& recorded);
    void drop(const ObjectKey& key);
    void drop_below(std::string_view prefix);

    // Keys due at `now`; each is put off to `again`, so that a failure is tried later.
    std::vector<ObjectKey> take_due(TimePoint now, TimePoint again);
    TimePoint next_due() const;
    std::vector<ObjectKey> keys_below(std::string_view prefix) const;
    size_t size() const { return count_.load(std::memory_order_acquire); }

  private:
    struct Entry {
        PosixRecord record;
        TimePoint due;
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    Entries::iterator erase(Entries::iterator entry) REQUIRES(mutex_);

    mutable Mutex mutex_;
    Entries entries_ GUARDED_BY(mutex_);
    // A hundred thousand may be waiting (chown -R), and each that comes asks for the first.
    std::set<std::pair<TimePoint, std::string_view>> due_ GUARDED_BY(mutex_);  // of entries_' keys
    std::atomic<size_t> count_{0};
};

}  // namespace xbucket
