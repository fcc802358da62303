// SPDX-FileCopyrightText: the xbucket authors
// Changes to a version that make no new version and do not move Last-Modified: tags, ACL, restore,
// retention.
#pragma once

#include "lookup.h"

#include <functional>

namespace xbucket::local {

// Finds the version that the request names, lets `change` alter it, and writes it back, in one
// transaction. Gives what was found, altered.
Outcome<Found> rewrite(Site& site, const Request& request,
                       const std::function<Outcome<void>(ObjectRecord&)>& change);

// Adds x-*-version-id to the reply of an operation on one version.
void add_version(Reply& reply, const Request& request, const Found& found);

}  // namespace xbucket::local
