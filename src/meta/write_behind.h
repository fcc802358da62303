// SPDX-FileCopyrightText: the xbucket authors
// Write-behind (DESIGN 3.11): what the journal holds, in memory for readers and senders, with the
// time when each object is due, and the list of what could not be sent. Every change goes to the
// journal first and is believed afterwards. Nothing here sends: see late_sender.h.
#pragma once

#include "failure_list.h"
#include "journal.h"
#include "pending_change.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/meta/meta_engine.h"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
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
    bool maybe_there = false;  // values of those that failed may be in the object
};

// What a rename has moved, for its end.
struct MovedPending {
    ObjectKey from;
    PendingByName names;  // as they were there
    std::vector<int64_t> failures;
    std::vector<int64_t> replaced_failures;  // of what stood at the target
};

// Thread-safe. Whoever changes what is pending of a key holds the key's turn (KeyOrder), so that
// nothing comes or goes while it is being sent; but for what is taken over from another journal,
// which joins whatever waits then.
class WriteBehind {
  public:
    WriteBehind(const MetaConfig& config, const AttributeModel& model, Clock& clock)
        : config_(config), model_(model), clock_(clock) {}

    // Opens this mount's journal and takes over those of mounts that died; what they say is due at
    // once. Without Durability::timed there is a journal only where one was left behind.
    // Errors: io.
    Result<void> start() EXCLUDES(writing_, mutex_);
    // Deletes the journal's file where nothing is left in it. Nothing is accepted afterwards.
    void stop() EXCLUDES(writing_);
    // True where setxattr may be answered by the journal.
    bool accepts() const { return accepts_.load(std::memory_order_acquire); }
    // Failures that nobody has been told of take their place, too.
    bool is_full() const { return size() + untold_ >= config_.journal_changes_max; }
    // Changes that wait. Cheap.
    size_t size() const { return count_.load(std::memory_order_acquire); }

    // Empty when nothing is pending. Cheap when nothing is pending anywhere.
    std::vector<PendingChange> pending(const ObjectKey& key) const EXCLUDES(mutex_);
    bool has(const ObjectKey& key) const EXCLUDES(mutex_);

    // Takes a change that was judged to be good on `info`, the object without what is pending, when
    // it was `service_time` for the service. True: it is the first that will be due. Errors: io,
    // and nothing was taken.
    Result<bool> keep(const ObjectKey& key, const AttrChange& change, const ObjectInfo& info,
                      std::optional<WallTime> service_time) EXCLUDES(writing_, mutex_);
    // Values of pending changes of the key may be in the object from now on.
    void mark_tried(const ObjectKey& key) EXCLUDES(mutex_);
    // What was sent leaves, what can never be is put on the list of failures. Returns why those
    // wait that go on waiting.
    std::optional<Error> settle(const ObjectKey& key, const JournaledSend& sent)
        EXCLUDES(writing_, mutex_);
    // This mount has given the object other content: what waits for it waits for that.
    void follow_content(const ObjectKey& key, const ObjectInfo& now) EXCLUDES(writing_, mutex_);
    // This mount has deleted or replaced the object: nothing waits for it, and nobody is told of
    // its failures any more.
    void drop(const ObjectKey& key) EXCLUDES(writing_, mutex_);
    // What waits for `from`, which is about to be deleted, waits for `to`, where `target` is, from
    // now on; what waited there is dropped. On disk it waits for both until one of the others is
    // called: after a crash `from` may be there or not. Errors: io, and nothing has moved.
    Result<MovedPending> move(const ObjectKey& from, const ObjectKey& to, const ObjectInfo& target)
        EXCLUDES(writing_, mutex_);
    void finish_move(const MovedPending& moved) EXCLUDES(writing_, mutex_);
    // `maybe_removed`: `from` may be gone all the same.
    void undo_move(const ObjectKey& to, const MovedPending& moved, bool maybe_removed)
        EXCLUDES(writing_, mutex_);

    // ---- refusals ------------------------------------------------------------------------------
    // The service has accepted a write of the key's metadata that was begun then.
    void note_accepted(const ObjectKey& key, TimePoint begun) EXCLUDES(mutex_);
    // access_denied or no_space while changes of the key wait because the service says so.
    Result<void> refusal(const ObjectKey& key) const EXCLUDES(mutex_);

    // ---- what the disk did not take ------------------------------------------------------------
    // Rows that are done with and could not be erased come back after a crash. Until they are,
    // nothing that they would undo may be acknowledged.
    bool owes(const ObjectKey& key, std::string_view name) const EXCLUDES(writing_);
    bool owes_any() const { return owed_count_.load(std::memory_order_acquire) != 0; }
    // Errors: io.
    Result<void> write_owed() EXCLUDES(writing_, mutex_);

    // ---- what the disk did not get yet ---------------------------------------------------------
    // Rows that are done with come back after a power loss until the disk has been waited for: that
    // is done once for all that leave within a second, and by sync_erased(). Where the disk fails
    // the log says so, and it is tried again.
    bool is_unsynced() const;
    void sync_erased() EXCLUDES(mutex_);
    // What of all this is due, and once a minute a look for journals whose mounts have died since.
    // What fails is tried again.
    void do_chores() EXCLUDES(writing_, mutex_);

    // Keys due at `now`; each is put off to `again`, so that a failure is tried later.
    std::vector<ObjectKey> take_due(TimePoint now, TimePoint again) EXCLUDES(mutex_);
    TimePoint next_due() const EXCLUDES(mutex_);
    // What was not taken yet is due now; at most once a second.
    void hurry() EXCLUDES(mutex_);
    std::vector<ObjectKey> keys_below(std::string_view prefix) const EXCLUDES(mutex_);

    // ---- failures ------------------------------------------------------------------------------
    // Those that nobody has been told of, as one error; they count as told then.
    Result<void> take_failures(const ObjectKey& key, FailureScope scope) EXCLUDES(mutex_);
    // Those of this mount that nobody has been told of, as one error; that is not to tell of them.
    Result<void> untold_failures() const EXCLUDES(mutex_);
    // A JSON array, the newest first; bounded, because an attribute is.
    std::string failures_json(const ObjectKey& key, FailureScope scope) const EXCLUDES(mutex_);
    void forget_failures(const ObjectKey& key, FailureScope scope) EXCLUDES(mutex_);

    // {"objects":0,"changes":0,"failures":0}
    std::string json() const EXCLUDES(mutex_);

  private:
    static constexpr size_t kFailuresMax = 10'000;
    static constexpr Duration kHurryAgain = std::chrono::seconds(1);
    static constexpr Duration kOwedAgain = std::chrono::seconds(30);
    static constexpr Duration kSyncAfter = std::chrono::seconds(1);
    static constexpr Duration kLookAgain = std::chrono::seconds(60);
    // A change that failed alone so often, over so long, is at fault itself.
    static constexpr unsigned kAloneMax = 3;
    static constexpr Duration kAloneLong = std::chrono::seconds(60);

    struct Entry {
        PendingByName names;
        TimePoint due;
        bool taken = false;  // due before; again later
    };
    using Entries = std::map<std::string, Entry, std::less<>>;
    // What the disk has not taken of a key.
    struct Owed {
        std::set<std::string, std::less<>> erase;
        std::set<int64_t> failures;
    };
    struct Accepted {
        ObjectKey key;
        TimePoint begun;
    };

    void write(const std::vector<JournalEdit>& edits) REQUIRES(writing_);
    Result<void> commit(const std::vector<JournalEdit>& edits) REQUIRES(writing_);
    void owe(const std::vector<JournalEdit>& edits) REQUIRES(writing_);
    JournalEdit repeat_of(const std::string& key, const Owed& owed) const EXCLUDES(mutex_);
    static void log_unwritten(const Result<void>& written);
    void note_unsynced() EXCLUDES(mutex_);
    // pending_adoption.cpp
    sqlite::Survives survives() const;
    Result<void> open_journal() REQUIRES(writing_);
    Result<void> adopt() EXCLUDES(writing_, mutex_);
    Result<void> take_over(JournalContents left) REQUIRES(writing_) EXCLUDES(mutex_);
    std::vector<PendingFailure> not_listed(std::vector<PendingFailure> failures) const
        EXCLUDES(mutex_);
    void join(const ObjectKey& key, PendingByName names) EXCLUDES(mutex_);
    bool stays(const ObjectKey& key, const PendingResult& result, PendingChange& change);
    bool waits_for_service(const ObjectKey& key, const Error& error, PendingChange& change);
    bool accepted_elsewhere(const ObjectKey& key, TimePoint since) const EXCLUDES(mutex_);
    PendingChange make(const ObjectKey& key, const AttrChange& change,
                       const ObjectInfo& info) const;
    PendingFailure make_failure(const ObjectKey& key, const PendingChange& change,
                                std::string reason);
    void number(std::vector<PendingFailure>& failures) const EXCLUDES(mutex_);
    void add_failures(const std::vector<PendingFailure>& failures) EXCLUDES(mutex_);
    Result<void> tell(const std::vector<int64_t>& ids) REQUIRES(mutex_);
    void let_go_of(const std::vector<int64_t>& failures) EXCLUDES(mutex_);
    void move_failures(const std::vector<int64_t>& failures, const ObjectKey& to) EXCLUDES(mutex_);
    void put(const ObjectKey& key, PendingByName names, TimePoint due) REQUIRES(mutex_);
    void replace(const ObjectKey& key, PendingByName names) EXCLUDES(mutex_);
    void erase(Entries::iterator entry) REQUIRES(mutex_);
    PendingByName names_of(const ObjectKey& key) const EXCLUDES(mutex_);

    const MetaConfig& config_;
    const AttributeModel& model_;
    Clock& clock_;
    std::atomic<Journal*> journal_{nullptr};  // opened_, once there is anything for it
    std::atomic<bool> accepts_{false};
    std::atomic<size_t> count_{0};
    std::atomic<size_t> untold_{0};  // failures
    std::atomic<size_t> owed_count_{0};
    std::atomic<bool> any_refused_{false};

    // Held while the journal writes and what it says is taken over into memory, so that whoever
    // repeats what was not written writes what is so now.
    mutable Mutex writing_;
    std::unique_ptr<Journal> opened_ GUARDED_BY(writing_);
    std::set<std::string> unreadable_ GUARDED_BY(writing_);  // journals that the log has named
    std::map<std::string, Owed, std::less<>> owed_ GUARDED_BY(writing_);

    mutable Mutex mutex_;  // never held while the journal writes
    Entries entries_ GUARDED_BY(mutex_);
    std::set<std::pair<TimePoint, std::string>> due_ GUARDED_BY(mutex_);
    FailureList failures_ GUARDED_BY(mutex_);
    int64_t first_own_failure_ GUARDED_BY(mutex_) = 1;
    TimePoint next_hurry_ GUARDED_BY(mutex_);
    TimePoint owed_again_ GUARDED_BY(mutex_);
    TimePoint sync_at_ GUARDED_BY(mutex_) = TimePoint::never();
    TimePoint look_at_ GUARDED_BY(mutex_) = TimePoint::never();
    Accepted accepted_ GUARDED_BY(mutex_);        // the last one
    Accepted accepted_other_ GUARDED_BY(mutex_);  // the last one of another key than that
};

}  // namespace xbucket
