// SPDX-FileCopyrightText: the xbucket authors
// Objects that were restored from an archive: what can be read is a temporary copy of that very
// object (protocol.md 7). What a copy makes of it, under the same class, is archived again.
#pragma once

#include "xbucket/store/object_store.h"

#include <string_view>

namespace xbucket {

// Whether `base` can be read, or soon will, and what a copy of it stores under `wanted_class` could
// not, although nobody asked for another class. Pure.
bool would_archive_again(const ObjectInfo& base, std::string_view wanted_class);
// Of a copy in place: whether it leaves restored what is. Pure.
bool keeps_restored(const StoreTraits& traits, const ObjectInfo& base);
// What such a change (`what` names it) fails with: archived.
Error archives_again(std::string_view what, const StoreTraits& traits);

}  // namespace xbucket
