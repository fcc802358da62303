// SPDX-FileCopyrightText: the xbucket authors
// Rename: a guarded copy, the source read again, copied again if it moved, then deleted with
// If-Match where honoured (DESIGN 3.9). Between that last look and the delete lies one round trip
// in which another client's edit of the source is lost; the man page says so.
#include "content_types.h"
#include "object_moves.h"
#include "restored.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/content_hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

constexpr Duration kRetryFirst = std::chrono::milliseconds(50);
constexpr Duration kRetryMax = std::chrono::seconds(1);

bool is_refusal(ErrorKind kind) {
    return kind == ErrorKind::precondition_failed || kind == ErrorKind::not_modified ||
           kind == ErrorKind::conflict;
}

bool same_object(const ObjectInfo& a, const ObjectInfo& b) {
    return a.last_modified == b.last_modified && a.etag == b.etag && a.attributes == b.attributes;
}

// One rename on its way.
class Rename {
  public:
    Rename(MetaParts& parts, const ObjectKey& from, const ObjectKey& to, bool no_replace)
        : parts_(parts), from_(from), to_(to), no_replace_(no_replace) {}

    // `complete_set` fills in ACL and tags of the source, `put_back` those that the target did not
    // get. Each round reads the source and either copies it or, where it still is what was copied,
    // deletes it.
    template <class CompleteSet, class PutBack>
    Result<ObjectInfo> run(CompleteSet complete_set, PutBack put_back);
    // After run(): the journal's entries are done with, or stay where they were.
    void settle_journal(bool renamed);
    // A delete was sent and its outcome is not known: a failure then leaves it open.
    bool maybe_removed() const { return maybe_removed_; }
    // Of the content that moved.
    ETag moved() const { return copied_ ? copied_->etag : ETag(); }

  private:
    Result<void> check_free();
    ObjectAttributes target_attributes(const ObjectInfo& base);
    Result<void> move_journal();
    CopyRequest make_request(const ObjectInfo& base, ObjectAttributes attributes) const;
    Result<void> copy(const ObjectInfo& base, ObjectAttributes attributes);
    bool stands_still(const ObjectInfo& base) const;
    void note_copied(const ObjectInfo& base);
    Result<void> copy_failed(Error error, const ObjectInfo& base);
    Result<void> resolve_unknown(const ObjectInfo& base, Error error);
    Result<bool> remove_source(const ObjectInfo& base);
    Error gave_up() const;
    Result<void> pause();

    MetaParts& parts_;
    const ObjectKey& from_;
    const ObjectKey& to_;
    const bool no_replace_;
    JournaledSend journaled_{parts_.behind.pending(from_), {}};
    std::optional<MovedPending> moved_;  // the journal's entries, as they were at the source
    // No other copy is begun after it. One copy alone may take longer, and what follows it has a
    // time of its own.
    const TimePoint copy_deadline_ = parts_.clock.now() + parts_.config.update_deadline;
    TimePoint deadline_ = copy_deadline_;
    unsigned attempts_ = 0;
    bool maybe_removed_ = false;
    bool maybe_placed_ = false;         // the target may be ours
    std::optional<ObjectInfo> copied_;  // the source as it was copied
    ObjectInfo target_;
    ObjectAttributes sent_;
};

Result<void> Rename::check_free() {
    if (!no_replace_ || maybe_placed_) return {};
    const auto head = parts_.store.head(to_, kUpdateCall);
    if (head)
        return fail(ErrorKind::already_exists, fmt::format("'{}' exists", printable(to_.str())));
    if (head.error().kind == ErrorKind::not_found) return {};
    return head.error();
}

ObjectAttributes Rename::target_attributes(const ObjectInfo& base) {
    ObjectAttributes attributes = base.attributes;
    journaled_.results = apply_pending(parts_.model, from_, base, journaled_.changes, attributes);
    parts_.model.apply_posix(meant_for(parts_.pending.get(from_), base, base.etag), attributes);
    // Editors and browsers write under a temporary name (DESIGN 4).
    auto& type = attributes[HttpField::content_type];
    if (!type || *type == content_type_of(from_.str()))
        type = std::string(content_type_of(to_.str()));
    return attributes;
}

CopyRequest Rename::make_request(const ObjectInfo& base, ObjectAttributes attributes) const {
    CopyRequest request;
    request.source = from_;
    request.destination = to_;
    request.source_bytes = base.size;
    request.tags_required = parts_.config.preserve == PreservePolicy::strict;
    request.guard.source_unmodified_since = parts_.facts.compares_finer()
                                                ? base.last_modified + std::chrono::seconds(1)
                                                : base.last_modified;
    request.guard.destination_must_not_exist = no_replace_ && !maybe_placed_;
    if (base.type == ObjectType::symlink) {
        attributes.storage_class.clear();
        attributes.sse = {};
    }
    request.replace = std::move(attributes);
    return request;
}

Result<void> Rename::copy(const ObjectInfo& base, ObjectAttributes attributes) {
    sent_ = attributes;
    sent_.acl.clear();
    sent_.tags.reset();
    const TimePoint begun = parts_.clock.now();
    auto reply = parts_.store.copy(make_request(base, std::move(attributes)), kUpdateCall);
    if (!reply) return copy_failed(std::move(reply).error(), base);
    parts_.behind.note_accepted(to_, begun);
    maybe_placed_ = true;
    const ETag& content = reply->source_etag.empty() ? reply->etag : reply->source_etag;
    const bool replaced = !content.empty() && content != base.etag && etag_is_content_hash(base);
    // Other content than was read came along: copy again. Or only another ETag: a copy that is
    // encrypted gets its own.
    if (replaced && !stands_still(base)) return {};
    target_ = base;
    target_.attributes = sent_;
    if (!reply->etag.empty()) target_.etag = reply->etag;
    target_.last_modified = reply->last_modified;
    target_.date = reply->date;
    target_.version_id = reply->version_id;
    note_copied(base);
    return {};
}

bool Rename::stands_still(const ObjectInfo& base) const {
    const auto again = parts_.store.head(from_, kUpdateCall);
    return again && same_object(again->info, base);
}

void Rename::note_copied(const ObjectInfo& base) {
    copied_ = base;
    deadline_ = parts_.clock.now() + parts_.config.update_deadline;
}

Result<void> Rename::copy_failed(Error error, const ObjectInfo& base) {
    if (error.outcome_unknown) {
        parts_.facts.counters.unknown.fetch_add(1);
        maybe_placed_ = true;
        return resolve_unknown(base, std::move(error));
    }
    if (is_refusal(error.kind)) {
        // Refused although the source stands still: the guard's whole second is too coarse.
        if (error.kind != ErrorKind::conflict && stands_still(base) &&
            base.date.seconds() >= base.last_modified.seconds() + 2)
            parts_.facts.learn_compares_finer();
        parts_.facts.counters.conflicts.fetch_add(1);
        return pause();
    }
    return error;
}

Result<void> Rename::resolve_unknown(const ObjectInfo& base, Error error) {
    const auto found = parts_.store.head(to_, kUpdateCall);
    if (!found && found.error().kind != ErrorKind::not_found) return error;
    const auto has_field = [&](HttpField field) {
        const auto& there = found->info.attributes[field];
        return there == sent_[field] || (field == HttpField::content_type && !sent_[field]);
    };
    if (found && found->info.size == base.size && found->info.attributes.user == sent_.user &&
        std::all_of(kHttpFields.begin(), kHttpFields.end(), has_field) &&
        (found->info.etag == base.etag || !etag_is_content_hash(base))) {
        target_ = found->info;
        note_copied(base);
        return {};
    }
    return pause();
}

// The entries belong to the new name before the old one goes, and to the old one until it has gone:
// a crash between leaves none behind whose object is no more, and no object without its entries.
Result<void> Rename::move_journal() {
    if (moved_) return {};
    moved_ = TRY(parts_.behind.move(from_, to_, target_));
    return {};
}

void Rename::settle_journal(bool renamed) {
    if (!renamed) {
        if (moved_) parts_.behind.undo_move(to_, *moved_, maybe_removed_);
        return;
    }
    // Gone without our delete: by another client's.
    if (!moved_) static_cast<void>(move_journal().has_value());
    if (moved_) parts_.behind.finish_move(*moved_);
    parts_.behind.settle(to_, journaled_);
}

Result<bool> Rename::remove_source(const ObjectInfo& base) {
    TRY(move_journal());
    const ETag if_match = parts_.traits.destination_conditions ? base.etag : ETag{};
    auto removed = parts_.store.remove(from_, if_match, kUpdateCall);
    if (removed) return true;
    if (removed.error().outcome_unknown) maybe_removed_ = true;
    if (removed.error().outcome_unknown || is_refusal(removed.error().kind)) {
        TRY(pause());
        return false;
    }
    return std::move(removed).error().with_context(fmt::format(
        "copied to '{}', but the source could not be deleted; both exist", printable(to_.str())));
}

Error Rename::gave_up() const {
    return fail(ErrorKind::conflict,
                fmt::format("'{}' keeps being changed by others; the rename gave up after {} "
                            "attempts and the source is untouched",
                            printable(from_.str()), attempts_));
}

Result<void> Rename::pause() {
    if (parts_.clock.now() >= deadline_) return gave_up();
    const Duration most =
        std::min<Duration>(kRetryMax, kRetryFirst * (1LL << std::min(attempts_, 5U)));
    const auto part = static_cast<Duration::rep>(parts_.next_seed() % 1024);
    parts_.clock.sleep_for(most / 1024 * part);
    return {};
}

template <class CompleteSet, class PutBack>
Result<ObjectInfo> Rename::run(CompleteSet complete_set, PutBack put_back) {
    for (;;) {
        ++attempts_;
        auto head = parts_.store.head(from_, kUpdateCall);
        if (!head) {
            // Gone after it was copied: somebody else, or our own delete, was first.
            if (head.error().kind == ErrorKind::not_found && copied_) return target_;
            return std::move(head).error();
        }
        const ObjectInfo& base = head->info;
        if (base.missing_metadata > 0)
            return fail(ErrorKind::not_permitted,
                        fmt::format("the service hides {} metadata entries of '{}'; a rename would "
                                    "destroy them",
                                    base.missing_metadata, printable(from_.str())));
        if (copied_ && same_object(*copied_, base)) {
            if (TRY(remove_source(base))) return target_;
            continue;
        }
        if (attempts_ > 1 && parts_.clock.now() >= copy_deadline_) return gave_up();
        TRY(check_free());
        ObjectAttributes attributes = target_attributes(base);
        if (would_archive_again(base, attributes.storage_class))
            return archives_again("a rename", parts_.traits);
        TRY(complete_set(base, attributes));
        TRY(copy(base, attributes));
        if (copied_) TRY(put_back(attributes));
    }
}

}  // namespace

Result<ObjectStat> ObjectMoves::rename(const ObjectKey& from, const ObjectKey& to,
                                       bool no_replace) {
    CHECK(from != to);
    TRY(finish_rest(from));
    Rename rename(parts_, from, to, no_replace);
    auto target = rename.run(
        [&](const ObjectInfo& base, ObjectAttributes& attributes) {
            return complete_set(from, base, attributes);
        },
        [&](const ObjectAttributes& sent) {
            ObjectInfo unseen;  // of the target nothing is known yet
            return put_sides_back(to, sent, unseen);
        });
    rename.settle_journal(target.has_value());
    parts_.own.drop(from);
    parts_.own.drop(to);
    if (!target) {
        parts_.cache.forget(from);
        parts_.cache.forget(to);
        Error error = std::move(target).error();
        if (rename.maybe_removed()) error.outcome_unknown = true;
        return error;
    }
    // What came after the copy was made goes on waiting, under the new name.
    parts_.pending.recorded(from, read_posix_record(target->attributes));
    if (!rename.moved().empty()) parts_.pending.follow(from, rename.moved(), *target);
    const PendingRecord waiting = parts_.pending.get(from);
    const PosixRecord left = meant_for(waiting, *target, target->etag);
    if (left != waiting.record) parts_.log_outlived(from);
    parts_.pending.drop(from);
    parts_.pending.drop(to);
    parts_.rests.drop(from);
    parts_.rests.drop(to);
    parts_.pending.add(to, left, parts_.clock.now() + parts_.config.posix_delay,
                       PosixBase::of(*target));
    parts_.cache.adopt_absent(from);
    if (target->last_modified == WallTime{}) {
        const HeadReply head = TRY(parts_.store.head(to, kUpdateCall));
        *target = head.info;
    }
    return parts_.adopt(to, *target, rename.moved());
}

}  // namespace xbucket
