// SPDX-FileCopyrightText: the xbucket authors
// Listing pages in, the names of one directory out, in constant memory.
//
// An object `a` and keys below `a/` share one name, and the directory wins. Between the two in key
// order stand all keys that continue `a` with a byte below '/' (`a-b`, `a.txt`), perhaps pages of
// them, so `a` is held back until the stream has passed `a/`. What is held at one time is a chain
// in which each key is a prefix of the next, hence never longer than a key.
#pragma once

#include "xbucket/store/object_types.h"

#include <deque>
#include <string>
#include <vector>

namespace xbucket {

struct ListedName {
    std::string name;
    bool directory = false;
    ListEntry entry;  // files only
};

// Confined to one thread at a time.
class NameStream {
  public:
    explicit NameStream(ObjectKey directory) : directory_(std::move(directory)) {}

    // Pages of a listing with delimiter '/' and the directory's key as prefix, in order.
    void add(const ListPage& page);
    // Names that are ready; the caller takes from the front.
    std::deque<ListedName>& ready() { return ready_; }
    // Keys that no path can express, and files that a directory hides, so far.
    uint64_t skipped() const { return skipped_; }
    uint64_t shadowed() const { return shadowed_; }
    size_t held() const { return held_.size(); }

  private:
    void push_object(const ListEntry& entry);
    void push_prefix(const std::string& prefix);
    void release_passed(const std::string& key);
    bool take_name(const std::string& key, std::string& name);

    const ObjectKey directory_;
    std::deque<ListedName> ready_;
    std::vector<ListedName> held_;  // outermost (shortest) first
    uint64_t skipped_ = 0;
    uint64_t shadowed_ = 0;
};

}  // namespace xbucket
