// SPDX-FileCopyrightText: the xbucket authors
// What write-behind could not send, in the order it failed, found by key. Those that nobody has
// been told of are never dropped.
#pragma once

#include "journal.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace xbucket {

enum class FailureScope { key, prefix };  // prefix: of every key that starts with it

// Externally locked.
class FailureList {
  public:
    int64_t next_id() const { return next_; }
    size_t size() const { return failures_.size(); }
    size_t untold() const { return untold_.size(); }
    void add(const PendingFailure& failure);
    const PendingFailure& at(int64_t id) const { return failures_.at(id); }
    // The same failure, whatever its id.
    bool has_same(const PendingFailure& failure) const;
    bool has(int64_t id) const { return failures_.find(id) != failures_.end(); }
    // The oldest first.
    std::vector<int64_t> of(const ObjectKey& key, FailureScope scope) const;
    std::vector<int64_t> untold_of(const ObjectKey& key, FailureScope scope) const;
    // Of those, the ones from `first` on.
    std::vector<int64_t> untold_since(int64_t first) const;
    void tell(int64_t id);
    void move(int64_t id, const ObjectKey& to);
    void erase(int64_t id);
    // Drops the oldest that were told until no more than `most` are left, where there are so many.
    std::vector<int64_t> drop_told(size_t most);

  private:
    std::map<int64_t, PendingFailure> failures_;
    std::map<std::string, std::set<int64_t>, std::less<>> by_key_;
    std::set<int64_t> told_;
    std::set<int64_t> untold_;
    int64_t next_ = 1;
};

}  // namespace xbucket
