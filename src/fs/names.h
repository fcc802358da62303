// SPDX-FileCopyrightText: the xbucket authors
// Names: what stands at a path, and making and removing it. A name is a directory when any key
// starts with it and '/', else a file when an object has it as key.
#pragma once

#include "content.h"
#include "core.h"

namespace xbucket {

// Thread-safe.
class Names {
  public:
    Names(Core& core, Content& content) : core_(core), content_(content) {}

    Result<Entry> lookup(InodeNumber parent, std::string_view name);
    std::optional<Result<Entry>> lookup_cached(InodeNumber parent, std::string_view name);
    Duration absent_for(InodeNumber parent, std::string_view name);
    // What a name stands for, without counting a lookup.
    struct Resolved {
        InodePtr inode;
        Pin pin;
    };
    Result<Resolved> resolve(InodeNumber parent, std::string_view name);

    Result<Entry> mkdir(InodeNumber parent, std::string_view name, uint32_t mode,
                        const Caller& caller);
    Result<void> unlink(InodeNumber parent, std::string_view name);
    Result<void> rmdir(InodeNumber parent, std::string_view name);

    // Errors: directory_not_empty.
    Result<void> check_empty(const ObjectKey& directory);

  private:
    // The two keys that a name may have. `directory` is unset where it would be too long.
    struct Keys {
        ObjectKey parent;
        std::string name;
        ObjectKey file;
        std::optional<ObjectKey> directory;
    };
    Result<Keys> keys_of(InodeNumber parent, std::string_view name) const;
    void touch(const Keys& keys);
    std::optional<Result<Entry>> from_memory(const Keys& keys);
    std::optional<Entry> local_entry(const ObjectKey& key);
    std::optional<Entry> live_entry(const ObjectKey& key);
    std::optional<Entry> listed_file(const Keys& keys);
    std::optional<Entry> listed_directory(const Keys& keys);
    Result<Entry> ask(const Keys& keys);
    Result<Entry> found_directory(const ObjectKey& key, const ListPage& page);
    Result<Entry> dangling_link(const Keys& keys);
    Result<Entry> gone(const Keys& keys);
    Result<ObjectStat> put_marker(const ObjectKey& key, const PosixRecord& posix);

    Core& core_;
    Content& content_;
};

}  // namespace xbucket
