// SPDX-FileCopyrightText: the xbucket authors
// What a copy must carry and HEAD does not tell, or not everybody: ACL, tags, retention and legal
// hold. Which of it is to be read for a base, what came of reading it, and whether a copy kept it.
#include "guarded_update.h"
#include "object_lock.h"

#include <fmt/format.h>

#include <utility>

namespace xbucket {

using namespace update_step;

bool GuardedUpdate::needs_tags() const {
    if (tags_ || !traits_.tagging) return false;
    if (base_.info.tag_count == 0U && !may_have_dropped_tags()) return false;
    return in_parts() || facts_.tag_fate() != TagFate::kept;
}

// A copy of ours has been applied, perhaps, by a service that takes the tags away with it: that
// there are none now says nothing.
bool GuardedUpdate::may_have_dropped_tags() const {
    return owed_tags_ && !owed_tags_->empty() && facts_.tag_fate() != TagFate::kept;
}

bool GuardedUpdate::needs_acl(TimePoint now) const {
    if (traits_.default_acl.empty()) return false;
    if (acl_at_ && now - *acl_at_ <= kFresh) return false;
    return policy_.preserve == PreservePolicy::strict || !facts_.acls_hidden();
}

// Takes what was read; false: `other_step` comes instead of a copy.
bool GuardedUpdate::take_acl(UpdateStep& other_step, TimePoint now) {
    Result<std::string> acl = *std::exchange(read_acl_, std::nullopt);
    acl_at_ = read_begun_;
    if (acl) {
        facts_.acl_read();
        acl_ = *std::move(acl);
        return true;
    }
    const Error& error = acl.error();
    const bool strict = policy_.preserve == PreservePolicy::strict;
    const bool unreadable =
        error.kind == ErrorKind::access_denied || error.kind == ErrorKind::unsupported;
    if (error.kind == ErrorKind::not_found) {
        other_step = read_base(now);
        return false;
    }
    if (!unreadable) {
        other_step = fail_all(std::move(acl).error().with_context("reading the ACL"));
        return false;
    }
    acl_.clear();
    if (has_no_acls(error)) return true;
    if (strict) {
        other_step = fail_all(acl_would_be_lost(error));
        return false;
    }
    facts_.acl_refused(work_.key, error);
    return true;
}

bool GuardedUpdate::take_tags(UpdateStep& other_step, TimePoint now) {
    Result<Tags> tags = *std::exchange(read_tags_, std::nullopt);
    tags_at_ = read_begun_;
    if (tags) {
        if (tags->empty() || base_.info.tag_count) facts_.tags_read();
        tags_ = tags->empty() && may_have_dropped_tags() ? owed_tags_ : *std::move(tags);
        return true;
    }
    const ErrorKind kind = tags.error().kind;
    if (kind == ErrorKind::not_found) {
        other_step = read_base(now);
        return false;
    }
    const bool passable =
        kind == ErrorKind::unsupported ||
        (kind == ErrorKind::access_denied && policy_.preserve == PreservePolicy::best_effort);
    if (!passable) {
        other_step = fail_all(std::move(tags).error().with_context("reading the tags"));
        return false;
    }
    if (kind == ErrorKind::access_denied) facts_.tags_refused(tags.error());
    tags_.emplace();
    return true;
}

// Only versions can be locked, and only what HEAD did not tell can be hidden.
bool GuardedUpdate::needs_lock() const {
    const ObjectLock& told = base_.info.attributes.lock;
    if (lock_ || !traits_.hides_locks || base_.info.version_id.empty()) return false;
    if (!told.mode.empty() && !told.legal_hold.empty()) return false;
    return policy_.preserve == PreservePolicy::strict || !facts_.locks_hidden();
}

UpdateStep GuardedUpdate::on_lock(Result<ObjectLock> lock, TimePoint begun, TimePoint now) {
    // In no time: the store knew that nothing can be locked here, and asked nobody.
    constexpr Duration kNoTime = std::chrono::milliseconds(1);
    if (now - begun > kNoTime) base_just_read_ = false;
    lock_at_ = begun;
    if (lock) {
        lock_ = *std::move(lock);
        return prepare_copy(now);
    }
    const Error& error = lock.error();
    if (error.kind == ErrorKind::not_found) return retry_later(now, error);
    if (error.kind != ErrorKind::access_denied)
        return fail_all(std::move(lock).error().with_context("reading the object's lock"));
    if (policy_.preserve == PreservePolicy::strict) return fail_all(lock_would_be_lost(error));
    facts_.lock_refused(error);
    lock_ = base_.info.attributes.lock;
    return prepare_copy(now);
}

ObjectLock GuardedUpdate::lock_to_send(ObjectLock lock) const {
    if (!lock_) return lock;
    if (lock.mode.empty()) {
        lock.mode = lock_->mode;
        lock.retain_until = lock_->retain_until;
    }
    if (lock.legal_hold.empty()) lock.legal_hold = lock_->legal_hold;
    return lock;
}

bool GuardedUpdate::tags_at_risk() const {
    if (tags_checked_ || !tags_ || tags_->empty()) return false;
    const TagFate fate = facts_.tag_fate();
    return fate == TagFate::unknown || fate == TagFate::lost || fate == TagFate::rewritten;
}

UpdateStep GuardedUpdate::verify_rest(TimePoint now) {
    if (lock_at_risk()) return verify_lock(now);
    if (tags_at_risk()) {
        phase_ = Phase::verify_tags;
        if (facts_.tag_fate() == TagFate::rewritten) return write_tags_again();
        const auto& count = result_->info.tag_count;
        if (!count || *count != tags_->size()) return Read{{.tags = true}};
        tags_survived();
    }
    if (!acl_.empty() && acl_ != traits_.default_acl && !facts_.acl_kept()) {
        phase_ = Phase::verify_acl;
        return Read{{.acl = true}};
    }
    return conclude(now);
}

void GuardedUpdate::tags_survived() {
    tags_checked_ = true;
    owed_tags_.reset();
    facts_.learn_tag_fate(facts_.tag_fate() == TagFate::lost ? TagFate::sent : TagFate::kept);
}

UpdateStep GuardedUpdate::write_tags_again() {
    tags_checked_ = true;
    facts_.counters.put_back.fetch_add(1);
    return WriteTags{*tags_};
}

UpdateStep GuardedUpdate::verify_tags(Result<Tags> found, TimePoint now) {
    if (found && *found == *tags_) {
        tags_survived();
        return verify_rest(now);
    }
    // What is there although the service drops all of them is somebody's change since.
    if (found)
        for (const auto& [key, value] : *found) (*tags_)[key] = value;
    facts_.learn_tag_fate(facts_.tag_fate() == TagFate::lost ? TagFate::rewritten : TagFate::lost);
    return write_tags_again();
}

UpdateStep GuardedUpdate::verify_acl(Result<std::string> found, TimePoint begun, TimePoint now) {
    if (found && *found == acl_) facts_.learn_acl_kept();
    // A service that drops an ACL leaves the default; anything else is somebody's change, and what
    // the next update of a run must send.
    if (found && *found != traits_.default_acl) {
        acl_ = *std::move(found);
        acl_at_ = begun;
        result_->acl = acl_;
        result_->acl_read_at = begun;
        return conclude(now);
    }
    facts_.counters.put_back.fetch_add(1);
    return WriteAcl{acl_};
}

UpdateStep GuardedUpdate::on_written(Result<void> written, TimePoint now) {
    if (!written) {
        outcome_unknown_ = true;  // what was asked for is there; what went with it is not
        const char* what = phase_ == Phase::verify_tags   ? "tags"
                           : phase_ == Phase::verify_lock ? "lock"
                                                          : "ACL";
        return fail_all(std::move(written).error().with_context(
            fmt::format("the service dropped the object's {}, which could not be put back", what)));
    }
    if (phase_ == Phase::verify_lock) {
        result_->info.attributes.lock = sent_lock_;
        return verify_rest(now);
    }
    if (phase_ == Phase::verify_tags) {
        owed_tags_.reset();
        // The next change of a run stands on this result, and what it says of the tags must be
        // true.
        result_->info.tag_count = static_cast<unsigned>(tags_->size());
        return verify_rest(now);
    }
    return conclude(now);
}

bool GuardedUpdate::lock_at_risk() const {
    return !lock_checked_ && protects(sent_lock_) && !facts_.locks_kept();
}

UpdateStep GuardedUpdate::verify_lock(TimePoint now) {
    lock_checked_ = true;
    if (same_lock(result_->info.attributes.lock, sent_lock_)) {
        facts_.learn_locks_kept();
        return verify_rest(now);
    }
    phase_ = Phase::verify_lock;
    facts_.counters.put_back.fetch_add(1);
    return WriteLock{sent_lock_, result_->info.version_id};
}

}  // namespace xbucket
