// SPDX-FileCopyrightText: the xbucket authors
// A small process beside a mount, outside its filter of system calls (syscall_filter.h). It does
// the two things that the mount then cannot do itself: run the credential program, and unmount. It
// takes no orders beyond that: the mount point is fixed when it starts, and once sealed it runs
// only programs that it ran before.
//
// It is a new program, not a fork: nothing of the mount's memory is in it. It ends when the mount's
// process does, however that ends.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"
#include "xbucket/credentials/kitchen.h"

#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace xbucket::app {

// argv[0] of its process, which is `xbucket` itself.
inline constexpr std::string_view kKeeperName = "xbucket-keeper";
// The descriptor at which it finds the control socket.
inline constexpr int kKeeperControl = 3;

// The mount's side. Thread-safe; calls run at the same time.
class Keeper {
  public:
    // Starts it. Errors: io (no process to be had).
    static Result<std::unique_ptr<Keeper>> start(const std::string& mountpoint);
    // Of a keeper that listens at the other end of `control`; `process` is reaped at the end.
    Keeper(int control, pid_t process) : control_(control), process_(process) {}
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    // As run_credential_process(), and blocks as long. Errors beyond its: access_denied (sealed,
    // and another program), io (the keeper is gone).
    Result<Secret> run_program(const std::string& command, bool shell,
                               const ProcessLimits& limits) const;
    // Takes the mount point's mount away, also where files are open. Errors: as unmount().
    Result<void> unmount() const;
    // From here on only programs that it ran before.
    void seal() const;

  private:
    Result<Secret> ask(std::string_view request, const ProcessLimits& limits) const;
    const int control_;
    const pid_t process_;
};

// The keeper's side: serves until the other end of `control` is closed. Forks for every request:
// nothing else may run in its process.
void serve_keeper(int control, const std::string& mountpoint);
// Its main(): `words` are what stands behind argv[0].
int keeper_command(const std::vector<std::string>& words);

}  // namespace xbucket::app
