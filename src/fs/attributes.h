// SPDX-FileCopyrightText: the xbucket authors
// What stat(2) says and chmod, chown, utimens and truncate change.
#pragma once

#include "content.h"
#include "core.h"

namespace xbucket {

// Thread-safe.
class Attributes {
  public:
    Attributes(Core& core, Content& content) : core_(core), content_(content) {}

    Result<Attr> getattr(InodeNumber ino);
    std::optional<Result<Attr>> getattr_cached(InodeNumber ino);
    // `has_handle`: a new size is uploaded by the close to come, otherwise at once.
    Result<Attr> setattr(InodeNumber ino, const SetAttr& change, bool has_handle);

  private:
    Result<void> refresh(const InodePtr& inode);
    Result<void> resize(const InodePtr& inode, uint64_t size, bool upload_now);
    PosixRecord change_shown(Inode& inode, const SetAttr& change) REQUIRES(inode.mutex);

    Core& core_;
    Content& content_;
};

}  // namespace xbucket
