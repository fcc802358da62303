// SPDX-FileCopyrightText: the xbucket authors
// Why a bucket cannot be mounted, in one sentence for the person at the terminal.
#pragma once

#include "config.h"

#include "xbucket/base/error.h"

#include <string>

namespace xbucket::app {

struct AccessAttempt {
    std::string bucket;
    std::string endpoint;       // "" = derived from the region
    std::string region;         // "" = unknown
    std::string access_key_id;  // "" = anonymous
    std::string key_source;     // Credentials::source
    WallTime now;
};

// What ObjectStore::check_access() answered, with what to do about it. Pure; no secrets.
std::string explain_access_failure(const Error& error, const AccessAttempt& attempt);

}  // namespace xbucket::app
