// SPDX-FileCopyrightText: the xbucket authors
// What a command over many objects ends with (xbucket-commands(1), EXIT STATUS): where it could not
// begin at all, the reason decides; where it could, that something of it failed.
#pragma once

#include "arguments.h"

#include "xbucket/base/sync.h"

#include <optional>

namespace xbucket::app {

class Outcome {
  public:
    void done() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        begun_ = true;
    }
    void failed() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        begun_ = failed_ = true;
    }
    // A path or URL behind which nothing could be looked at.
    void not_begun(const Error& error) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (!first_reason_) first_reason_ = exit_code_of(error);
    }
    ExitCode code() const EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (first_reason_ && !begun_) return *first_reason_;
        return failed_ || first_reason_ ? ExitCode::some_failed : ExitCode::ok;
    }

  private:
    mutable Mutex mutex_;
    bool begun_ GUARDED_BY(mutex_) = false;
    bool failed_ GUARDED_BY(mutex_) = false;
    std::optional<ExitCode> first_reason_ GUARDED_BY(mutex_);
};

}  // namespace xbucket::app
