// SPDX-FileCopyrightText: the xbucket authors
// chmod, chown and utimens that are not recorded in the bucket yet, merged per key, with the time
// when each is due. Entries leave when what they say has been recorded, or cannot be. What the
// object's metadata has no room for is parked: never due by itself, shown, and recorded with the
// next change that leaves room.
#pragma once

#include "pending_record.h"

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
    // `now`: the object, as far as it is known. True: it is the first that will be due.
    bool add(const ObjectKey& key, const PosixRecord& change, TimePoint due,
             const std::optional<PosixBase>& now);
    // Empty when nothing is pending. Cheap when nothing is pending anywhere.
    PendingRecord get(const ObjectKey& key) const;
    // Whether any of it is not parked.
    bool is_to_be_sent(const ObjectKey& key) const;
    // Members of `recorded` that still are what is pending need no recording any more.
    void recorded(const ObjectKey& key, const PosixRecord& recorded);
    // There was no room for `left`: what of it nothing newer stands for is parked. Returns what was
    // not parked before.
    PosixRecord park(const ObjectKey& key, const PosixRecord& left,
                     const std::optional<PosixBase>& now);
    // This mount made `now` of the object, of the same content if that was `content` ("" = any).
    void follow(const ObjectKey& key, const ETag& content, const ObjectInfo& now);
    // The attribute that records it was set or removed since.
    void supersede(const ObjectKey& key, std::string_view metadata_name);
    void drop(const ObjectKey& key);
    void drop_below(std::string_view prefix);

    // Keys due at `now`; each is put off to `again`, so that a failure is tried later.
    std::vector<ObjectKey> take_due(TimePoint now, TimePoint again);
    TimePoint next_due() const;
    std::vector<ObjectKey> keys_below(std::string_view prefix) const;
    size_t size() const { return count_.load(std::memory_order_acquire); }

  private:
    struct Entry {
        PendingRecord pending;
        PosixRecord parked;  // members of the record that there was no room for
        TimePoint due;       // never, where all of it is parked

        bool is_parked() const { return parked == pending.record; }
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    Entries::iterator erase(Entries::iterator entry) REQUIRES(mutex_);
    void set_due(Entries::iterator entry, TimePoint due) REQUIRES(mutex_);
    void tidy(Entries::iterator entry) REQUIRES(mutex_);

    mutable Mutex mutex_;
    Entries entries_ GUARDED_BY(mutex_);
    // A hundred thousand may be waiting (chown -R), and each that comes asks for the first.
    std::set<std::pair<TimePoint, std::string_view>> due_ GUARDED_BY(mutex_);  // of entries_' keys
    std::atomic<size_t> count_{0};
};

}  // namespace xbucket
