// SPDX-FileCopyrightText: the xbucket authors
// The keys that the server takes: the lasting one that it was started with, and temporary ones with
// tokens, which come and go while it runs (a signed PUT of /?x-keys), as a token service would hand
// them out.
#pragma once

#include "auth.h"

#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace xbucket::local {

// Thread-safe.
class KeyRing {
  public:
    explicit KeyRing(AcceptedKey lasting);

    // Lines of "add ID SECRET TOKEN SECONDS" (a key of that id is replaced), "end ID" (it expires
    // now), "remove ID" (it becomes unknown). All are done or none. At most 1000 keys. Errors:
    // invalid_argument with the line's number, never its text.
    Result<void> change(std::string_view lines, WallTime now) EXCLUDES(mutex_);

    // The key that a request says it was signed with; the lasting one for all others, which then
    // does not fit.
    std::shared_ptr<const AcceptedKey> for_request(const Request& request) const EXCLUDES(mutex_);

  private:
    // Shared: a request under way keeps the key that it came with.
    using Keys = std::map<std::string, std::shared_ptr<const AcceptedKey>, std::less<>>;
    const std::shared_ptr<const AcceptedKey> lasting_;
    mutable Mutex mutex_;
    Keys temporary_ GUARDED_BY(mutex_);
};

}  // namespace xbucket::local
