// SPDX-FileCopyrightText: the xbucket authors
// Extended attributes of inodes: which key meta is asked for, and what is answered here (files
// that are not in the bucket yet, links, the root, user.xbucket.refresh).
#pragma once

#include "content.h"
#include "core.h"

namespace xbucket {

// Thread-safe.
class Xattrs {
  public:
    Xattrs(Core& core, Content& content) : core_(core), content_(content) {}

    Result<std::string> get(InodeNumber ino, std::string_view name, const Caller& caller);
    std::optional<Result<std::string>> get_cached(InodeNumber ino, std::string_view name,
                                                  const Caller& caller);
    Result<std::vector<std::string>> list(InodeNumber ino);
    std::optional<Result<std::vector<std::string>>> list_cached(InodeNumber ino);
    // `value` unset removes.
    Result<void> change(InodeNumber ino, std::string_view name, std::optional<std::string> value,
                        SetFlag flag);
    // See FileSystem::refresh().
    Result<void> refresh(InodeNumber ino, const Caller& caller);

  private:
    std::optional<Result<std::string>> get_here(const InodePtr& inode, const AttrName& name,
                                                const Caller& caller);
    std::optional<Result<std::vector<std::string>>> list_here(const InodePtr& inode);
    // nullopt: the file is in the bucket, meta must do it.
    Result<void> make_object(const InodePtr& inode);
    std::optional<Result<void>> change_staged(const InodePtr& inode, const AttrName& name,
                                              const std::optional<std::string>& value,
                                              SetFlag flag);
    // Where the object turned out to be gone, its name goes: whoever looks next is told so, too.
    template <class T>
    Result<T> noticed(const InodePtr& inode, const ObjectKey& key, Result<T> result);
    Result<void> refresh(const InodePtr& inode);
    void forget_missing(const std::string& prefix);

    Core& core_;
    Content& content_;
};

}  // namespace xbucket
