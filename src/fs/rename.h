// SPDX-FileCopyrightText: the xbucket authors
// Renames. A bucket has none: every object is copied to its new key and deleted at the old one, by
// meta, which keeps its metadata and what is pending. Content that is local moves with the inode.
#pragma once

#include "links.h"
#include "names.h"

namespace xbucket {

// Thread-safe.
class Renamer {
  public:
    Renamer(Core& core, Content& content, Names& names, Links& links)
        : core_(core), content_(content), names_(names), links_(links) {}

    // See FileSystem::rename(). A directory's objects move one by one, several at a time: at any
    // moment each of them has exactly one of its two names, also where it ends half way.
    Result<void> rename(InodeNumber parent, std::string_view name, InodeNumber new_parent,
                        std::string_view new_name, bool no_replace);

  private:
    Result<void> rename_file(const InodePtr& source, const ObjectKey& from, const ObjectKey& to,
                             bool no_replace);
    Result<void> move_object(const InodePtr& source, const ObjectKey& from, const ObjectKey& to,
                             bool no_replace);
    Result<void> rename_directory(const ObjectKey& from, const ObjectKey& to, bool no_replace);
    Result<void> move_below(const ObjectKey& from, const ObjectKey& to);
    Result<void> move_listed(const ListEntry& entry, const ObjectKey& to);
    Result<void> move_local(const ObjectKey& from, const ObjectKey& to);

    Core& core_;
    Content& content_;
    Names& names_;
    Links& links_;
};

}  // namespace xbucket
