// SPDX-FileCopyrightText: the xbucket authors
#include "directories.h"

namespace xbucket {

Result<Opened> Directories::open(InodeNumber ino) {
    auto handle = std::make_shared<DirHandle>(core_, TRY(core_.directory(ino)));
    LockGuard lock(mutex_);
    const uint64_t id = next_handle_++;
    handles_.emplace(id, std::move(handle));
    return Opened{HandleId{id}, false};
}

Result<void> Directories::read(HandleId handle, uint64_t offset, bool plus, const DirSink& sink) {
    HandlePtr found;
    {
        LockGuard lock(mutex_);
        const auto at = handles_.find(static_cast<uint64_t>(handle));
        if (at != handles_.end()) found = at->second;
    }
    if (!found) return fail(ErrorKind::stale, "the directory handle is closed");
    return found->read(offset, plus, sink);
}

void Directories::close(HandleId handle) {
    HandlePtr gone;  // destroyed after the lock is given back: it unpins its inode
    LockGuard lock(mutex_);
    const auto at = handles_.find(static_cast<uint64_t>(handle));
    if (at == handles_.end()) return;
    gone = std::move(at->second);
    handles_.erase(at);
}

void Directories::note_created(const ObjectKey& directory, const std::string& name) {
    for (const HandlePtr& handle : open_handles_of(directory)) handle->note_created(name);
}

void Directories::note_removed(const ObjectKey& directory, const std::string& name) {
    for (const HandlePtr& handle : open_handles_of(directory)) handle->note_removed(name);
}

std::vector<Directories::HandlePtr> Directories::open_handles_of(const ObjectKey& directory) const {
    std::vector<HandlePtr> all;
    {
        LockGuard lock(mutex_);
        for (const auto& [id, handle] : handles_) all.push_back(handle);
    }
    std::erase_if(all, [&](const HandlePtr& handle) {
        return handle->directory()->current_key() != directory;
    });
    return all;
}

bool Directories::is_news(const ObjectKey& directory, uint64_t unshown, uint64_t hidden) {
    LockGuard lock(mutex_);
    const LeftOut left_out(unshown, hidden);
    if (const auto told = told_.find(directory.str()); told != told_.end()) {
        return std::exchange(told->second, left_out) != left_out;
    }
    if (left_out == LeftOut(0, 0)) return false;
    if (told_.size() == kToldMax) told_.clear();
    told_.emplace(directory.str(), left_out);
    return true;
}

}  // namespace xbucket
