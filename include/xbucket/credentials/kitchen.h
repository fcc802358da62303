// SPDX-FileCopyrightText: the xbucket authors
// Follows recipes: asks metadata services, security token services and programs. One attempt each;
// when to ask again is RenewingCredentials' business.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/credentials/recipe.h"
#include "xbucket/http/transport.h"

#include <atomic>
#include <functional>
#include <string>

namespace xbucket {

// What a program may take. All of its group is killed when it takes longer or says more.
struct ProcessLimits {
    Duration timeout = std::chrono::seconds(60);
    size_t output_max = 64U << 10;
    std::function<bool()> stopped;  // asked now and then; true: kill it now
};
// Runs `command` without this process's secrets: standard input and error are /dev/null, no other
// descriptor is open. Gives its standard output. Blocks. Errors: bad_credentials (cannot be
// started, ends with a status, prints too much; its output is in no message), timed_out, cancelled,
// invalid_argument (quotes that do not end).
Result<Secret> run_credential_process(const std::string& command, bool shell,
                                      const ProcessLimits& limits, Clock& clock);

// As run_credential_process(), where this process may not start programs itself.
using ProgramRunner =
    std::function<Result<Secret>(const std::string& command, bool shell, const ProcessLimits&)>;

struct KitchenConfig {
    // Instead of http://100.100.100.200 and http://169.254.169.254, and of the STS's own addresses.
    std::string metadata_endpoint;
    std::string ec2_endpoint;  // instead of http://169.254.169.254, where the one above is not set
    std::string sts_endpoint;
    ProcessLimits process;
    ProgramRunner run_program;  // unset: run_credential_process()
};

// Thread-safe. Transports must outlive it: metadata is asked without a proxy, whatever the mount
// uses.
class Kitchen {
  public:
    Kitchen(KitchenConfig config, Transport& direct, Transport& transport, Clock& clock);

    // Blocks: 2 s for a metadata service that does not answer, 30 s for others, a minute for a
    // program. Errors: not_found (no metadata service here), bad_credentials, access_denied,
    // expired_credentials, and the transport's. Messages never hold a secret.
    Result<Credentials> follow(const Recipe& recipe);
    // The mount goes down: programs that run now or later are killed.
    void stop() { stopping_ = true; }

  private:
    Result<Credentials> follow(const Recipe& recipe, unsigned depth);
    KitchenConfig config_;
    std::atomic<bool> stopping_{false};
    Transport& direct_;
    Transport& transport_;
    Clock& clock_;
};

}  // namespace xbucket
