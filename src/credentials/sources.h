// SPDX-FileCopyrightText: the xbucket authors
// The places that can be asked for a recipe, one row each, for the chain's order and for
// --credentials.
#pragma once

#include "xbucket/credentials/find.h"

#include <functional>
#include <string>
#include <vector>

namespace xbucket {

struct Place {
    std::string name;  // for people: "~/.ossutilconfig", "environment"
    // Looks there, without a network. Errors: not_found (no such file or profile) and as the
    // parsers.
    std::function<Result<LoadedProfile>()> load;
    std::vector<std::string> files;  // that load() reads
    // Asked on the chance that it is there: whether a machine has a metadata service is seen only
    // by asking.
    bool is_guess = false;
};

// Places keep `environment` alive for their later looks.
using SharedEnvironment = std::shared_ptr<const Environment>;

// All of them, in the order of find.h.
std::vector<Place> places_in_order(const CredentialsRequest& request,
                                   const SharedEnvironment& environment);
// Those that --credentials, --credentials-file or --profile names; of several (a profile may be in
// one of three files) the first that has it. Errors: invalid_argument (SPEC).
Result<std::vector<Place>> named_places(const CredentialsRequest& request,
                                        const SharedEnvironment& environment);

}  // namespace xbucket
