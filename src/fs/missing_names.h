// SPDX-FileCopyrightText: the xbucket authors
// Names that the kernel keeps as "not there", so that it can be told when they may be.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/fs/reply.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// Thread-safe.
class MissingNames {
  public:
    explicit MissingNames(const Clock& clock, size_t names_max = 1U << 14)
        : clock_(clock), names_max_(names_max) {}

    using Name = std::pair<InodeNumber, std::string>;  // the directory's number

    // The kernel keeps this one until then. False: there are too many to take it back later.
    bool add(InodeNumber directory, std::string_view name, TimePoint until) EXCLUDES(mutex_);
    // Those that the kernel still keeps, of directories that `wanted` takes; they are no longer
    // here then.
    std::vector<Name> take(const std::function<bool(InodeNumber)>& wanted) EXCLUDES(mutex_);

  private:
    void drop_ended(TimePoint now) REQUIRES(mutex_);

    const Clock& clock_;
    const size_t names_max_;
    Mutex mutex_;
    std::map<Name, TimePoint> names_ GUARDED_BY(mutex_);
    TimePoint next_end_ GUARDED_BY(mutex_);  // at the last look, where there was no room
};

}  // namespace xbucket
