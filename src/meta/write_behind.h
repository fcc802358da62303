// SPDX-FileCopyrightText: the xbucket authors
// Write-behind (DESIGN 3.11): what the journal holds, in memory for readers and senders, with the
// time when each object is due, and the list of what could not be sent. Every change goes to the
// journal first and is believed afterwards. Nothing here sends: see late_sender.h.
#pragma once

#include "journal.h"
#include "pending_change.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/meta/meta_engine.h"

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// What of the journal one upload or update carries, and what became of it; one result for each.
struct JournaledSend {
    std::vector<PendingChange> changes;
    std::vector<PendingResult> results;
};

// Thread-safe. Whoever changes what is pending of a key holds the key's turn (KeyOrder), so that
// nothing comes or goes while it is being sent.
class WriteBehind {
  public:
    WriteBehind(const MetaConfig& config, const AttributeModel& model, Clock& clock)
        : config_(config), model_(model), clock_(clock) {}

    // Opens this mount's journal and takes over those of mounts that died; what they say is due at
    // once. Without Durability::timed there is a journal only where one was left behind.
    // Errors: io.
    Result<void> start() EXCLUDES(mutex_);
    // Deletes the journal's file where nothing is left in it. Nothing is accepted afterwards.
    void stop();
    // True where setxattr may be answered by the journal.
    bool accepts() const { return accepts_.load(std::memory_order_acquire); }
    bool is_full() const { return size() >= config_.journal_changes_max; }
    // Changes that wait. Cheap.
    size_t size() const { return count_.load(std::memory_order_acquire); }

    // Empty when nothing is pending. Cheap when nothing is pending anywhere.
    std::vector<PendingChange> pending(const ObjectKey& key) const EXCLUDES(mutex_);
    bool has(const ObjectKey& key) const EXCLUDES(mutex_);

    // Takes a change that was judged to be good on `info`, the object without what is pending.
    // True: it is the first that will be due. Errors: io, and nothing was taken.
    Result<bool> keep(const ObjectKey& key, const AttrChange& change, const ObjectInfo& info)
        EXCLUDES(mutex_);
    // Values of pending changes of the key may be in the object from now on.
    void mark_tried(const ObjectKey& key) EXCLUDES(mutex_);
    // What was sent leaves, what can never be is put on the list of failures.
    void settle(const ObjectKey& key, const JournaledSend& sent) EXCLUDES(mutex_);
    // This mount has given the object other content: what waits for it waits for that.
    void follow_content(const ObjectKey& key, const ObjectInfo& now) EXCLUDES(mutex_);
    void drop(const ObjectKey& key) EXCLUDES(mutex_);
    // What waits for `from` waits for `to`, where `target` is, from now on; what waited there is
    // dropped. Returns what undo_move() needs. Errors: io, and nothing has moved.
    Result<PendingByName> move(const ObjectKey& from, const ObjectKey& to, const ObjectInfo& target)
        EXCLUDES(mutex_);
    void undo_move(const ObjectKey& from, const ObjectKey& to, const PendingByName& moved)
        EXCLUDES(mutex_);

    // Keys due at `now`; each is put off to `again`, so that a failure is tried later.
    std::vector<ObjectKey> take_due(TimePoint now, TimePoint again) EXCLUDES(mutex_);
    TimePoint next_due() const EXCLUDES(mutex_);
    // Everything is due now; at most once a second.
    void hurry() EXCLUDES(mutex_);
    std::vector<ObjectKey> keys_below(std::string_view prefix) const EXCLUDES(mutex_);

    // ---- failures ------------------------------------------------------------------------------
    // Those that nobody has been told of, as one error; they count as told then. `prefix`: of every
    // key that starts with `key`.
    enum class Scope { key, prefix };
    Result<void> take_failures(const ObjectKey& key, Scope scope) EXCLUDES(mutex_);
    // A JSON array, the newest first; bounded, because an attribute is.
    std::string failures_json(const ObjectKey& key, Scope scope) const EXCLUDES(mutex_);
    void forget_failures(const ObjectKey& key, Scope scope) EXCLUDES(mutex_);

    // {"objects":0,"changes":0,"failures":0}
    std::string json() const EXCLUDES(mutex_);

  private:
    static constexpr size_t kFailuresMax = 10'000;
    static constexpr Duration kHurryAgain = std::chrono::seconds(1);

    struct Entry {
        PendingByName names;
        TimePoint due;
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    void write(const std::vector<JournalEdit>& edits);
    static void log_unwritten(const Result<void>& written);
    PendingChange make(const ObjectKey& key, const AttrChange& change,
                       const ObjectInfo& info) const;
    PendingFailure make_failure(const ObjectKey& key, const PendingChange& change,
                                std::string reason) REQUIRES(mutex_);
    void add_failures(const std::vector<PendingFailure>& failures) EXCLUDES(mutex_);
    void put(const ObjectKey& key, PendingByName names, TimePoint due) REQUIRES(mutex_);
    void erase(Entries::iterator entry) REQUIRES(mutex_);
    PendingByName names_of(const ObjectKey& key) const EXCLUDES(mutex_);
    std::vector<int64_t> failures_of(const ObjectKey& key, Scope scope) const REQUIRES(mutex_);

    const MetaConfig& config_;
    const AttributeModel& model_;
    Clock& clock_;
    std::unique_ptr<Journal> journal_;  // set once by start(), before accepts_
    std::atomic<bool> accepts_{false};
    std::atomic<size_t> count_{0};
    std::atomic<size_t> untold_{0};  // failures

    mutable Mutex mutex_;  // never held while the journal writes
    Entries entries_ GUARDED_BY(mutex_);
    std::set<std::pair<TimePoint, std::string>> due_ GUARDED_BY(mutex_);
    std::map<int64_t, PendingFailure> failures_ GUARDED_BY(mutex_);
    int64_t next_failure_ GUARDED_BY(mutex_) = 1;
    TimePoint next_hurry_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
