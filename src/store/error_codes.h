// SPDX-FileCopyrightText: the xbucket authors
// What a person should do about a kind of refusal.
#pragma once

#include "xbucket/base/error.h"

#include <string_view>

namespace xbucket {

// Why and what to do, one clause; "" where there is nothing to say beyond the service's own words.
std::string_view advice_for(ErrorKind kind);

}  // namespace xbucket
