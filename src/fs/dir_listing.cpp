// SPDX-FileCopyrightText: the xbucket authors
#include "dir_listing.h"

#include "core.h"

#include <iterator>

namespace xbucket {
namespace {

constexpr uint64_t kNoTicket = 0;  // ListingCache gives out none such

}  // namespace

DirListing::DirListing(Core& core, ObjectKey directory, ListingCache::For whom)
    : core_(core), directory_(std::move(directory)), whom_(whom), stream_(directory_) {}

DirListing::DirListing(Core& core, ObjectKey directory, const Place& from)
    : core_(core),
      directory_(std::move(directory)),
      whom_(ListingCache::For::program),
      stream_(from.stream),
      token_(from.token),
      ticket_(kNoTicket) {}

// Before the first page is asked for: what is made here from then on is kept beside the listing.
void DirListing::begin() {
    if (!ticket_) ticket_ = core_.listings.begin(directory_, whom_);
}

ListRequest DirListing::request() const {
    ListRequest request;
    request.prefix = directory_.str();
    request.delimiter = std::string(1, '/');
    request.token = token_;
    request.keys_max = core_.store.traits().list_keys_max;
    return request;
}

bool DirListing::ask_ahead() {
    if (done_ || ahead_) return false;
    begin();
    ahead_ = Later<Result<ListPage>>::start(
        core_.helpers, [&core = core_, request = request()] { return core.store.list(request); });
    return true;
}

// A directory's marker is the first key of its listing.
void DirListing::note_marker(const ListPage& first) {
    const bool is_there = !first.objects.empty() && first.objects.front().key == directory_;
    if (!is_there && !directory_.empty()) core_.meta.observe_absent(directory_, first.begun);
}

Result<std::vector<ListedName>> DirListing::next() {
    begin();
    Result<ListPage> answer = ahead_ ? ahead_->get() : core_.store.list(request());
    ahead_.reset();
    const ListPage page = TRY(std::move(answer));
    core_.meta.observe_listing(page);
    if (token_.empty()) note_marker(page);
    core_.walks.listed(directory_, page);
    stream_.add(page);
    token_ = page.next_token;
    done_ = token_.empty();

    std::vector<ListedName> names(std::make_move_iterator(stream_.ready().begin()),
                                  std::make_move_iterator(stream_.ready().end()));
    stream_.ready().clear();
    core_.listings.add(directory_, *ticket_, names.data(), names.size());
    if (done_) core_.listings.complete(directory_, *ticket_);
    return names;
}

}  // namespace xbucket
