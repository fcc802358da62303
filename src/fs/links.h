// SPDX-FileCopyrightText: the xbucket authors
// Symbolic links. Where the service has its own (OSS) and the target is an object of this bucket, a
// native one, which other tools follow too. Otherwise as s3fs does it: an object whose recorded
// mode says S_IFLNK and whose content is the text.
#pragma once

#include "core.h"

namespace xbucket {

// Thread-safe.
class Links {
  public:
    explicit Links(Core& core) : core_(core) {}

    Result<Entry> create(InodeNumber parent, std::string_view name, std::string_view target,
                         const Caller& caller);
    Result<std::string> read(InodeNumber ino);
    // A native link under another name keeps its text, hence may name another key. The caller
    // holds both turns. Errors: already_exists (no_replace), the store's.
    Result<void> move_native(const ObjectKey& from, const ObjectKey& to, bool no_replace);

  private:
    // Errors: not_permitted (-o links=inside, and the target may be outside of the mount).
    Result<void> check(const ObjectKey& key, std::string_view target) const;
    Result<std::string> read(const InodePtr& inode);
    struct Rules {
        bool to_object;    // the target has to be one that is there
        bool may_replace;  // else: already_exists
    };
    // `posix`: what is recorded with the link; `attributes`: what else it has.
    Result<bool> put_native(const ObjectKey& key, std::string_view target, const PosixRecord& posix,
                            ObjectAttributes attributes, const Rules& rules);
    Result<ObjectStat> put_object(const ObjectKey& key, std::string_view target,
                                  const PosixRecord& posix, const ObjectAttributes& attributes,
                                  bool may_replace);
    Result<std::string> read_native(const ObjectKey& key);
    Result<ObjectAttributes> own_attributes(const ObjectKey& link);
    Result<bool> copy_native(const ObjectKey& from, const ObjectKey& to, std::string_view text,
                             bool no_replace);
    // What it shows where it had to become an object.
    Result<std::optional<ObjectStat>> make_again(const ObjectKey& from, const ObjectKey& to,
                                                 std::string_view text, bool may_replace);

    Core& core_;
};

}  // namespace xbucket
