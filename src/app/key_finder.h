// SPDX-FileCopyrightText: the xbucket authors
// Credentials of a Config, with all that asking for them and renewing them needs.
#pragma once

#include "config.h"
#include "lazy_transport.h"

#include "xbucket/base/environment.h"
#include "xbucket/credentials/find.h"
#include "xbucket/credentials/kitchen.h"

#include <memory>

namespace xbucket::app {

class KeyFinder {
  public:
    // Blocks, and may start threads: after fork only. `clock` must outlive it. Programs are run by
    // `run_program`, or here where there is none. Errors: as find_credentials().
    static Result<std::unique_ptr<KeyFinder>> find(const Config& config,
                                                   const Environment& environment, Clock& clock,
                                                   const ProgramRunner& run_program = {});

    ~KeyFinder() { kitchen_.stop(); }

    CredentialsProvider& provider() { return *found_.provider; }
    const ServiceHints& hints() const { return found_.hints; }
    // That renewal reads again.
    const std::vector<std::string>& files() const { return found_.files; }
    // Who was asked, and what came of it.
    const std::vector<std::string>& asked() const { return found_.asked; }

  private:
    KeyFinder(const Config& config, const Environment& environment, Clock& clock,
              const ProgramRunner& run_program);

    // Members are in the order of dependence.
    LazyTransport direct_;
    LazyTransport transport_;
    Kitchen kitchen_;
    FoundCredentials found_;
};

}  // namespace xbucket::app
