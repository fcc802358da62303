// SPDX-FileCopyrightText: the xbucket authors
// One open directory: a listing streamed page by page, with files that are not in the bucket yet
// put in and own deletions left out. Entries are numbered in the order in which they come; the
// number is the offset. What stays in memory is one page, so that ten million keys need no more
// than a thousand, and the first entries do not wait for the last; and of other pages, where they
// began, for whoever seeks back.
#pragma once

#include "core.h"
#include "dir_listing.h"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xbucket {

// Thread-safe; calls of read() go one after the other.
class DirHandle {
  public:
    DirHandle(Core& core, InodePtr directory);
    ~DirHandle();
    DirHandle(const DirHandle&) = delete;
    DirHandle& operator=(const DirHandle&) = delete;

    // See FileSystem::readdir(). Offset 0 behind the start lists anew (rewinddir).
    Result<void> read(uint64_t offset, bool plus, const DirSink& sink) EXCLUDES(mutex_);
    void note_created(const std::string& name) EXCLUDES(mutex_);
    void note_removed(const std::string& name) EXCLUDES(mutex_);
    const InodePtr& directory() const { return directory_; }

  private:
    struct Item {
        ListedName listed;
        bool local = false;  // not in the bucket yet
        // stat=meta: what the object's attributes say, once asked.
        std::optional<Result<ObjectStat>> stat;
    };
    // These belong to whoever holds `reading_`.
    // So that `number` is not behind the window.
    void go_back(uint64_t number);
    void note_page();
    Result<void> fetch_page();
    void ask_ahead();
    void append(Item item) { window_.push_back(std::move(item)); }
    void ask_attributes(size_t index);
    bool emit(const Item& item, uint64_t number, bool plus, const DirSink& sink);
    bool emit_dot(const std::string& name, uint64_t number, const DirSink& sink);
    void fill_plus(const Item& item, const ObjectKey& key, DirEntry& entry);
    void log_unshown();
    bool was_removed(const std::string& name) const EXCLUDES(mutex_);
    Result<void> read_turn(uint64_t offset, bool plus, const DirSink& sink);

    Core& core_;
    const InodePtr directory_;
    const Pin pin_;

    // Listing state, owned by the reader whose turn it is.
    std::unique_ptr<DirListing> listing_;  // null: not begun
    std::deque<Item> window_;
    uint64_t window_start_ = 3;    // number of window_'s first item; 1 and 2 are "." and ".."
    size_t attributes_asked_ = 0;  // items at the front of window_ that were asked for
    std::set<std::string, std::less<>> local_names_;
    // Where pages behind the first one began, in order; some are left out where there are many.
    struct PageStart {
        uint64_t number = 0;
        DirListing::Place place;
    };
    std::vector<PageStart> starts_;

    mutable Mutex mutex_;
    CondVar changed_;
    bool reading_ GUARDED_BY(mutex_) = false;
    // Removed by us while pages that may still show them were on their way, with the number of
    // pages that had been asked for then.
    std::map<std::string, uint64_t, std::less<>> removed_ GUARDED_BY(mutex_);
    uint64_t pages_asked_ GUARDED_BY(mutex_) = 0;
};

}  // namespace xbucket
