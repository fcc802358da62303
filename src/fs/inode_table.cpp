// SPDX-FileCopyrightText: the xbucket authors
#include "inode_table.h"

#include "path_rules.h"

namespace xbucket {

uint64_t inode_number_of(std::string_view key) {
    uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    // FNV mixes its last bytes badly; keys in a row differ there. Finish as MurmurHash3 does.
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    hash = (hash ^ (hash >> 33)) >> 1;
    return hash < 2 ? hash + 2 : hash;
}

InodeTable::InodeTable()
    : root_(std::make_shared<Inode>(kRootInode, NodeType::directory, ObjectKey())) {
    LockGuard lock(mutex_);
    Slot slot;
    slot.inode = root_;
    slot.pins = 1;
    by_key_.insert(
        &slots_.emplace(static_cast<uint64_t>(kRootInode), std::move(slot)).first->second);
}

InodePtr InodeTable::find(InodeNumber ino) const {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(ino));
    return slot == slots_.end() ? nullptr : slot->second.inode;
}

InodeTable::Slot* InodeTable::slot_of(std::string_view key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : *found;
}

InodePtr InodeTable::find_key(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    const Slot* const slot = slot_of(key.str());
    return slot == nullptr ? nullptr : slot->inode;
}

InodePtr InodeTable::look_up(const ObjectKey& key, NodeType type) {
    LockGuard lock(mutex_);
    if (Slot* const known = slot_of(key.str())) {
        if (known->inode->type == type || !gives_way(*known)) {
            ++known->lookups;
            return known->inode;
        }
    }
    Slot& slot = add(key, type);
    slot.lookups = 1;
    return slot.inode;
}

InodePtr InodeTable::create_local(const ObjectKey& key) {
    LockGuard lock(mutex_);
    remove_key(key.str());
    Slot& slot = add(key, NodeType::file);
    slot.lookups = 1;
    slot.local = true;
    local_.insert(key.str());
    return slot.inode;
}

void InodeTable::forget(InodeNumber ino, uint64_t lookups) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(ino));
    if (slot == slots_.end() || ino == kRootInode) return;
    slot->second.lookups -= std::min(slot->second.lookups, lookups);
    erase_if_unused(slot->first);
}

void InodeTable::pin(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(inode->ino));
    if (slot != slots_.end() && slot->second.inode == inode) ++slot->second.pins;
}

void InodeTable::unpin(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(inode->ino));
    if (slot == slots_.end() || slot->second.inode != inode || slot->second.pins == 0) return;
    --slot->second.pins;
    erase_if_unused(slot->first);
}

void InodeTable::remove(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(inode->ino));
    if (slot == slots_.end() || slot->second.inode != inode || slot->second.removed) return;
    remove_key(std::string(slot->second.key));
}

bool InodeTable::remove_gone(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(inode->ino));
    if (slot == slots_.end() || slot->second.inode != inode || slot->second.removed) return true;
    return gives_way(slot->second);
}

bool InodeTable::gives_way(const Slot& slot) {
    {
        // Nothing can be written to it any more when the lock is given back.
        LockGuard lock(slot.inode->mutex);
        if (slot.inode->is_local()) return false;
        slot.inode->removed = true;
    }
    remove_key(std::string(slot.key));
    return true;
}

void InodeTable::move(const InodePtr& inode, const ObjectKey& to) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(inode->ino));
    if (slot == slots_.end() || slot->second.inode != inode || slot->second.removed) return;
    if (slot->second.key == to.str()) return;
    detach(slot->second);
    remove_key(to.str());
    attach(slot->second, to);
}

void InodeTable::move_below(const ObjectKey& from, const ObjectKey& to) {
    LockGuard lock(mutex_);
    std::vector<Slot*> moving;
    for (auto at = by_key_.lower_bound(std::string_view(from.str()));
         at != by_key_.end() && (*at)->key.starts_with(from.str()); ++at) {
        moving.push_back(*at);
    }
    for (Slot* const slot : moving) {
        const ObjectKey key = moved_key(ObjectKey(slot->key), from.str(), to.str());
        detach(*slot);
        remove_key(key.str());
        attach(*slot, key);
    }
}

void InodeTable::settle(const InodePtr& inode) {
    LockGuard lock(mutex_);
    const auto slot = slots_.find(static_cast<uint64_t>(inode->ino));
    if (slot == slots_.end() || slot->second.inode != inode || !slot->second.local) return;
    slot->second.local = false;
    if (!slot->second.removed) local_.erase(slot->second.key);
    erase_if_unused(slot->first);
}

std::vector<InodePtr> InodeTable::below(const std::string& prefix) const {
    LockGuard lock(mutex_);
    std::vector<InodePtr> found;
    for (auto at = by_key_.lower_bound(std::string_view(prefix));
         at != by_key_.end() && (*at)->key.starts_with(prefix); ++at) {
        found.push_back((*at)->inode);
    }
    return found;
}

std::vector<ObjectKey> InodeTable::local_in(const ObjectKey& directory) const {
    std::vector<ObjectKey> keys = local_below(directory.str());
    std::erase_if(keys, [&](const ObjectKey& key) {
        return key.str().find('/', directory.size()) != std::string::npos;
    });
    return keys;
}

std::vector<ObjectKey> InodeTable::local_below(const std::string& prefix) const {
    LockGuard lock(mutex_);
    std::vector<ObjectKey> keys;
    for (auto at = local_.lower_bound(prefix); at != local_.end() && at->starts_with(prefix);
         ++at) {
        keys.emplace_back(*at);
    }
    return keys;
}

InodeNumber InodeTable::number_for(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    const Slot* const known = slot_of(key.str());
    return known != nullptr ? known->inode->ino : InodeNumber{free_number(key)};
}

size_t InodeTable::size() const {
    LockGuard lock(mutex_);
    return slots_.size();
}

std::vector<ObjectKey> InodeTable::candidates(size_t count) {
    LockGuard lock(mutex_);
    std::vector<ObjectKey> keys;
    auto at = by_key_.upper_bound(std::string_view(candidates_after_));
    for (size_t seen = 0; seen < by_key_.size() && keys.size() < count; ++seen) {
        if (at == by_key_.end()) at = by_key_.begin();
        const Slot& slot = **at;
        // Directories go by themselves once their children went: the kernel needs them for paths.
        if (slot.pins == 0 && !slot.local && slot.inode->type != NodeType::directory)
            keys.emplace_back(slot.key);
        candidates_after_ = slot.key;
        ++at;
    }
    return keys;
}

InodeTable::Slot& InodeTable::add(const ObjectKey& key, NodeType type) {
    const uint64_t number = free_number(key);
    Slot slot;
    slot.inode = std::make_shared<Inode>(InodeNumber{number}, type, key);
    slot.key = key.str();
    Slot& added = slots_.emplace(number, std::move(slot)).first->second;
    by_key_.insert(&added);
    return added;
}

uint64_t InodeTable::free_number(const ObjectKey& key) const {
    uint64_t number = inode_number_of(key.str());
    while (slots_.contains(number)) ++number;
    return number;
}

void InodeTable::detach(Slot& slot) {
    by_key_.erase(&slot);
    if (slot.local) local_.erase(slot.key);
}

void InodeTable::attach(Slot& slot, const ObjectKey& key) {
    slot.key = key.str();
    by_key_.insert(&slot);
    if (slot.local) local_.insert(slot.key);
    LockGuard lock(slot.inode->mutex);
    slot.inode->key = key;
    if (slot.inode->file && slot.inode->file->staged) slot.inode->file->staged->set_key(key);
}

void InodeTable::remove_key(const std::string& key) {
    Slot* const slot = slot_of(key);
    if (slot == nullptr || slot->inode == root_) return;
    detach(*slot);
    slot->removed = true;
    {
        LockGuard lock(slot->inode->mutex);
        slot->inode->removed = true;
    }
    erase_if_unused(static_cast<uint64_t>(slot->inode->ino));
}

void InodeTable::erase_if_unused(uint64_t number) {
    const auto found = slots_.find(number);
    if (found == slots_.end()) return;
    Slot& slot = found->second;
    if (slot.lookups != 0 || slot.pins != 0 || (slot.local && !slot.removed)) return;
    if (!slot.removed) detach(slot);
    slots_.erase(found);
}

}  // namespace xbucket
