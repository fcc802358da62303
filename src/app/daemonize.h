// SPDX-FileCopyrightText: the xbucket authors
// Going to the background so that the caller learns whether it worked: the parent waits on a pipe
// until the mount answers (exit 0) or failed (its message on stderr, its exit code). Forks before
// any thread exists (reliability.md 2, row 39).
#pragma once

#include "xbucket/base/result.h"

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket::app {

// What a process ends with; documented in xbucket(1).
enum class ExitCode : int {
    ok = 0,
    usage = 1,          // the command line, the environment or a configuration file is wrong
    system = 2,         // this machine: no memory, no /dev/fuse, a file that cannot be opened
    changes_lost = 3,   // unmounted, but something could not be sent; the log says what
    some_failed = 4,    // a command: some of the objects, the others are done
    mount_failed = 32,  // bucket, endpoint, region, key, clock or mount point
    interrupted = 130,  // a command: by the user, before everything was done
};
inline int to_int(ExitCode code) { return static_cast<int>(code); }

// Where a starting daemon says how it went. Movable, reports once, whichever thread comes first.
class StartReport {
  public:
    // Reports to this process's own stderr: the foreground.
    StartReport() = default;
    // Reports through a pipe.
    explicit StartReport(int pipe_fd) : pipe_fd_(pipe_fd) {}
    StartReport(StartReport&& other) noexcept;
    StartReport& operator=(StartReport&&) = delete;
    ~StartReport();

    // The mount answers. In the background the process now leads a session of its own, and the
    // standard streams go to /dev/null, stderr only where the log does not need it.
    void ready(bool keep_stderr);
    // It does not; `sentence` is for a person.
    void failed(ExitCode code, std::string_view sentence);

  private:
    std::atomic<int> pipe_fd_{-1};
};

struct Forked {
    // Set in the parent: what it must exit with.
    std::optional<int> parent_exit;
    StartReport report;  // the child's
};
// The child has "/" as its directory. Errors: io (no process to be had).
Result<Forked> fork_to_background();

// No core dumps unless asked for, not readable through /proc by others, secrets in locked memory,
// files private, SIGPIPE ignored (reliability.md 2, row 41). Secrets are in no core dump either
// way.
void harden_process(bool core_dumps = false);

// As many open files as the system lets this process have: each that is being written is one here.
void raise_open_files_limit();

}  // namespace xbucket::app
