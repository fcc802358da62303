// SPDX-FileCopyrightText: the xbucket authors
// One listing of a directory, page by page, told to all who learn from listings: meta's cache, the
// cache of names, and those who fetch ahead of a program that goes through the directory. A page
// can be asked for before it is wanted.
#pragma once

#include "listing_cache.h"
#include "name_stream.h"

#include "xbucket/base/parallel.h"
#include "xbucket/base/result.h"
#include "xbucket/store/object_store.h"

#include <optional>
#include <string>
#include <vector>

namespace xbucket {

struct Core;

// Confined to one thread at a time.
class DirListing {
  public:
    // Lists what stands under `directory`; nothing is asked yet.
    DirListing(Core& core, ObjectKey directory, ListingCache::For whom);
    // What the next page depends on.
    struct Place {
        std::string token;
        NameStream stream;
    };
    // Goes on from where a listing of `directory` was. Too late for the cache of names: it hears
    // nothing of it.
    DirListing(Core& core, ObjectKey directory, const Place& from);
    DirListing(const DirListing&) = delete;
    DirListing& operator=(const DirListing&) = delete;

    const ObjectKey& directory() const { return directory_; }
    bool done() const { return done_; }
    Place place() const { return {token_, stream_}; }
    // The names of the next page that are ready; may be none. Blocks. Errors: the store's.
    Result<std::vector<ListedName>> next();
    // Asks for the next page now, so that next() need not wait so long. Returns whether it did.
    bool ask_ahead();

    // Keys that no path can express, and files that a directory hides, so far.
    uint64_t skipped() const { return stream_.skipped(); }
    uint64_t shadowed() const { return stream_.shadowed(); }

  private:
    void begin();
    ListRequest request() const;
    void note_marker(const ListPage& first);

    Core& core_;
    const ObjectKey directory_;
    const ListingCache::For whom_;
    NameStream stream_;
    std::string token_;
    bool done_ = false;
    std::optional<uint64_t> ticket_;
    std::optional<Later<Result<ListPage>>> ahead_;
};

}  // namespace xbucket
