// SPDX-FileCopyrightText: the xbucket authors
// Uploads and deletes. Rename: object_rename.cpp.
#include "object_moves.h"

#include "content_types.h"
#include "posix_entry.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

namespace xbucket {

namespace {

constexpr int kRemoveAttemptsMax = 4;

Error hidden_entries(const ObjectKey& key, unsigned count) {
    return fail(ErrorKind::not_permitted,
                fmt::format("the service hides {} metadata entries of '{}'; rewriting the object "
                            "would destroy them",
                            count, printable(key.str())));
}

const std::string* find_value(const UserMetadata& user, const std::string& name) {
    const auto found = user.find(name);
    return found == user.end() ? nullptr : &found->second;
}

bool same_value(const std::string* a, const std::string* b) {
    return a == nullptr || b == nullptr ? a == b : *a == *b;
}

AttrChange make_change(AttrKind kind, std::string full, std::string bare,
                       std::optional<std::string> value) {
    AttrChange change;
    change.name.kind = kind;
    change.name.full = std::move(full);
    change.name.bare = std::move(bare);
    change.value = std::move(value);
    return change;
}

}  // namespace

Patch patch_between(const MetaParts& parts, const ObjectAttributes& base,
                    const ObjectAttributes& late, const ObjectAttributes& ours) {
    Patch patch;
    const auto consider = [&](const std::string& name, const UserMetadata& names_of) {
        const std::string* before = find_value(base.user, name);
        const std::string* after = find_value(late.user, name);
        const bool theirs = !same_value(before, after);
        const bool untouched = same_value(before, find_value(ours.user, name));
        if (!theirs || !untouched) return;
        const std::string shown = shown_name(parts.raw, names_of, name);
        std::optional<std::string> value;
        if (after != nullptr) value = decode_header_value(*after);
        patch.changes.push_back(
            make_change(AttrKind::user_metadata, "user.meta." + shown, shown, std::move(value)));
    };
    for (const auto& [name, value] : late.user)
        if (!is_posix_entry(name, value)) consider(name, late.user);
    for (const auto& [name, value] : base.user)
        if (late.user.find(name) == late.user.end() && !is_posix_entry(name, value))
            consider(name, base.user);
    for (const HttpField field : kHttpFields) {
        if (base[field] == late[field] || base[field] != ours[field]) continue;
        AttrChange change =
            make_change(AttrKind::http_field, fmt::format("user.http.{}", to_string(field)),
                        std::string(to_string(field)), late[field]);
        change.name.field = field;
        patch.changes.push_back(std::move(change));
    }
    return patch;
}

// What HEAD does not tell and a PUT or a copy to another key would drop: ACL and tags.
Result<void> ObjectMoves::complete_set(const ObjectKey& key, const ObjectInfo& info,
                                       ObjectAttributes& attributes) {
    const bool strict = parts_.config.preserve == PreservePolicy::strict;
    const auto passable = [&](const Error& error) {
        return error.kind == ErrorKind::unsupported || error.kind == ErrorKind::not_found ||
               (error.kind == ErrorKind::access_denied && !strict);
    };
    if (!parts_.traits.default_acl.empty() && (strict || !parts_.facts.acls_hidden())) {
        auto acl = parts_.store.get_acl(key, kUpdateCall);
        if (acl) {
            parts_.facts.acl_read();
            if (*acl != parts_.traits.default_acl) attributes.acl = *std::move(acl);
        } else if (!passable(acl.error())) {
            return std::move(acl).error().with_context("reading the ACL");
        } else if (acl.error().kind == ErrorKind::access_denied) {
            parts_.facts.acl_refused(acl.error());
        }
    }
    // Known services tell a count where there are tags that the caller may read.
    const bool no_tags =
        info.tag_count ? *info.tag_count == 0 : parts_.traits.copy_conditions_known;
    if (!parts_.traits.tagging || no_tags) return {};
    auto tags = parts_.store.get_tags(key, kUpdateCall);
    if (tags) {
        if (!tags->empty()) attributes.tags = *std::move(tags);
    } else if (!passable(tags.error())) {
        return std::move(tags).error().with_context("reading the tags");
    }
    return {};
}

// What waits in the journal goes along: no copy afterwards.
void ObjectMoves::carry_journaled(const ObjectKey& key, const ObjectInfo* base, UploadPlan& plan) {
    auto journaled = std::make_shared<JournaledSend>();
    journaled->changes = parts_.behind.pending(key);
    if (journaled->changes.empty()) return;
    if (base != nullptr)
        journaled->results =
            apply_pending(parts_.model, key, *base, journaled->changes, plan.attributes);
    else
        journaled->results.assign(journaled->changes.size(), conflicting(std::string(kGone)));
    parts_.behind.mark_tried(key);
    plan.journaled = std::move(journaled);
}

// Done with is what was really sent. An append takes no metadata along, and an upload that was
// begun earlier only what was known then: the rest goes on waiting, for the object as it is now.
void ObjectMoves::settle_journaled(const ObjectKey& key, const UploadPlan& plan,
                                   const PutReply& reply, uint64_t size) {
    ObjectInfo now;
    now.attributes = plan.attributes;
    now.etag = reply.etag;
    now.size = size;
    ObjectInfo before;
    before.attributes = plan.base_attributes;
    JournaledSend sent;
    for (size_t i = 0; i < plan.journaled->changes.size(); ++i) {
        const PendingChange& change = plan.journaled->changes[i];
        const PendingResult& result = plan.journaled->results[i];
        const MaybeValue there = value_found(parts_.model, key, now, change.name);
        // Or the upload had something newer to say, as of a time that it records.
        const bool arrived =
            there == change.value || there != value_found(parts_.model, key, before, change.name);
        if (result.state == PendingResult::State::done && !arrived) continue;
        sent.changes.push_back(change);
        sent.results.push_back(result);
    }
    parts_.behind.settle(key, sent);
    parts_.behind.follow_content(key, now);
}

Result<UploadPlan> ObjectMoves::plan_upload(const ObjectKey& key, const Patch& staged) {
    UploadPlan plan;
    auto head = parts_.store.head(key, kUpdateCall);
    if (head) {
        if (head->info.missing_metadata > 0)
            return hidden_entries(key, head->info.missing_metadata);
        plan.exists = true;
        plan.base_etag = head->info.etag;
        plan.base_last_modified = head->info.last_modified;
        plan.base_attributes = head->info.attributes;
        plan.attributes = head->info.attributes;
        TRY(complete_set(key, head->info, plan.attributes));
    } else if (head.error().kind != ErrorKind::not_found) {
        return std::move(head).error();
    }
    if (!plan.attributes[HttpField::content_type])
        plan.attributes[HttpField::content_type] = std::string(content_type_of(key.str()));
    carry_journaled(key, head ? &head->info : nullptr, plan);
    for (AttrChange change : staged.changes) {
        change.flag = SetFlag::any;  // judged when it was staged
        if (change.name.kind == AttrKind::tag && !plan.attributes.tags)
            plan.attributes.tags.emplace();
        auto applied = parts_.model.apply(key, change, plan.attributes);
        const bool nothing_to_remove =
            !applied && !change.value && applied.error().kind == ErrorKind::no_such_attribute;
        if (!applied && !nothing_to_remove)
            return std::move(applied).error().with_context(printable(change.name.full));
    }
    plan.pending = parts_.pending.get(key);
    PosixRecord posix = plan.pending;
    posix.merge(staged.posix);
    parts_.model.apply_posix(posix, plan.attributes);
    if (plan.attributes.tags && plan.attributes.tags->empty()) plan.attributes.tags.reset();
    return plan;
}

Result<void> ObjectMoves::recheck_upload(const ObjectKey& key, UploadPlan& plan) {
    auto head = parts_.store.head(key, kUpdateCall);
    if (!head) {
        if (head.error().kind == ErrorKind::not_found) return {};
        return std::move(head).error();
    }
    if (!plan.exists || head->info.etag != plan.base_etag)
        return fail(ErrorKind::stale,
                    fmt::format("'{}' was replaced by another client during the upload",
                                printable(key.str())));
    if (head->info.attributes != plan.base_attributes)
        plan.late_attributes = std::move(head->info.attributes);
    return {};
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

Result<ObjectStat> ObjectMoves::finish_upload(const ObjectKey& key, const UploadPlan& plan,
                                              const PutReply& reply, uint64_t size) {
    parts_.pending.recorded(key, plan.pending);
    if (plan.journaled) settle_journaled(key, plan, reply, size);
    parts_.own.drop(key);
    parts_.cache.forget(key);
    const TimePoint begun = parts_.clock.now();
    auto head = parts_.store.head(key, kUpdateCall);
    if (!head) {
        // It is there as the service acknowledged; only its exact time is not known.
        log_warning("meta", "key={} uploaded, and not to be looked at: {}", printable(key.str()),
                    head.error().describe());
        ObjectInfo info;
        info.attributes = plan.attributes;
        info.etag = reply.etag;
        info.size = size;
        info.last_modified = WallTime::from_seconds(reply.date.seconds());
        info.version_id = reply.version_id;
        return parts_.stat_of(key, info, parts_.clock.now());
    }
    const ObjectInfo& info = head->info;
    const bool ours = reply.etag.empty() ? info.size == size : info.etag == reply.etag;
    if (!ours) {
        log_info("meta", "key={} was replaced by another client right after the upload",
                 printable(key.str()));
        return parts_.adopt(key, info, ChangedBy::anybody);
    }
    TRY(check_stored(key, plan, info));
    const ObjectStat stat = parts_.adopt(key, info, ChangedBy::this_mount);
    if (!reply.etag.empty())
        parts_.own.set(key, UpdateBase{.info = info, .read_at = begun, .run_began = begun});
    if (!plan.late_attributes) return stat;
    Patch late =
        patch_between(parts_, plan.base_attributes, *plan.late_attributes, plan.attributes);
    if (late.empty()) return stat;
    if (auto changed = updater_.change_held(key, std::move(late)); !changed)
        return std::move(changed).error().with_context(
            "uploaded, but what another client changed meanwhile could not be applied again");
    const auto known = parts_.cache.find(key);
    if (known && known->info) return parts_.stat_of(key, *known->info, known->expires);
    return stat;
}

Result<void> ObjectMoves::remove(const ObjectKey& key) {
    Result<void> removed;
    for (int i = 0; i < kRemoveAttemptsMax; ++i) {
        removed = parts_.store.remove(key, {}, kUpdateCall);
        if (removed || !removed.error().outcome_unknown) break;
        const auto head = parts_.store.head(key, kUpdateCall);
        if (!head && head.error().kind == ErrorKind::not_found) {
            removed = Result<void>{};
            break;
        }
    }
    parts_.own.drop(key);
    if (!removed) {
        parts_.cache.forget(key);
        return removed;
    }
    parts_.pending.drop(key);
    parts_.behind.drop(key);
    parts_.cache.adopt_absent(key);
    return {};
}

}  // namespace xbucket
