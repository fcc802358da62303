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
    // moment each of them has exactly one of its two names, also where it ends half way. The same
    // rename goes on then.
    Result<void> rename(InodeNumber parent, std::string_view name, InodeNumber new_parent,
                        std::string_view new_name, bool no_replace);

  private:
    Result<void> rename_file(const InodePtr& source, const ObjectKey& from, const ObjectKey& to,
                             bool no_replace);
    Result<void> move_object(const InodePtr& source, const ObjectKey& from, const ObjectKey& to,
                             bool no_replace);
    Result<void> rename_directory(const ObjectKey& from, const ObjectKey& to, bool no_replace);
    // A directory on its way.
    struct Moving {
        const ObjectKey& from;
        const ObjectKey& to;
        const bool no_replace;
        const bool goes_on;  // what was broken off: others may have filled `to` since
        size_t objects = 0;  // that moved, with files that are not in the bucket yet
        bool marker = false;
    };
    Result<void> move_below(Moving& moving);
    Result<void> stopped(const Moving& moving, Error error);
    // What a LIST of `from` finds now; counted, also where it fails.
    Result<void> move_objects(Moving& moving);
    // False: removed since it was listed, so that nothing is left to move.
    Result<bool> move_listed(const ListEntry& entry, const ObjectKey& to, bool no_replace);
    Result<void> move_local_files(Moving& moving);
    // False as above.
    Result<bool> move_local(const ObjectKey& from, const ObjectKey& to, bool no_replace);
    // A file that is not in the bucket yet would give way without a word.
    Result<void> check_not_local(const ObjectKey& key) const;

    Core& core_;
    Content& content_;
    Names& names_;
    Links& links_;
};

}  // namespace xbucket
