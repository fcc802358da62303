// SPDX-FileCopyrightText: the xbucket authors
// The way to a copy: read a base, judge the patches on it, let it settle, complete it with what
// moves without Last-Modified, send. What came of it: guarded_update_after.cpp.
#include "guarded_update.h"

#include "content_types.h"
#include "posix_entry.h"
#include "restored.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace xbucket {

namespace {

using namespace update_step;

constexpr Duration kSettled = std::chrono::seconds(2);  // one for the resolution, one for skew
constexpr Duration kRunMax = std::chrono::seconds(10);  // of own edits without a settled read
constexpr Duration kSettleWaitMin = std::chrono::milliseconds(50);
constexpr Duration kSettleJitter = std::chrono::milliseconds(250);
constexpr Duration kRetryFirst = std::chrono::milliseconds(50);
constexpr Duration kRetryMax = std::chrono::seconds(2);
constexpr Duration kProbeBack = std::chrono::hours(24);

uint64_t next_random(uint64_t& state) {  // splitmix64
    state += 0x9e3779b97f4a7c15U;
    uint64_t z = state;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
}

Duration random_up_to(uint64_t& state, Duration most) {
    return Duration(
        static_cast<Duration::rep>(next_random(state) % (static_cast<uint64_t>(most.count()) + 1)));
}

bool is_directory(const ObjectKey& key) { return key.str().ends_with('/'); }

bool same_object(const ObjectInfo& a, const ObjectInfo& b) {
    return a.last_modified == b.last_modified && a.etag == b.etag && a.version_id == b.version_id &&
           a.attributes == b.attributes;
}

}  // namespace

GuardedUpdate::GuardedUpdate(const AttributeModel& model, const StoreTraits& traits,
                             ServiceFacts& facts, const UpdatePolicy& policy, UpdateWork work,
                             uint64_t seed)
    : model_(model),
      traits_(traits),
      facts_(facts),
      policy_(policy),
      work_(std::move(work)),
      random_(seed) {
    outcome_.errors.resize(work_.patches.size());
    outcome_.pending.resize(work_.pending.size());
}

UpdateStep GuardedUpdate::start(TimePoint now) {
    deadline_ = now + policy_.deadline;
    facts_.counters.updates.fetch_add(1);
    // Where conditions are not honoured nothing guards a base that was not read just now.
    if (work_.own && facts_.conditions() == CopyConditions::honoured &&
        now - work_.own->read_at <= kFresh && now - work_.own->run_began <= kRunMax) {
        base_ = *work_.own;
        from_own_ = true;
        acl_ = base_.acl;
        if (base_.acl_known) acl_at_ = base_.acl_read_at;
        if (base_.tags && now - base_.tags_read_at <= kFresh) {
            tags_ = base_.tags;
            tags_at_ = base_.tags_read_at;
        }
        if (base_.lock && now - base_.lock_read_at <= kFresh) {
            lock_ = base_.lock;
            lock_at_ = base_.lock_read_at;
        }
        return proceed(now);
    }
    return read_base(now);
}

// Where a copy is expected to follow, what will be needed for it is asked for beside the HEAD.
UpdateStep GuardedUpdate::read_base(TimePoint now) {
    phase_ = Phase::base;
    read_acl_.reset();
    read_tags_.reset();
    Facets facets{.head = true};
    if (facts_.expects_copies() && !last_look_) {
        facets.acl = needs_acl(now);
        facets.tags = facts_.expects_tags() && traits_.tagging && !tags_;
    }
    return Read{facets};
}

UpdateStep GuardedUpdate::on_waited(TimePoint now) {
    return phase_ == Phase::verify ? UpdateStep(Read{{.head = true}}) : read_base(now);
}

UpdateStep GuardedUpdate::on_read(FacetReplies replies, TimePoint begun, TimePoint now) {
    switch (phase_) {
        case Phase::content:
            return content_seen(*std::move(replies.head), begun, now);
        case Phase::verify:
        case Phase::created:
        case Phase::restored:
            return on_result_head(*std::move(replies.head), begun, now);
        case Phase::verify_tags:
            return verify_tags(*std::move(replies.tags), now);
        case Phase::verify_acl:
            return verify_acl(*std::move(replies.acl), begun, now);
        case Phase::base:
        case Phase::verify_lock:  // in which nothing is read
            break;
    }
    read_acl_ = std::move(replies.acl);
    read_tags_ = std::move(replies.tags);
    read_begun_ = begun;
    if (!replies.head) return prepare_copy(now);
    return on_base(*std::move(replies.head), begun, now);
}

UpdateStep GuardedUpdate::on_base(Result<HeadReply> reply, TimePoint begun, TimePoint now) {
    if (!reply) {
        if (reply.error().kind == ErrorKind::not_found)
            return base_missing(now, std::move(reply).error());
        // A copy of ours may have been applied: find out rather than report a guess.
        if ((outcome_unknown_ || refused_) && !last_look_ && is_transient(reply.error().kind))
            return retry_later(now, std::move(reply).error());
        return fail_all(std::move(reply).error());
    }
    take_base(std::move(reply->info), begun, now);
    return proceed(now);
}

void GuardedUpdate::take_base(ObjectInfo info, TimePoint begun, TimePoint now) {
    if (seen_modified_ != info.last_modified) {
        seen_modified_ = info.last_modified;
        seen_since_ = now;
    }
    // 412, and yet nothing moved since a settled base: the guard's whole second is too coarse.
    const bool by_guard = last_error_ && (last_error_->kind == ErrorKind::precondition_failed ||
                                          last_error_->kind == ErrorKind::not_modified);
    if (refused_ && by_guard && sent_settled_ && same_object(info, sent_base_.info))
        facts_.learn_compares_finer();
    // A refusal may have been a repeated request's, of which the first had been applied, and others
    // may have changed what it left since.
    if (refused_ && shows_some_of_ours(info.attributes)) outcome_unknown_ = true;
    refused_ = false;
    if (sent_marker_ && sent_marker_->user == info.attributes.user) sent_once_ = true;
    sent_marker_.reset();
    // Another object than that of which these were read.
    if (info.etag != base_.info.etag || info.last_modified != base_.info.last_modified) {
        acl_at_.reset();
        tags_.reset();
        lock_.reset();
    }
    if (begun - lock_at_ > kFresh) lock_.reset();
    base_ = UpdateBase{.info = std::move(info), .read_at = begun};
    absent_ = false;
    from_own_ = false;
    base_just_read_ = now - begun <= kFresh || (!read_acl_ && !read_tags_);
    if (!has_stood_still(now - begun)) {
        if (read_acl_ || read_tags_) facts_.expect_no_copy();
        read_acl_.reset();
        read_tags_.reset();
    }
}

// Whether the object was the same one all the time that the HEAD and what was asked beside it took,
// `request`: else an ACL may be of what stood there before. Date minus Last-Modified has one second
// for their resolution and one for skew, as in is_settled(); the third one is the request's.
bool GuardedUpdate::has_stood_still(Duration request) const {
    const ObjectInfo& info = base_.info;
    return request <= kFresh &&
           info.date.seconds() >= (info.last_modified + kSettled + kFresh).seconds();
}

// What is to become of the base: the journal's changes, then the patches, then POSIX state that
// would not be worth a copy of its own.
void GuardedUpdate::judge() {
    const ObjectAttributes& base = base_.info.attributes;
    wanted_ = base;
    if (absent_)
        outcome_.pending.assign(work_.pending.size(), object_gone());
    else
        outcome_.pending = apply_pending(model_, work_.key, base_.info, work_.pending, wanted_);
    judge_patches();
    judge_posix();
}

// ETag of the base's content, which is another one where a copy of ours gave it a new one.
ETag GuardedUpdate::content_of_base() const {
    const bool left_by_us = !left_.empty() && base_.info.etag == left_;
    return left_by_us && !outcome_.edited.empty() ? outcome_.edited : base_.info.etag;
}

void GuardedUpdate::judge_posix() {
    const ObjectAttributes& base = base_.info.attributes;
    PosixRecord posix =
        absent_ ? work_.posix.record : meant_for(work_.posix, base_.info, content_of_base());
    posix_outlived_ = posix != work_.posix.record;
    PosixRecord yields = lost_between(base, wanted_);
    for (size_t i = 0; i < work_.patches.size(); ++i) {
        if (outcome_.errors[i]) continue;
        for (const AttrChange& change : work_.patches[i].changes) {
            if (change.name.kind != AttrKind::user_metadata) continue;
            clear_member(yields, change.name.bare);  // removed because it was asked for
            clear_member(posix, change.name.bare);   // and this is newer
        }
    }
    for (size_t i = 0; i < work_.pending.size(); ++i)
        if (!outcome_.pending[i].error && work_.pending[i].name.kind == AttrKind::user_metadata)
            clear_member(yields, work_.pending[i].name.bare);
    // A base that has our change already has nothing left that could yield to it.
    if (!sent_once_) yielded_ = PosixRecord{};
    yielded_.merge(yields);
    posix_left_ = yielded_;
    posix_applied_ = false;
    if (!work_.posix.empty() && (work_.posix_alone || wanted_ != base)) {
        if (!model_.apply_posix(posix, wanted_)) posix_left_.merge(posix);
        posix_applied_ = true;
    }
    posix_left_ = not_recorded_in(wanted_, posix_left_);
}

// Applies the patches in order; one that does not fit fails alone. Flags are judged until the
// first copy has been sent: after that our own change may be what we find.
void GuardedUpdate::judge_patches() {
    for (size_t i = 0; i < work_.patches.size(); ++i) {
        std::optional<Error>& error = outcome_.errors[i];
        if (error && sent_once_) continue;
        error.reset();
        ObjectAttributes trial = wanted_;
        for (AttrChange change : work_.patches[i].changes) {
            if (change.instead_of && value_in(trial, change.name) != *change.instead_of) continue;
            if (sent_once_) change.flag = SetFlag::any;
            auto applied = model_.apply(work_.key, change, trial);
            const bool gone_already = sent_once_ && !change.value && !applied &&
                                      applied.error().kind == ErrorKind::no_such_attribute;
            if (applied || gone_already) continue;
            error = std::move(applied).error();
            break;
        }
        if (error) continue;
        if (!work_.patches[i].posix.empty()) model_.apply_posix(work_.patches[i].posix, trial);
        wanted_ = std::move(trial);
    }
}

std::optional<std::string> GuardedUpdate::value_in(const ObjectAttributes& attributes,
                                                   const AttrName& name) const {
    ObjectInfo info;
    info.attributes = attributes;
    auto value = model_.get(work_.key, info, name);
    if (!value) return std::nullopt;
    return *std::move(value);
}

bool GuardedUpdate::anyone_left() const {
    return work_.posix_alone ||
           std::any_of(outcome_.errors.begin(), outcome_.errors.end(),
                       [](const auto& error) { return !error; }) ||
           std::any_of(outcome_.pending.begin(), outcome_.pending.end(),
                       [](const auto& result) { return !result.error; });
}

UpdateStep GuardedUpdate::proceed(TimePoint now) {
    if (base_.info.missing_metadata > 0)
        return fail_all(fail(
            ErrorKind::not_permitted,
            fmt::format("the service hides {} metadata entries of this object; changing the others "
                        "would destroy them. Change it with the tool that wrote them",
                        base_.info.missing_metadata)));
    if (was_emptied()) return put_back_emptied(now);
    judge();
    if (!anyone_left() || wanted_ == base_.info.attributes) {
        facts_.counters.unchanged.fetch_add(1);
        if (!sent_once_) facts_.expect_no_copy();
        return sent_once_ ? found_done(now) : finish(now);
    }
    return prepare_copy(now);
}

UpdateStep GuardedUpdate::prepare_copy(TimePoint now) {
    if (last_look_) return fail_all(gave_up());
    // The version "null" is overwritten where versioning is suspended (protocol.md 3.5).
    const VersionId& version = base_.info.version_id;
    const bool kept = !version.empty() && version.str() != "null";
    if (in_parts() && !policy_.big_copies && !traits_.destination_conditions && !kept)
        return fail_all(
            fail(ErrorKind::file_too_large,
                 fmt::format(
                     "the object has {} bytes and the service copies at most {} at once; copying "
                     "in parts cannot be guarded here. -o bigcopy does it nevertheless",
                     base_.info.size, traits_.copy_bytes_max)));
    if (!keeps_restored(traits_, base_.info) &&
        would_archive_again(base_.info, wanted_.storage_class))
        return fail_all(archives_again("a change", traits_));

    const CopyConditions conditions = facts_.conditions();
    if (conditions == CopyConditions::honoured) {
        settled_ = !from_own_ && is_settled();
        if (!settled_ && !from_own_ && !is_own_result()) {
            if (now >= deadline_) return fail_all(gave_up());
            facts_.counters.settling.fetch_add(1);
            return Wait{settling_time()};
        }
    }
    if (needs_lock()) return ReadLock{base_.info};
    const bool lacks_tags = needs_tags();
    const bool lacks_acl = needs_acl(now);
    const Facets facets{.acl = lacks_acl && !read_acl_, .tags = lacks_tags && !read_tags_};
    if (facets.acl || facets.tags) {
        base_just_read_ = false;
        read_acl_.reset();  // all of it at one time
        read_tags_.reset();
        return Read{.facets = {.acl = lacks_acl, .tags = lacks_tags}};
    }
    UpdateStep other_step;
    if (lacks_tags && !take_tags(other_step, now)) return other_step;
    if (lacks_acl && !take_acl(other_step, now)) return other_step;
    // Grew old while the tags were waited for.
    if (lacks_acl && lacks_tags && needs_acl(now)) return Read{.facets = {.acl = true}};
    // Without honoured conditions a HEAD just before the copy is all the guard there is.
    const bool stale =
        conditions == CopyConditions::honoured ? now - base_.read_at > kFresh : !base_just_read_;
    if (stale && !read_again_) {
        read_again_ = true;
        return read_base(now);
    }
    return send(now);
}

bool GuardedUpdate::is_settled() const {
    if (base_.info.date.seconds() >= (base_.info.last_modified + kSettled).seconds()) return true;
    // A Date that lags, or none: what this clock saw standing still until it was read is settled,
    // too.
    return seen_modified_ == base_.info.last_modified &&
           base_.read_at - seen_since_ >= kSettled + kFresh;
}

// The HEAD shows exactly what this mount left there, and nobody else can have edited meanwhile
// without waiting for it to settle.
bool GuardedUpdate::is_own_result() const {
    return work_.own && !outcome_unknown_ && same_object(work_.own->info, base_.info) &&
           base_.read_at - work_.own->run_began <= kRunMax;
}

Duration GuardedUpdate::settling_time() {
    const Duration left = base_.info.last_modified + kSettled - base_.info.date;
    return std::clamp<Duration>(left, kSettleWaitMin, kSettled + kFresh) +
           random_up_to(random_, kSettleJitter);
}

bool GuardedUpdate::in_parts() const {
    return traits_.copy_bytes_max != 0 && base_.info.size > traits_.copy_bytes_max;
}

CopyGuard GuardedUpdate::make_guard() const {
    CopyGuard guard;
    const WallTime modified = base_.info.last_modified;
    if (probing_) {
        guard.source_unmodified_since = modified - kProbeBack;
        return guard;
    }
    const Duration second = std::chrono::seconds(1);
    guard.source_unmodified_since = facts_.compares_finer() ? modified + second : modified;
    // Together they say "equal". A symlink's HEAD may tell its target's time (protocol.md 2.1),
    // the guard is judged by the link's.
    if (facts_.both_time_conditions() && base_.info.type != ObjectType::symlink)
        guard.source_modified_since = modified - second;
    if (facts_.destination_if_match() && !base_.info.etag.empty())
        guard.destination_if_match = base_.info.etag;
    return guard;
}

// The complete set of a base with the patches applied, and what completes it. The source's version
// is never pinned: the guard would test a version that cannot change (DESIGN 3.3).
CopyRequest GuardedUpdate::make_request(const ObjectAttributes& attributes) const {
    CopyRequest request;
    request.source = work_.key;
    request.destination = work_.key;
    request.replace = attributes;
    request.source_bytes = base_.info.size;
    if (acl_ != traits_.default_acl) request.replace->acl = acl_;
    const TagFate fate = facts_.tag_fate();
    request.tags_required = policy_.preserve == PreservePolicy::strict;
    // Those that were read need not be read again for a copy in parts, also where there are none.
    if (tags_ && in_parts()) request.replace->tags = tags_;
    if (tags_ && !tags_->empty() && (fate == TagFate::lost || fate == TagFate::sent))
        request.replace->tags = tags_;
    request.replace->lock = lock_to_send(attributes.lock);
    // A link's class and encryption as told are its target's.
    if (base_.info.type == ObjectType::symlink) {
        request.replace->storage_class.clear();
        request.replace->sse = {};
    }
    return request;
}

UpdateStep GuardedUpdate::send(TimePoint now) {
    static_cast<void>(now);
    // Of a copy in parts the store judges the conditions itself.
    probing_ = facts_.conditions() == CopyConditions::unknown && !in_parts() && !judged_here_;
    sent_once_ = true;
    sent_base_ = base_;
    if (tags_) owed_tags_ = tags_;
    sent_lock_ = lock_to_send(wanted_.lock);
    lock_checked_ = false;
    sent_settled_ = settled_;
    if (++attempts_ == 1 && !from_own_) {
        if (has_stood_still(Duration::zero()))
            facts_.expect_copies(tags_.has_value());
        else
            facts_.expect_no_copy();
    }
    CopyRequest request = make_request(wanted_);
    request.guard = make_guard();
    return Copy{std::move(request)};
}

Error GuardedUpdate::gave_up() const {
    if (outcome_unknown_ && last_error_) return *last_error_;
    return fail(ErrorKind::conflict,
                fmt::format("other clients keep changing this object's metadata; gave up after {} "
                            "attempts, nothing was changed. Try again",
                            attempts_));
}

UpdateStep GuardedUpdate::retry_later(TimePoint now, Error reason) {
    phase_ = Phase::base;
    last_error_ = std::move(reason);
    work_.own.reset();
    from_own_ = false;
    read_again_ = false;
    tags_.reset();
    lock_.reset();
    tags_checked_ = false;
    if (now >= deadline_) {
        if (last_look_) return fail_all(gave_up());
        last_look_ = true;
        return read_base(now);
    }
    const Duration most =
        std::min<Duration>(kRetryMax, kRetryFirst * (1LL << std::min(attempts_, 6U)));
    return Wait{random_up_to(random_, most)};
}

// A directory without a marker gets one, if it is still absent then (DESIGN 3.10).
UpdateStep GuardedUpdate::base_missing(TimePoint now, Error error) {
    const bool asked = !work_.patches.empty() || work_.posix_alone;
    if (is_directory(work_.key) && asked) return create_marker(now);
    outcome_.missing = true;
    facts_.expect_no_copy();
    return fail_all(std::move(error));
}

UpdateStep GuardedUpdate::create_marker(TimePoint now) {
    base_ = UpdateBase{};
    base_.info.attributes[HttpField::content_type] = std::string(kDirectoryType);
    absent_ = true;
    judge();
    if (!anyone_left() || wanted_ == base_.info.attributes) {
        outcome_.missing = true;
        return finish(now);
    }
    sent_once_ = true;
    ++attempts_;
    PutRequest request;
    request.key = work_.key;
    request.attributes = wanted_;
    request.must_not_exist = true;
    return Create{std::move(request)};
}

}  // namespace xbucket
