// SPDX-FileCopyrightText: the xbucket authors
// AttributeModel::get() for a parsed view: the cached read path, free of allocations but for the
// value (and the error).
#pragma once

#include "attr_grammar.h"
#include "name_codec.h"

#include "xbucket/base/result.h"

#include <string>

namespace xbucket {

Result<std::string> get_by_view(const StoreTraits& traits, const RawAlphabet& raw,
                                const ObjectInfo& info, const AttrNameView& name);

}  // namespace xbucket
