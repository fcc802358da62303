// SPDX-FileCopyrightText: the xbucket authors
// Programs may go through names of a directory that nobody listed here (rsync's receiving side, git
// status, a compiler's include path): each lookup would cost requests of its own. Several of them
// soon after each other have the directory listed behind the scenes, for as long as lookups go on,
// and the names that follow are found in the listing. That a name is not in it counts only for a
// program that seeks names which are not there, one after another: who puts objects with another
// client and looks at each did not ask for a listing that was a moment too early.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"

#include <atomic>
#include <map>
#include <string>

namespace xbucket {

struct Core;

// Thread-safe; blocks nobody.
class LookupAhead {
  public:
    explicit LookupAhead(Core& core) : core_(core) {}

    // A lookup in `directory` that memory cannot answer.
    void asked(const ObjectKey& directory) EXCLUDES(mutex_);
    // Any lookup there: what is being listed is still of use.
    void used(const ObjectKey& directory) EXCLUDES(mutex_);
    // What the service said of a name there.
    void answered(const ObjectKey& directory, bool there) EXCLUDES(mutex_);
    // Whether the last names that the service was asked for were all missing.
    bool only_misses(const ObjectKey& directory) const EXCLUDES(mutex_);

  private:
    struct Interest {
        unsigned asked = 0;
        unsigned misses = 0;  // since the last name that was there
        uint64_t used = 0;
        TimePoint last;
        bool listing = false;
    };
    void list(const ObjectKey& directory) EXCLUDES(mutex_);
    uint64_t uses_of(const ObjectKey& directory) const EXCLUDES(mutex_);

    Core& core_;
    std::atomic<unsigned> listings_{0};
    mutable Mutex mutex_;
    std::map<std::string, Interest> interests_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
