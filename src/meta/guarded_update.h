// SPDX-FileCopyrightText: the xbucket authors
// One guarded metadata update of one object, as a pure state machine (DESIGN 3, protocol.md 3 and
// 4): it says what it needs next, is told the result, and needs the next thing, until it is done.
// No threads, no store, no clock: an Updater drives it, tests script it.
//
//   Step step = update.start(now);
//   while (step is not Done) step = update.on_...(what the store answered, now);
//   update.outcome()
//
// A copy onto itself with REPLACE drops everything that is not sent again, and nothing but
// Last-Modified tells two metadata edits apart. So every copy carries the complete set of a base
// that was read whole, and a guard that fails when somebody edited after that base was read:
//   - a base must be settled (Date at least 2 s after Last-Modified), because within one second
//     Last-Modified does not move. Whoever follows this rule cannot edit within 2 s of another's
//     edit; therefore the mount that edited last may go on at once from its own result (a run).
//   - a run pauses for a settled read every 10 s, so that others get in.
#pragma once

#include "pending_change.h"
#include "pending_record.h"
#include "service_facts.h"

#include "xbucket/meta/attributes.h"
#include "xbucket/store/object_store.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace xbucket {

// What changes without moving Last-Modified (ACL, tag count, legal hold, class) may be this old.
inline constexpr Duration kFresh = std::chrono::seconds(1);

// A complete reading of an object, or this mount's own last result.
struct UpdateBase {
    ObjectInfo info;
    std::string acl;  // as read or sent; "" when unknown or default
    bool acl_known = false;
    TimePoint acl_read_at;     // it moves without Last-Modified, so it grows old by itself
    std::optional<Tags> tags;  // where they had to be read, as the ACL
    TimePoint tags_read_at;
    std::optional<ObjectLock> lock;  // where HEAD may have hidden it, as the tags
    TimePoint lock_read_at;
    TimePoint read_at;    // when the request that told it was begun
    TimePoint run_began;  // own results: when the run of own edits began with a settled base
};

struct UpdatePolicy {
    PreservePolicy preserve = PreservePolicy::best_effort;
    VerifyPolicy verify = VerifyPolicy::first;
    bool big_copies = false;
    Duration deadline = std::chrono::seconds(60);
};

struct UpdateWork {
    ObjectKey key;
    std::vector<Patch> patches;  // one for each waiter, in the order they came
    // From the journal, older than the patches: judged three-way against each base, never the
    // reason to create anything.
    std::vector<PendingChange> pending;
    PendingRecord posix;       // goes along with any copy
    bool posix_alone = false;  // worth a copy of its own
    std::optional<UpdateBase> own;
};

struct UpdateOutcome {
    std::vector<std::optional<Error>> errors;  // for each patch; nullopt: it is in the object
    std::vector<PendingResult> pending;        // for each pending change
    std::optional<Error> posix_error;          // posix_alone: why it is not recorded
    bool posix_recorded = false;               // but what is left
    PosixRecord posix_left;       // what there is no room for: of the pending, and of the object's
    bool posix_outlived = false;  // not all was meant for the content that is there now
    std::optional<ObjectInfo> info;  // the object as it is now, where known
    ETag edited;                     // of the content that its copies left under info's ETag
    std::optional<UpdateBase> own;   // may be the next update's base at once
    std::optional<std::string> acl;  // where read or sent
    bool missing = false;            // the object does not exist
    // It was refused as a whole, for what one of its changes may have asked, and would not have
    // been for others. `limit_guessed`: perhaps, as the service gave no such reason.
    bool refused_whole = false;
    bool limit_guessed = false;
    bool changed = false;  // something was sent
};

namespace update_step {
struct Read {  // at the same time
    Facets facets;
};
struct Wait {
    Duration time{0};
};
struct Copy {
    CopyRequest request;
};
struct Create {
    PutRequest request;
};
struct ReadLock {
    ObjectInfo head;
};
struct ReadVersion {
    VersionId version;
};
struct WriteAcl {
    std::string acl;
};
struct WriteTags {
    Tags tags;
};
struct WriteLock {
    ObjectLock lock;
    VersionId version;
};
struct Done {};
}  // namespace update_step
using UpdateStep =
    std::variant<update_step::Read, update_step::Wait, update_step::Copy, update_step::Create,
                 update_step::ReadLock, update_step::ReadVersion, update_step::WriteAcl,
                 update_step::WriteTags, update_step::WriteLock, update_step::Done>;

// Confined to one thread. References must outlive it.
class GuardedUpdate {
  public:
    GuardedUpdate(const AttributeModel& model, const StoreTraits& traits, ServiceFacts& facts,
                  const UpdatePolicy& policy, UpdateWork work, uint64_t seed);

    UpdateStep start(TimePoint now);
    // `begun` is when the request was sent.
    UpdateStep on_read(FacetReplies replies, TimePoint begun, TimePoint now);
    UpdateStep on_waited(TimePoint now);
    UpdateStep on_copied(Result<CopyReply> reply, TimePoint begun, TimePoint now);
    UpdateStep on_created(Result<PutReply> reply, TimePoint now);
    UpdateStep on_lock(Result<ObjectLock> lock, TimePoint begun, TimePoint now);
    UpdateStep on_version(Result<ObjectInfo> info, TimePoint now);
    UpdateStep on_written(Result<void> written, TimePoint now);  // WriteAcl, -Tags, -Lock

    const UpdateOutcome& outcome() const { return outcome_; }

  private:
    enum class Phase {
        base,
        content,
        verify,
        created,
        verify_tags,
        verify_acl,
        verify_lock,
        restored
    };

    // guarded_update.cpp: the way to a copy
    UpdateStep proceed(TimePoint now);
    UpdateStep prepare_copy(TimePoint now);
    UpdateStep read_base(TimePoint now);
    UpdateStep on_base(Result<HeadReply> reply, TimePoint begun, TimePoint now);
    UpdateStep retry_later(TimePoint now, Error reason);
    Error gave_up() const;
    UpdateStep create_marker(TimePoint now);
    UpdateStep base_missing(TimePoint now, Error error);
    void take_base(ObjectInfo info, TimePoint begun, TimePoint now);
    bool has_stood_still(Duration request) const;
    void judge();
    void judge_patches();
    void judge_posix();
    ETag content_of_base() const;
    std::optional<std::string> value_in(const ObjectAttributes& attributes,
                                        const AttrName& name) const;
    bool anyone_left() const;
    bool is_settled() const;
    bool is_own_result() const;
    Duration settling_time();
    bool in_parts() const;
    CopyGuard make_guard() const;
    CopyRequest make_request(const ObjectAttributes& attributes) const;
    UpdateStep send(TimePoint now);

    // guarded_update_sides.cpp: what HEAD does not tell
    bool needs_tags() const;
    bool may_have_dropped_tags() const;
    bool needs_acl(TimePoint now) const;
    bool take_acl(UpdateStep& other_step, TimePoint now);
    bool take_tags(UpdateStep& other_step, TimePoint now);
    bool needs_lock() const;
    // `lock` as HEAD told it, with what it hid.
    ObjectLock lock_to_send(ObjectLock lock) const;
    bool lock_at_risk() const;
    UpdateStep verify_lock(TimePoint now);

    // guarded_update_after.cpp: what came of it
    UpdateStep copy_failed(Error error, TimePoint now);
    UpdateStep copy_done(const CopyReply& reply, TimePoint begun, TimePoint now);
    UpdateStep content_seen(Result<HeadReply> reply, TimePoint begun, TimePoint now);
    UpdateStep copy_holds(TimePoint now);
    UpdateStep found_done(TimePoint now);
    UpdateStep on_result_head(Result<HeadReply> reply, TimePoint begun, TimePoint now);
    UpdateStep verify(const ObjectInfo& found, TimePoint now);
    bool may_have_raced() const;
    bool shows_some_of_ours(const ObjectAttributes& found) const;
    bool lost_a_race(const ObjectAttributes& found, bool ours) const;
    bool was_dropped(const ObjectAttributes& found) const;
    bool was_emptied() const;
    UpdateStep put_back_emptied(TimePoint now);
    bool tags_at_risk() const;
    void tags_survived();
    UpdateStep write_tags_again();
    UpdateStep verify_rest(TimePoint now);
    UpdateStep verify_tags(Result<Tags> found, TimePoint now);
    UpdateStep verify_acl(Result<std::string> found, TimePoint begun, TimePoint now);
    UpdateStep restore(const std::string& lost, TimePoint now);
    UpdateStep restoring_failed(const std::string& reason);
    UpdateStep conclude(TimePoint now);
    UpdateStep finish(TimePoint now);
    UpdateStep fail_all(Error error);
    UpdateStep too_much_for_service(const Error& reason);
    // What is there now may be content that our copies have not left.
    void forget_edited_of_others();

    const AttributeModel& model_;
    const StoreTraits& traits_;
    ServiceFacts& facts_;
    const UpdatePolicy policy_;
    UpdateWork work_;
    uint64_t random_;
    TimePoint deadline_;

    Phase phase_ = Phase::base;
    UpdateBase base_;
    bool base_just_read_ = false;  // nothing was asked since the HEAD
    // What was read for the base and is not looked at yet.
    std::optional<Result<std::string>> read_acl_;
    std::optional<Result<Tags>> read_tags_;
    TimePoint read_begun_;
    bool from_own_ = false;  // base_ is an own result, taken without a HEAD
    bool settled_ = false;   // base_ was settled, not merely our own
    std::string acl_;        // of the object; "" sends nothing
    std::optional<TimePoint> acl_at_;
    std::optional<Tags> tags_;
    TimePoint tags_at_;
    // What the object had before a copy of ours that may have taken them away; until they are seen
    // to be there, or written again.
    std::optional<Tags> owed_tags_;
    std::optional<ObjectLock> lock_;
    TimePoint lock_at_;
    ObjectLock sent_lock_;       // with the last copy
    bool lock_checked_ = false;  // after the copy: seen to be there, or put back
    bool tags_checked_ = false;  // after the copy: seen to be there, or written again
    bool read_again_ = false;    // the one extra HEAD of this attempt was spent

    bool absent_ = false;  // base_ is of an object that is yet to be made
    ObjectAttributes wanted_;
    bool posix_applied_ = false;
    bool posix_outlived_ = false;
    PosixRecord yielded_;  // recorded POSIX state that made room for patches
    PosixRecord posix_left_;
    bool sent_once_ = false;        // flags have been judged
    bool probing_ = false;          // the copy in flight carries a condition that is false
    bool judged_here_ = false;      // the store judged one, so that it says nothing of the service
    bool outcome_unknown_ = false;  // a copy of ours may yet be applied
    bool landed_ = false;           // a copy of ours was applied
    bool refused_ = false;          // the last copy failed its guard (or met its own success)
    bool last_look_ = false;        // time is up: one more HEAD to tell what became of it
    UpdateBase sent_base_;
    bool sent_settled_ = false;
    unsigned attempts_ = 0;
    unsigned races_lost_ = 0;
    std::optional<Error> last_error_;

    // For bases whose Date does not help: since when this Last-Modified has been seen.
    std::optional<WallTime> seen_modified_;
    TimePoint seen_since_;

    // The result of a copy that succeeded, until it is verified.
    std::optional<UpdateBase> result_;
    bool result_is_own_ = false;
    bool result_in_parts_ = false;
    Duration copy_took_{0};
    ETag left_;  // of what our last copy left
    ETag created_etag_;
    std::optional<ObjectAttributes> sent_marker_;  // a marker that was there when ours came
    std::optional<Error> loss_;  // what verification found, kept while the base is put back

    UpdateOutcome outcome_;
};

// An answer may well come the next time.
inline bool is_transient(ErrorKind kind) {
    return kind == ErrorKind::timed_out || kind == ErrorKind::network ||
           kind == ErrorKind::throttled || kind == ErrorKind::server_error;
}

}  // namespace xbucket
