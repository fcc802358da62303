// SPDX-FileCopyrightText: the xbucket authors
// What came of a copy: refused, unknown, done; and reading back what the service really stored
// (DESIGN 3.2, 3.3, 3.4, 3.6).
#include "guarded_update.h"
#include "restored.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/store/content_hash.h"

#include <fmt/format.h>

namespace xbucket {

namespace {

using namespace update_step;

// After so many the service is taken for one that loses what it is sent.
constexpr unsigned kRacesMax = 3;

bool is_refusal(ErrorKind kind) {
    return kind == ErrorKind::precondition_failed || kind == ErrorKind::not_modified ||
           kind == ErrorKind::conflict;
}

void append(std::string& list, std::string_view item) {
    if (!list.empty()) list += ", ";
    list += printable(item);
}

// What of `wanted` the object does not have.
std::string missing_from(const ObjectAttributes& wanted, const ObjectAttributes& found) {
    std::string missing;
    for (const auto& [name, value] : wanted.user) {
        const auto entry = found.user.find(name);
        if (entry == found.user.end() ||
            decode_header_value(entry->second) != decode_header_value(value))
            append(missing, name);
    }
    for (const HttpField field : kHttpFields)
        if (wanted[field] && wanted[field] != found[field]) append(missing, to_string(field));
    return missing;
}

// What was to become of `base`: how much of it is there in `found`, and how much is not.
struct Changes {
    size_t there = 0;
    size_t undone = 0;
};
Changes changes_in(const ObjectAttributes& found, const ObjectAttributes& base,
                   const ObjectAttributes& wanted) {
    const auto value_in = [](const UserMetadata& user, const std::string& name) {
        const auto entry = user.find(name);
        return entry == user.end() ? std::nullopt
                                   : std::optional(decode_header_value(entry->second));
    };
    Changes changes;
    const auto look_at = [&](const std::string& name) {
        const auto to = value_in(wanted.user, name);
        if (to == value_in(base.user, name)) return;
        ++(to == value_in(found.user, name) ? changes.there : changes.undone);
    };
    for (const auto& [name, value] : wanted.user) look_at(name);
    for (const auto& [name, value] : base.user)
        if (wanted.user.find(name) == wanted.user.end()) look_at(name);
    for (const HttpField field : kHttpFields)
        if (wanted[field] && wanted[field] != base[field])
            ++(wanted[field] == found[field] ? changes.there : changes.undone);
    return changes;
}

Error unnamed_limit(const AttributeShape& shape, const Error& reason) {
    return fail(ErrorKind::no_attribute_space,
                fmt::format("the service fails for {} metadata entries of {} bytes, the longest "
                            "name of {} as stored, the longest value of {}, and has stored nothing "
                            "that large before; use fewer or shorter attributes ({})",
                            shape.entries, shape.bytes, shape.name_bytes_max, shape.value_bytes_max,
                            reason.describe()));
}

// What one change of several may be the reason for, while the others are good.
bool is_about_attributes(ErrorKind kind) {
    return kind == ErrorKind::invalid_argument || kind == ErrorKind::invalid_name ||
           kind == ErrorKind::name_too_long || kind == ErrorKind::value_too_large ||
           kind == ErrorKind::no_attribute_space;
}

}  // namespace

UpdateStep GuardedUpdate::on_copied(Result<CopyReply> reply, TimePoint begun, TimePoint now) {
    if (loss_) {  // the copy was to put the former metadata back
        if (!reply) return restoring_failed(reply.error().describe());
        if (!reply->etag.empty()) left_ = reply->etag;
        phase_ = Phase::restored;
        return Read{{.head = true}};
    }
    if (!reply) return copy_failed(std::move(reply).error(), now);
    return copy_done(*reply, begun, now);
}

UpdateStep GuardedUpdate::copy_failed(Error error, TimePoint now) {
    const bool probed = std::exchange(probing_, false);
    if (error.outcome_unknown) {
        facts_.counters.unknown.fetch_add(1);
        outcome_unknown_ = true;
        outcome_.changed = true;
        return retry_later(now, std::move(error));
    }
    if (is_refusal(error.kind)) {
        if (probed) {
            // The false condition was honoured and nothing was changed: now with the real guard.
            // Without a status it was the store that refused, for a copy that it makes in parts.
            judged_here_ = error.http_status == 0;
            if (!judged_here_) facts_.learn_conditions(CopyConditions::honoured);
            return prepare_copy(now);
        }
        facts_.counters.conflicts.fetch_add(1);
        refused_ = true;
        return retry_later(now, std::move(error));
    }
    if (error.kind == ErrorKind::unsupported && !probed) {
        if (facts_.destination_if_match()) {
            facts_.learn_no_destination_if_match();
            return send(now);
        }
        if (facts_.both_time_conditions()) {
            facts_.learn_no_both_time_conditions();
            return send(now);
        }
    }
    // Deleted in between: what was read is not written back as a new object.
    if (error.kind == ErrorKind::not_found) outcome_.missing = true;
    if (error.kind == ErrorKind::archived)
        return fail_all(std::move(error).with_context(
            "archived: write DAYS to user.object.restore and wait until it can be read"));
    // Services have limits that they do not name (servers.md): some fail for a name of over 100
    // bytes, some for a value of over 256.
    if (error.kind == ErrorKind::server_error && !outcome_unknown_ &&
        facts_.may_have_unnamed_limits() && facts_.is_untried(AttributeShape::of(wanted_)))
        return too_much_for_service(error);
    outcome_.refused_whole = is_about_attributes(error.kind);
    return fail_all(std::move(error));
}

// A guess, which is good enough for whoever waits for an answer. What was acknowledged before is
// not given up for it.
UpdateStep GuardedUpdate::too_much_for_service(const Error& reason) {
    const Error too_much = unnamed_limit(AttributeShape::of(wanted_), reason);
    log_warning("meta", "key={} {}", printable(work_.key.str()), too_much.message);
    outcome_.refused_whole = outcome_.limit_guessed = true;
    Error perhaps = reason;
    perhaps.message = too_much.message;
    for (PendingResult& result : outcome_.pending) {
        if (result.error) continue;
        result = {PendingResult::State::failed, perhaps};
        result.limit_guessed = true;
    }
    return fail_all(too_much);
}

UpdateStep GuardedUpdate::copy_done(const CopyReply& reply, TimePoint begun, TimePoint now) {
    facts_.counters.copies.fetch_add(1);
    outcome_.changed = true;
    landed_ = true;
    copy_took_ = now - begun;
    result_in_parts_ = !reply.source_etag.empty();
    if (std::exchange(probing_, false)) facts_.learn_conditions(CopyConditions::ignored);

    UpdateBase result = base_;
    result.info.attributes = wanted_;
    // HEAD of a link tells its target's ETag (protocol.md 2.1).
    if (!reply.etag.empty() && base_.info.type != ObjectType::symlink)
        result.info.etag = reply.etag;
    result.info.last_modified = reply.last_modified;
    result.info.date = reply.date;
    result.info.version_id = reply.version_id;
    const bool same_class = wanted_.storage_class == base_.info.attributes.storage_class;
    if (!same_class || !keeps_restored(traits_, base_.info)) result.info.restore.clear();
    result.acl = acl_;
    result.acl_known = acl_at_.has_value();
    if (acl_at_) result.acl_read_at = *acl_at_;
    result.read_at = begun;
    result.run_began = !settled_ && work_.own ? work_.own->run_began : begun;

    const VersionId& copied = reply.source_version_id;
    if (!copied.empty() && !base_.info.version_id.empty() && copied != base_.info.version_id) {
        // Another version came in between, and ours carries its content with our base's metadata.
        // It is in the history: merge into its metadata, on top of our own result.
        facts_.counters.version_merges.fetch_add(1);
        base_ = result;
        work_.own = result;
        left_ = result.info.etag;
        return ReadVersion{copied};
    }
    // A copy in parts has an ETag of its own, and its source was guarded by the one that it had.
    const ETag& content = result_in_parts_ ? reply.source_etag : reply.etag;
    const bool same = content == base_.info.etag || !etag_is_content_hash(base_.info);
    const bool dated = reply.last_modified != WallTime{};
    result_is_own_ = dated && !content.empty() && same && !outcome_unknown_;
    result_ = std::move(result);
    if (content.empty() || same) return copy_holds(now);
    phase_ = Phase::content;
    return Read{{.head = true}};
}

// Another ETag may be another content that came between base and copy, unseen by the guard. Or it
// is only an ETag: of a copy that the bucket encrypts by default, or that OSS made its own way.
UpdateStep GuardedUpdate::content_seen(Result<HeadReply> reply, TimePoint begun, TimePoint now) {
    if (!reply) {
        // Who shows the base's content must not take it for this one's unseen.
        outcome_.edited = left_ = result_->info.etag;
        return on_result_head(std::move(reply), begun, now);
    }
    if (!shows_other_content(base_.info, reply->info)) {
        result_is_own_ = !outcome_unknown_ && reply->info.etag == result_->info.etag &&
                         reply->info.last_modified == result_->info.last_modified;
        // A next copy of this run gets another ETag again where the service encrypts this one.
        if (result_is_own_) result_->info.attributes.sse = reply->info.attributes.sse;
        return copy_holds(now);
    }
    facts_.counters.replaced.fetch_add(1);
    log_warning("meta",
                "key={} another client replaced the content during a metadata change; its own "
                "metadata was overwritten with what the object had before",
                printable(work_.key.str()));
    outcome_unknown_ = true;
    // Whoever knows the base's content learns that it is not what this copy edited.
    outcome_.edited = left_ = result_->info.etag;
    result_.reset();
    work_.own.reset();
    read_again_ = false;
    phase_ = Phase::base;
    return on_base(std::move(reply), begun, now);
}

UpdateStep GuardedUpdate::copy_holds(TimePoint now) {
    // A further copy of this update has the same content, whatever the first one's ETag is.
    if (outcome_.edited.empty() || base_.info.etag != left_) outcome_.edited = base_.info.etag;
    left_ = result_->info.etag;
    const bool dated = result_->info.last_modified != WallTime{};
    const bool acl_at_risk = !acl_.empty() && acl_ != traits_.default_acl && !facts_.acl_kept();
    const bool looks_for_races = may_have_raced() && policy_.verify != VerifyPolicy::never;
    if (!dated || tags_at_risk() || acl_at_risk || lock_at_risk() || looks_for_races ||
        facts_.wants_verification(policy_.verify, AttributeShape::of(wanted_))) {
        phase_ = Phase::verify;
        // A copy of another client that passed the same guard has landed when as much time is over
        // as ours took.
        if (looks_for_races) return Wait{copy_took_};
        return Read{{.head = true}};
    }
    return finish(now);
}

// Whether another client may have copied from the same base at the same moment, with success for
// both. On top of an own result that is not settled nobody else starts an update.
bool GuardedUpdate::may_have_raced() const {
    if (facts_.guards_exclude_each_other()) return false;
    return facts_.conditions() != CopyConditions::honoured || settled_;
}

UpdateStep GuardedUpdate::on_version(Result<ObjectInfo> info, TimePoint now) {
    outcome_unknown_ = outcome_unknown_ || !info || now >= deadline_;  // the change itself is there
    if (!info)
        return fail_all(
            fail(ErrorKind::conflict,
                 fmt::format("another client made a version at the same moment and it cannot be "
                             "read ({}); its metadata is in the object's history, not in the "
                             "current version",
                             info.error().describe())));
    // What was copied in parts is the content of our base, whatever came on top of that since.
    if (result_in_parts_ && shows_other_content(sent_base_.info, *info)) {
        facts_.counters.replaced.fetch_add(1);
        outcome_unknown_ = true;
        return fail_all(fail(ErrorKind::conflict,
                             fmt::format("another client replaced the content while the object was "
                                         "copied for the change, and lies below it now as version "
                                         "{}: copy that version to have it back",
                                         printable(info->version_id.str()))));
    }
    const ObjectAttributes current = wanted_;
    if (!result_in_parts_)
        outcome_.edited = info->etag;
    else if (outcome_.edited.empty())
        outcome_.edited = sent_base_.info.etag;
    base_.info.attributes = info->attributes;
    base_.info.size = info->size;
    base_.info.crc64 = info->crc64;
    from_own_ = true;
    settled_ = false;
    judge();
    if (wanted_ == current) {
        base_.info.attributes = current;
        result_ = base_;
        result_is_own_ = !outcome_unknown_;
        return finish(now);
    }
    if (now >= deadline_)
        return fail_all(fail(ErrorKind::conflict,
                             "other clients keep making versions of this object; gave up"));
    return send(now);
}

// Everything asked for is there, and we have sent a copy of whose success we were not told: what
// such a copy takes away has to be looked at all the same.
UpdateStep GuardedUpdate::found_done(TimePoint now) {
    result_ = base_;
    result_is_own_ = false;
    if (!tags_) tags_ = owed_tags_;
    return verify_rest(now);
}

// HEADs that look at results: of a copy, of a new marker, of putting back.
UpdateStep GuardedUpdate::on_result_head(Result<HeadReply> reply, TimePoint begun, TimePoint now) {
    if (phase_ == Phase::restored) {
        if (!reply) return restoring_failed(reply.error().describe());
        const std::string lost = missing_from(sent_base_.info.attributes, reply->info.attributes);
        if (!lost.empty()) return restoring_failed("still missing: " + lost);
        facts_.counters.put_back.fetch_add(1);
        outcome_.info = reply->info;
        result_->info = reply->info;
        return verify_rest(now);  // this copy, too, may have taken the tags away
    }
    if (!reply) {
        // Some services say yes to what they do not store, or to two at once; such a yes is not
        // passed on unseen.
        if (phase_ == Phase::verify && !facts_.guards_exclude_each_other() &&
            is_transient(reply.error().kind)) {
            outcome_unknown_ = true;
            return retry_later(now, std::move(reply).error());
        }
        // Acknowledged by the service, and not to be looked at now.
        log_warning("meta", "key={} result not verified: {}", printable(work_.key.str()),
                    reply.error().describe());
        result_is_own_ = false;
        outcome_.missing = reply.error().kind == ErrorKind::not_found;
        if (outcome_.missing) result_.reset();
        if (outcome_.missing || phase_ == Phase::created) return finish(now);
        result_->info.tag_count.reset();  // the base's, of which nothing is known now
        result_->info.attributes.lock = {};
        return verify_rest(now);
    }
    if (phase_ == Phase::created) {
        result_ = UpdateBase{.info = reply->info, .read_at = begun, .run_began = begun};
        // All markers are empty, so that the ETag alone says nothing.
        result_is_own_ = !outcome_unknown_ && !created_etag_.empty() &&
                         reply->info.etag == created_etag_ &&
                         reply->info.attributes.user == wanted_.user;
        return finish(now);
    }
    return verify(reply->info, now);
}

UpdateStep GuardedUpdate::verify(const ObjectInfo& found, TimePoint now) {
    const bool ours =
        result_->info.last_modified == WallTime{} ||
        (found.last_modified == result_->info.last_modified && found.etag == result_->info.etag);
    const std::string missing = missing_from(wanted_, found.attributes);
    if (lost_a_race(found.attributes, ours)) {
        facts_.counters.conflicts.fetch_add(1);
        if (races_lost_ == kRacesMax) {
            outcome_unknown_ = true;
            return fail_all(fail(ErrorKind::conflict,
                                 "other clients keep changing this object, and the change was not "
                                 "there whenever it was looked for. Try again"));
        }
        ++races_lost_;
        outcome_unknown_ = true;  // ours was there for a moment, and is merged into theirs, perhaps
        return retry_later(now, fail(ErrorKind::conflict, "another client's change came on top"));
    }
    if (ours && was_dropped(found.attributes)) return restore(missing, now);
    if (missing.empty() && ours) facts_.verified(AttributeShape::of(wanted_));
    if (!ours) lock_checked_ = true;    // ours lies in the history, as it was sent
    if (!ours) result_is_own_ = false;  // somebody edited since, as is his right
    result_->info = found;
    return verify_rest(now);
}

// Another client's copy, made from the same base, landed after ours and took our change away. Where
// it has our Last-Modified by chance, it carries what we did not send, or less. A service that
// drops what it is sent drops all of what is too much for it (Ceph's gateway), or keeps doing so.
bool GuardedUpdate::lost_a_race(const ObjectAttributes& found, bool ours) const {
    const ObjectAttributes& base = sent_base_.info.attributes;
    if (!may_have_raced() || changes_in(found, base, wanted_).undone == 0) return false;
    if (!ours || !missing_from(found, wanted_).empty()) return true;
    const bool emptied = found.user.empty() && facts_.is_untried(AttributeShape::of(wanted_));
    return races_lost_ < kRacesMax && !emptied;
}

bool GuardedUpdate::shows_some_of_ours(const ObjectAttributes& found) const {
    return changes_in(found, sent_base_.info.attributes, wanted_).there != 0;
}

// The service said 200 and stored less than it was sent. Where others may have come in between with
// the same Last-Modified, only what lacks our own change as well counts: the rest may be their
// doing.
bool GuardedUpdate::was_dropped(const ObjectAttributes& found) const {
    if (missing_from(wanted_, found).empty()) return false;
    if (facts_.guards_exclude_each_other()) return true;
    return missing_from(found, wanted_).empty() &&
           changes_in(found, sent_base_.info.attributes, wanted_).undone != 0;
}

// As was_dropped(), of a copy that got no reply, or that of a repetition.
bool GuardedUpdate::was_emptied() const {
    const ObjectInfo& found = base_.info;
    return sent_once_ && !facts_.guards_exclude_each_other() && !loss_ &&
           found.attributes.user.empty() && !sent_base_.info.attributes.user.empty() &&
           found.etag == sent_base_.info.etag && facts_.is_untried(AttributeShape::of(wanted_));
}

UpdateStep GuardedUpdate::put_back_emptied(TimePoint now) {
    result_ = base_;
    if (!tags_) tags_ = owed_tags_;  // gone as well, and with the copy that follows
    return restore("any metadata", now);
}

UpdateStep GuardedUpdate::conclude(TimePoint now) { return loss_ ? fail_all(*loss_) : finish(now); }

// The service said 200 and did not store all of it: give the object back what it had, then fail
// loudly.
UpdateStep GuardedUpdate::restore(const std::string& lost, TimePoint now) {
    static_cast<void>(now);
    loss_ = fail(ErrorKind::no_attribute_space,
                 fmt::format("the service answered success and did not store: {}. The former "
                             "metadata was put back; use fewer or shorter attributes",
                             lost));
    log_error("meta", "key={} {}", printable(work_.key.str()), loss_->message);
    base_ = *result_;
    settled_ = false;
    CopyRequest request = make_request(sent_base_.info.attributes);
    request.guard = make_guard();
    return Copy{std::move(request)};
}

UpdateStep GuardedUpdate::restoring_failed(const std::string& reason) {
    std::string values;
    for (const auto& [name, value] : sent_base_.info.attributes.user)
        append(values, name + "=" + value);
    log_error("meta", "key={} metadata lost by the service and not put back ({}); it was: {}",
              printable(work_.key.str()), reason, values);
    Error error = *loss_;
    error.message =
        "the service answered success, lost metadata of this object, and it could not be put back; "
        "the log has it";
    return fail_all(std::move(error));
}

UpdateStep GuardedUpdate::on_created(Result<PutReply> reply, TimePoint now) {
    if (reply) {
        outcome_.changed = true;
        created_etag_ = reply->etag;
        phase_ = Phase::created;
        return Read{{.head = true}};
    }
    Error error = std::move(reply).error();
    if (error.outcome_unknown) {
        facts_.counters.unknown.fetch_add(1);
        outcome_unknown_ = true;
        outcome_.changed = true;
        return retry_later(now, std::move(error));
    }
    // Somebody made the marker first: an ordinary update of it, flags judged anew. Or we did, with
    // a request that was repeated on its way.
    if (error.kind == ErrorKind::already_exists || is_refusal(error.kind)) {
        sent_once_ = false;
        refused_ = true;
        sent_marker_ = wanted_;
        return retry_later(now, std::move(error));
    }
    return fail_all(std::move(error));
}

UpdateStep GuardedUpdate::finish(TimePoint now) {
    static_cast<void>(now);
    outcome_.posix_recorded = posix_applied_;
    outcome_.posix_outlived = posix_applied_ && posix_outlived_;
    outcome_.posix_left = posix_left_;
    if (acl_at_) outcome_.acl = acl_;
    if (result_) {
        result_->tags = tags_;
        result_->tags_read_at = tags_at_;
        result_->lock = lock_;
        result_->lock_read_at = lock_at_;
        if (result_->info.last_modified != WallTime{}) outcome_.info = result_->info;
        if (result_is_own_) outcome_.own = result_;
        forget_edited_of_others();
        return Done{};
    }
    if (outcome_.missing) return Done{};
    outcome_.info = base_.info;
    forget_edited_of_others();
    // Nothing was sent: an own result stays one, as fresh as it was just seen.
    if (from_own_ || is_own_result()) {
        outcome_.own = work_.own;
        outcome_.own->read_at = base_.read_at;
    }
    return Done{};
}

void GuardedUpdate::forget_edited_of_others() {
    if (!outcome_.info || outcome_.info->etag != left_) outcome_.edited = ETag();
}

UpdateStep GuardedUpdate::fail_all(Error error) {
    forget_edited_of_others();
    // A refusal that nobody has looked behind may be a repeated request's own success.
    if (landed_ && !loss_) error.outcome_unknown = true;
    if ((outcome_unknown_ || refused_) && !error.outcome_unknown) {
        error.outcome_unknown = true;
        error.message += "; an earlier attempt may yet be applied";
    }
    for (auto& slot : outcome_.errors)
        if (!slot) slot = error;
    for (PendingResult& result : outcome_.pending) {
        if (result.error) continue;
        result = error.kind == ErrorKind::not_found
                     ? object_gone()
                     : PendingResult{PendingResult::State::failed, error};
    }
    if (!work_.posix.empty()) outcome_.posix_error = error;
    return Done{};
}

}  // namespace xbucket
