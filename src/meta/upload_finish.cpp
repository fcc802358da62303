// SPDX-FileCopyrightText: the xbucket authors
// Uploads whose content the service has acknowledged: what is left to do of their metadata, which
// is done as far as it goes and told where it does not, and never puts the content in doubt.
#include "object_lock.h"
#include "object_moves.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"
#include "xbucket/store/content_hash.h"

#include <fmt/format.h>

namespace xbucket {

namespace {

// What the service fails to do for the moment is tried again after so long.
constexpr Duration kAgain = std::chrono::seconds(30);

bool is_content_of(const UploadRest& rest, const ObjectInfo& now) {
    if (now.size != rest.size) return false;
    return rest.etag.empty() || now.etag == rest.etag || !etag_is_content_hash(now);
}

}  // namespace

// On top of what is there now: somebody may have come after the upload.
Result<void> ObjectMoves::apply_late_acl(const ObjectKey& key, const UploadPlan& plan) {
    const auto or_default = [&](const std::string& acl) {
        return acl.empty() ? parts_.traits.default_acl : acl;
    };
    const std::string now = TRY(parts_.store.get_acl(key, kUpdateCall));
    if (now != or_default(plan.attributes.acl)) return {};
    return parts_.store.put_acl(key, or_default(*plan.late_acl), kUpdateCall);
}

Result<void> ObjectMoves::apply_late_tags(const ObjectKey& key, const UploadPlan& plan) {
    const Tags now = TRY(parts_.store.get_tags(key, kUpdateCall));
    const Tags merged = merge_tags(plan.base_tags, *plan.late_tags, now);
    if (merged == now) return {};
    return parts_.store.put_tags(key, merged, kUpdateCall);
}

// Of the content that was given attributes so, as ObjectStat::edited.
Result<ETag> ObjectMoves::apply_late_attributes(const ObjectKey& key, const UploadPlan& plan) {
    Patch late =
        patch_between(parts_, plan.base_attributes, *plan.late_attributes, plan.attributes);
    late.posix = plan.late_posix;
    if (late.empty()) return ETag();
    return updater_.change_held(key, std::move(late));
}

// Each by itself, whatever becomes of the others.
ObjectMoves::CarriedOut ObjectMoves::carry_out(const ObjectKey& key, UploadRest rest,
                                               const ObjectInfo& info) {
    CarriedOut result;
    // Whether it is left to be done.
    const auto fails = [&](const Result<void>& done, std::string_view what) {
        if (done) return false;
        Error error = Error(done.error()).with_context(what);
        log_warning("meta", "key={} {}", printable(key.str()), error.describe());
        if (result.all) result.all = std::move(error);
        return is_passing(done.error());
    };
    constexpr std::string_view kNotApplied =
        "uploaded, but what another client changed meanwhile could not be applied again";
    UploadPlan& plan = rest.plan;
    if (rest.put_back) {
        rest.put_back = fails(put_sides_back(key, plan.attributes, info), "uploaded");
    }
    if (plan.late_acl && !fails(apply_late_acl(key, plan), kNotApplied)) plan.late_acl.reset();
    if (plan.late_tags && !fails(apply_late_tags(key, plan), kNotApplied)) plan.late_tags.reset();
    if (plan.late_attributes) {
        Result<ETag> edited = apply_late_attributes(key, plan);
        if (edited) result.edited = *edited;
        const Result<void> applied = edited ? Result<void>() : Result<void>(edited.error());
        if (!fails(applied, kNotApplied)) plan.late_attributes.reset();
    }
    result.left = std::move(rest);
    return result;
}

void ObjectMoves::keep_rest(const ObjectKey& key, UploadRest rest) {
    // An edit may have given the content another name.
    if (const auto known = parts_.cache.find(key); known && known->info && !rest.etag.empty()) {
        rest.etag = known->info->etag;
    }
    if (!parts_.rests.put(key, std::move(rest), parts_.clock.now() + kAgain)) {
        log_error("meta", "key={} too much of uploads waits to be tried again; this is given up",
                  printable(key.str()));
    }
}

Result<void> ObjectMoves::finish_rest(const ObjectKey& key) {
    std::optional<UploadRest> rest = parts_.rests.get(key);
    if (!rest) return {};
    const auto head = parts_.store.head(key, kUpdateCall);
    if (!head && head.error().kind != ErrorKind::not_found) return head.error();
    // Somebody has put other content in its place since, with what belongs to that.
    if (!head || !is_content_of(*rest, head->info)) {
        parts_.rests.drop(key);
        return {};
    }
    UploadPlan& plan = rest->plan;
    ObjectAttributes late = plan.attributes;
    parts_.model.apply_posix(plan.late_posix, late);
    plan.late_posix = posix_between(plan.attributes, late, head->info.attributes);
    CarriedOut carried = carry_out(key, std::move(*rest), head->info);
    if (carried.left.empty()) {
        parts_.rests.drop(key);
    } else {
        keep_rest(key, std::move(carried.left));
    }
    return std::move(carried.all);
}

void ObjectMoves::carry_rest(const ObjectKey& key, const ObjectInfo& base, UploadPlan& plan) {
    const std::optional<UploadRest> rest = parts_.rests.get(key);
    if (!rest || !is_content_of(*rest, base)) return;
    const UploadPlan& was = rest->plan;
    if (was.late_acl && plan.attributes.acl == was.attributes.acl) {
        plan.attributes.acl = *was.late_acl;
    }
    if (was.late_tags) {
        plan.attributes.tags =
            merge_tags(was.base_tags, *was.late_tags, plan.attributes.tags.value_or(Tags{}));
    }
    if (!was.late_attributes) return;
    for (const AttrChange& change :
         patch_between(parts_, was.base_attributes, *was.late_attributes, was.attributes).changes) {
        if (value_found(parts_.model, key, base, change.name) != *change.instead_of) continue;
        // What there is no room for goes on waiting.
        static_cast<void>(parts_.model.apply(key, change, plan.attributes).has_value());
    }
    ObjectAttributes late = was.attributes;
    parts_.model.apply_posix(was.late_posix, late);
    parts_.model.apply_posix(posix_between(was.attributes, late, base.attributes), plan.attributes);
}

// Some services take tags and ACLs along with some requests only (servers.md: Ceph's gateway drops
// tags that come with a copy or the start of a multipart upload).
Result<void> ObjectMoves::put_sides_back(const ObjectKey& key, const ObjectAttributes& sent,
                                         const ObjectInfo& found) {
    TRY(put_lock_back(key, sent, found));
    if (parts_.traits.copy_conditions_known) return {};
    const auto lost = [&](Error error, const char* what) {
        return std::move(error).with_context(
            fmt::format("'{}' was stored, but the service dropped its {}, which could not be put "
                        "back",
                        printable(key.str()), what));
    };
    if (sent.tags && !sent.tags->empty() && found.tag_count != sent.tags->size()) {
        // What is there although the service drops all of them is somebody's change since.
        const auto found_tags = parts_.store.get_tags(key, kUpdateCall);
        Tags wanted = *sent.tags;
        if (found_tags)
            for (const auto& [name, value] : *found_tags) wanted.insert_or_assign(name, value);
        if (!found_tags || wanted != *found_tags) {
            parts_.facts.counters.put_back.fetch_add(1);
            if (auto put = parts_.store.put_tags(key, wanted, kUpdateCall); !put)
                return lost(std::move(put).error(), "tags");
        }
    }
    if (sent.acl.empty() || sent.acl == parts_.traits.default_acl || parts_.facts.acl_kept())
        return {};
    const auto acl = parts_.store.get_acl(key, kUpdateCall);
    if (acl && *acl != parts_.traits.default_acl) return {};
    parts_.facts.counters.put_back.fetch_add(1);
    if (auto put = parts_.store.put_acl(key, sent.acl, kUpdateCall); !put)
        return lost(std::move(put).error(), "ACL");
    return {};
}

Result<void> ObjectMoves::put_lock_back(const ObjectKey& key, const ObjectAttributes& sent,
                                        const ObjectInfo& found) {
    if (!protects(sent.lock) || parts_.facts.locks_kept()) return {};
    ObjectLock there = found.attributes.lock;
    VersionId version = found.version_id;
    if (found.etag.empty()) {  // not looked at yet
        const HeadReply head = TRY(parts_.store.head(key, kUpdateCall));
        there = head.info.attributes.lock;
        version = head.info.version_id;
    }
    if (same_lock(there, sent.lock)) {
        parts_.facts.learn_locks_kept();
        return {};
    }
    parts_.facts.counters.put_back.fetch_add(1);
    auto put = parts_.store.put_lock(key, sent.lock, version, kUpdateCall);
    if (put) return {};
    return std::move(put).error().with_context(
        fmt::format("'{}' was stored, but the service dropped its retention or legal hold, which "
                    "could not be put back",
                    printable(key.str())));
}

// A service that says 200 and drops entries (servers.md) must not go unnoticed.
Result<void> ObjectMoves::check_stored(const ObjectKey& key, const UploadPlan& plan,
                                       const ObjectInfo& info) {
    const AttributeShape shape = AttributeShape::of(plan.attributes);
    if (shape.entries == 0 || !parts_.facts.wants_verification(parts_.config.verify, shape))
        return {};
    std::string lost;
    for (const auto& [name, value] : plan.attributes.user) {
        if (info.attributes.user.find(name) != info.attributes.user.end()) continue;
        lost += lost.empty() ? "" : ", ";
        lost += printable(name);
    }
    if (lost.empty()) {
        parts_.facts.verified(shape);
        return {};
    }
    log_error("meta", "key={} the service stored the object without: {}", printable(key.str()),
              lost);
    return fail(ErrorKind::no_attribute_space,
                fmt::format("'{}' is uploaded, but the service dropped attributes: {}",
                            printable(key.str()), lost));
}

FinishedUpload ObjectMoves::finish_upload(const ObjectKey& key, const UploadPlan& plan,
                                          const PutReply& reply, uint64_t size) {
    parts_.behind.note_accepted(key, plan.planned);
    parts_.pending.recorded(key, plan.pending);
    ObjectInfo uploaded;
    uploaded.attributes = plan.attributes;
    uploaded.etag = reply.etag;
    uploaded.size = size;
    parts_.pending.follow(key, ETag(), uploaded);
    parts_.rests.follow(key, ETag(), uploaded);
    if (plan.journaled) settle_journaled(key, plan, reply, size);
    if (plan.journal_waits) parts_.behind.follow_content(key, uploaded);
    parts_.own.drop(key);
    parts_.cache.forget(key);
    UploadRest rest{.plan = plan, .etag = reply.etag, .size = size, .put_back = true};
    const TimePoint begun = parts_.clock.now();
    auto head = parts_.store.head(key, kUpdateCall);
    if (!head) {
        // It is there as the service acknowledged; only its exact time is not known.
        log_warning("meta", "key={} uploaded, and not to be looked at: {}", printable(key.str()),
                    head.error().describe());
        uploaded.last_modified = WallTime::from_seconds(reply.date.seconds());
        uploaded.version_id = reply.version_id;
        uploaded.attributes.lock = {};  // who knows
        CarriedOut carried = carry_out(key, std::move(rest), uploaded);
        if (!carried.left.empty()) keep_rest(key, std::move(carried.left));
        return {parts_.stat_of(key, uploaded, parts_.clock.now()), std::move(carried.all)};
    }
    const ObjectInfo& info = head->info;
    const bool ours = reply.etag.empty() ? info.size == size : info.etag == reply.etag;
    if (!ours)
        log_info("meta", "key={} was replaced by another client right after the upload",
                 printable(key.str()));
    FinishedUpload finished{parts_.adopt(key, info, ETag()), {}};
    Result<void> stored;
    if (ours) {
        stored = check_stored(key, plan, info);
        if (stored && !reply.etag.empty())
            parts_.own.set(key, UpdateBase{.info = info, .read_at = begun, .run_began = begun});
    }
    rest.put_back = ours;
    CarriedOut carried = carry_out(key, std::move(rest), info);
    // What is left of an earlier upload goes on waiting: an append took nothing along.
    if (!carried.left.empty()) keep_rest(key, std::move(carried.left));
    const auto known = parts_.cache.find(key);
    if (known && known->info) finished.stat = parts_.stat_of(key, *known->info, known->expires);
    finished.stat.edited = carried.edited;
    finished.settled = carried.all ? std::move(stored) : std::move(carried.all);
    return finished;
}

}  // namespace xbucket
