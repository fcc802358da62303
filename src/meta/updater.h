// SPDX-FileCopyrightText: the xbucket authors
// Drives guarded updates, one mutation at a time per key, with group commit (LevelDB's
// DBImpl::Write): whoever comes first for a key leads; what arrives while he waits for the key's
// turn goes into the same copy, and every waiter gets the result of his own patch. Different keys
// proceed in parallel.
#pragma once

#include "guarded_update.h"
#include "meta_parts.h"

#include "xbucket/base/sync.h"

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe; blocks on the network.
class Updater {
  public:
    explicit Updater(MetaParts& parts) : parts_(parts) {}

    // Metadata, HTTP fields, storage class, tags, canned ACL. Takes the key's turn.
    Result<void> change(const ObjectKey& key, AttrChange change) EXCLUDES(mutex_);
    // Metadata, HTTP fields and storage class, all or none. Takes the key's turn.
    Result<void> change_all(const ObjectKey& key, Patch patch) EXCLUDES(mutex_);
    // Sends what is pending in memory and in the journal, if any is left by the time the turn
    // comes. What can never be sent is on the list of failures then, and no error here.
    Result<void> send_pending(const ObjectKey& key) EXCLUDES(mutex_);
    // A patch by someone who holds the key's turn.
    Result<ETag> change_held(const ObjectKey& key, Patch patch);

    // Waiting and running changes of all keys.
    size_t queued() const EXCLUDES(mutex_);

  private:
    enum class Kind { copy, tags, acl };
    struct Waiter {
        Kind kind = Kind::copy;
        Patch patch;
        bool pending_only = false;
        bool leads = false;
        std::optional<Result<void>> result;
        CondVar called;
    };
    struct Line {
        std::deque<Waiter*> waiting;
        bool led = false;
    };

    Result<void> commit(const ObjectKey& key, Waiter& waiter) EXCLUDES(mutex_);
    std::vector<Waiter*> take_group(const ObjectKey& key) EXCLUDES(mutex_);
    void hand_over(const ObjectKey& key, const std::vector<Waiter*>& group,
                   std::vector<Result<void>> results) EXCLUDES(mutex_);
    std::vector<Result<void>> run(const ObjectKey& key, const std::vector<Waiter*>& group);
    std::vector<Result<void>> run_copies(const ObjectKey& key, const std::vector<Waiter*>& group);
    static void note_followers(UpdateWork& work);
    bool is_owed(const ObjectKey& key, const Patch& patch) const;
    void run_apart(const UpdateWork& work, UpdateOutcome& outcome);
    bool run_pending_alone(const UpdateWork& work, size_t i, UpdateOutcome& outcome);
    UpdateOutcome run_update(UpdateWork work);
    void drive(GuardedUpdate& update, const ObjectKey& key);
    void keep(const ObjectKey& key, const UpdateOutcome& outcome, const PosixRecord& posix);

    MetaParts& parts_;
    mutable Mutex mutex_;
    std::unordered_map<ObjectKey, Line> lines_ GUARDED_BY(mutex_);
};

// side_updates.cpp: read-modify-write with a look afterwards; there is no lock for
// these but the key's turn (man page: the window is one round trip). The caller holds the turn.
std::vector<Result<void>> update_tags(MetaParts& parts, const ObjectKey& key,
                                      const std::vector<const AttrChange*>& changes);
Result<void> update_acl(MetaParts& parts, const ObjectKey& key, const AttrChange& change);

}  // namespace xbucket
