// SPDX-FileCopyrightText: the xbucket authors
// Programs that go through a directory and read attributes file by file (getfattr -R, rsync -X,
// cp -a, a file manager) would wait one round trip for each. Once such a walk is seen, the metadata
// of the files to come is fetched ahead, in a window that starts at 8 and doubles up to 64 as half
// of it is used, and no more when the steps end. Several walks at once are told apart.
//
// A walk goes forward in the order of the listing, or in that of the inode numbers (cp and find
// sort by them, to spare disks). It is seen at its third file, or at its second where it began with
// the directory's first: a program that opens three files at random causes no request. Where what
// lies ahead was known and merely outlived its time, one LIST of the stretch renews a thousand
// entries in place of as many HEADs.
#pragma once

#include "siblings.h"

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"
#include "xbucket/meta/meta_engine.h"
#include "xbucket/store/object_store.h"

#include <atomic>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe; blocks nobody.
class WalkAhead {
  public:
    struct Limits {
        size_t names_bytes_max = 16U << 20;  // names remembered, of all directories together
        size_t window_max = 64;
        bool with_tags = true;
    };
    // References must outlive it. `helpers` do what blocks.
    WalkAhead(MetaEngine& meta, ObjectStore& store, WorkerPool& helpers, const Limits& limits)
        : meta_(meta), store_(store), helpers_(helpers), limits_(limits) {}

    // A page of a listing of `directory`, with delimiter; pages of one listing come in order.
    void listed(const ObjectKey& directory, const ListPage& page) EXCLUDES(mutex_);
    // A program asked for metadata of this file or directory.
    void touched(const ObjectKey& key) EXCLUDES(mutex_);

  private:
    using Place = Siblings::Place;
    enum class Order { listing, number };

    // One program's way through a directory.
    struct Walk {
        Order order = Order::listing;
        Place at = 0;  // in `order`
        std::string name;
        unsigned steps = 0;
        unsigned steps_to_start = 0;
        unsigned grown_at = 0;  // number of the step that changed the window last
        size_t window = 0;
        Place fetched_to = 0;  // in `order`; what lies between `at` and it was asked for
    };
    // Places in the order of inode numbers, made when somebody seems to go by them.
    struct ByNumber {
        std::vector<uint64_t> numbers;  // sorted
        std::vector<Place> places;      // of each
        Place begin = 0;                // of the names that are in it
        Place end = 0;
    };
    struct Directory {
        std::string key;
        Siblings names;
        std::vector<Walk> walks;
        unsigned strays = 0;  // touches that no walk explains, since the last that one did
        ByNumber by_number;
        bool renewing = false;  // a LIST that renews a stretch is under way
        size_t bytes = 0;
    };
    using Directories = std::list<Directory>;  // most recently used first

    struct Stretch {  // what to fetch, worked out under the lock and asked for without it
        std::vector<ObjectKey> keys;
        std::string before;  // key of the name in front of the first
        bool in_order = false;
    };

    Directory* find(std::string_view directory) REQUIRES(mutex_);
    Stretch step(Directory& directory, std::string_view name) REQUIRES(mutex_);
    Walk* find_walk(Directory& directory, Place place, std::string_view name) REQUIRES(mutex_);
    bool take_step(Walk& walk, Place to, std::string_view name) const;
    void widen(Walk& walk) const;
    Stretch go_on(Directory& directory, Walk& walk) REQUIRES(mutex_);
    void account(Directory& directory) REQUIRES(mutex_);
    void fetch(const std::string& directory, const Stretch& stretch) EXCLUDES(mutex_);
    void renew(const std::string& directory, const Stretch& stretch) EXCLUDES(mutex_);
    static Place place_in(const Directory& directory, Order order, std::string_view name);
    static std::string_view name_at(const Directory& directory, Order order, Place place);
    static void sort_by_number(Directory& directory);
    static void find_places_again(Directory& directory);

    MetaEngine& meta_;
    ObjectStore& store_;
    WorkerPool& helpers_;
    const Limits limits_;
    std::atomic<size_t> last_touched_{0};  // hash of a key: programs ask several times in a row
    Mutex mutex_;
    Directories directories_ GUARDED_BY(mutex_);
    std::unordered_map<std::string_view, Directories::iterator> by_key_ GUARDED_BY(mutex_);
    size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace xbucket
