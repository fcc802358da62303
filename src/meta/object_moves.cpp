// SPDX-FileCopyrightText: the xbucket authors
// Uploads before their content is sent, and deletes. Uploads afterwards: upload_finish.cpp. Rename:
// object_rename.cpp.
#include "object_moves.h"

#include "content_types.h"
#include "object_lock.h"
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

Tags merge_tags(const Tags& base, const Tags& late, Tags ours) {
    const auto merge = [&](const std::string& key) {
        const std::string* before = find_value(base, key);
        const std::string* after = find_value(late, key);
        if (same_value(before, after) || !same_value(before, find_value(ours, key))) return;
        if (after == nullptr)
            ours.erase(key);
        else
            ours.insert_or_assign(key, *after);
    };
    for (const auto& [key, value] : base) merge(key);
    for (const auto& [key, value] : late) merge(key);
    return ours;
}

PosixRecord posix_between(const ObjectAttributes& base, const ObjectAttributes& late,
                          const ObjectAttributes& ours) {
    const PosixRecord before = read_posix_record(base);
    const PosixRecord after = read_posix_record(late);
    const PosixRecord mine = read_posix_record(ours);
    PosixRecord changed;
    if (after.mode != before.mode && mine.mode == before.mode) changed.mode = after.mode;
    if (after.uid != before.uid && mine.uid == before.uid) changed.uid = after.uid;
    if (after.gid != before.gid && mine.gid == before.gid) changed.gid = after.gid;
    return changed;
}

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
        const auto decoded = [](const std::string* value) {
            return value == nullptr ? std::nullopt : std::optional(decode_header_value(*value));
        };
        AttrChange change =
            make_change(AttrKind::user_metadata, "user.meta." + shown, shown, decoded(after));
        change.instead_of = decoded(before);
        patch.changes.push_back(std::move(change));
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
        change.instead_of = ours[field];
        patch.changes.push_back(std::move(change));
    }
    return patch;
}

// What HEAD does not tell and a PUT or a copy to another key would drop: ACL and tags.
Result<void> ObjectMoves::complete_set(const ObjectKey& key, const ObjectInfo& info,
                                       ObjectAttributes& attributes) {
    const bool strict = parts_.config.preserve == PreservePolicy::strict;
    if (!parts_.traits.default_acl.empty() && (strict || !parts_.facts.acls_hidden()))
        TRY(complete_acl(key, attributes));
    TRY(complete_lock(key, info, attributes));
    return complete_tags(key, info, attributes);
}

// Known services tell a count where there are tags that the caller may read. Whether he may, the
// first object without a count must tell.
Result<void> ObjectMoves::complete_tags(const ObjectKey& key, const ObjectInfo& info,
                                        ObjectAttributes& attributes) {
    if (!parts_.traits.tagging || info.tag_count == 0U) return {};
    const bool strict = parts_.config.preserve == PreservePolicy::strict;
    using enum ServiceFacts::TagAccess;
    const auto access = parts_.facts.tag_access();
    const bool pointless = access == readable || (access == hidden && !strict);
    if (!info.tag_count && parts_.traits.copy_conditions_known && pointless) return {};
    auto tags = parts_.store.get_tags(key, kUpdateCall);
    if (tags) {
        // Tags without a count: this service tells none, and says nothing of the next object.
        if (tags->empty() || info.tag_count) parts_.facts.tags_read();
        if (!tags->empty()) attributes.tags = *std::move(tags);
        return {};
    }
    const ErrorKind kind = tags.error().kind;
    if (kind == ErrorKind::access_denied && !strict) parts_.facts.tags_refused(tags.error());
    const bool passable = kind == ErrorKind::unsupported || kind == ErrorKind::not_found ||
                          (kind == ErrorKind::access_denied && !strict);
    if (!passable) return std::move(tags).error().with_context("reading the tags");
    return {};
}

Result<void> ObjectMoves::complete_acl(const ObjectKey& key, ObjectAttributes& attributes) {
    auto acl = parts_.store.get_acl(key, kUpdateCall);
    if (acl) {
        parts_.facts.acl_read();
        if (*acl != parts_.traits.default_acl) attributes.acl = *std::move(acl);
        return {};
    }
    const Error& error = acl.error();
    if (error.kind == ErrorKind::not_found || has_no_acls(error)) return {};
    if (error.kind != ErrorKind::access_denied && error.kind != ErrorKind::unsupported)
        return std::move(acl).error().with_context("reading the ACL");
    if (parts_.config.preserve == PreservePolicy::strict) return acl_would_be_lost(error);
    parts_.facts.acl_refused(key, error);
    return {};
}

Result<void> ObjectMoves::complete_lock(const ObjectKey& key, const ObjectInfo& info,
                                        ObjectAttributes& attributes) {
    const bool strict = parts_.config.preserve == PreservePolicy::strict;
    if (!strict && parts_.facts.locks_hidden()) return {};
    auto lock = parts_.store.get_lock(key, info, kUpdateCall);
    if (lock) {
        attributes.lock = *std::move(lock);
        return {};
    }
    const ErrorKind kind = lock.error().kind;
    if (kind == ErrorKind::not_found) return {};
    if (kind != ErrorKind::access_denied)
        return std::move(lock).error().with_context("reading the object's lock");
    if (strict) return lock_would_be_lost(lock.error());
    parts_.facts.lock_refused(lock.error());
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
        journaled->results.assign(journaled->changes.size(), object_gone());
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

void ObjectMoves::carry_posix(const ObjectKey& key, const ObjectInfo* base, const Patch& staged,
                              UploadPlan& plan) {
    const PendingRecord pending = parts_.pending.get(key);
    plan.pending = pending.record;
    PosixRecord left = lost_between(plan.base_attributes, plan.attributes);
    const auto ask = [&](const AttrName& name) {
        if (name.kind == AttrKind::user_metadata) clear_member(left, name.bare);
    };
    for (const AttrChange& change : staged.changes) ask(change.name);
    if (plan.journaled)
        for (const PendingChange& change : plan.journaled->changes) ask(change.name);
    PosixRecord posix = base != nullptr ? meant_for(pending, *base, base->etag) : pending.record;
    if (posix != pending.record) parts_.log_outlived(key);
    posix.merge(staged.posix);
    if (!parts_.model.apply_posix(posix, plan.attributes)) left.merge(posix);
    left = not_recorded_in(plan.attributes, left);
    // Times are those of content that is being replaced, or is not there yet.
    PosixRecord times = left;
    times.mode = times.uid = times.gid = std::nullopt;
    left.mtime = left.atime = left.ctime = std::nullopt;
    parts_.log_no_room(key, times);
    for_each_member([&](auto member) {
        if (left.*member) (plan.pending.*member).reset();
    });
    parts_.keep_without_room(key, left, std::nullopt);
}

Result<UploadPlan> ObjectMoves::plan_upload(const ObjectKey& key, const Patch& staged,
                                            Journaled journaled) {
    UploadPlan plan;
    plan.planned = parts_.clock.now();
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
        plan.base_acl = plan.attributes.acl;
        plan.base_tags = plan.attributes.tags.value_or(Tags{});
    } else if (head.error().kind != ErrorKind::not_found) {
        return std::move(head).error();
    }
    if (!plan.attributes[HttpField::content_type])
        plan.attributes[HttpField::content_type] = std::string(content_type_of(key.str()));
    if (head) carry_rest(key, head->info, plan);
    if (journaled == Journaled::goes_along)
        carry_journaled(key, head ? &head->info : nullptr, plan);
    else
        plan.journal_waits = true;
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
    carry_posix(key, head ? &head->info : nullptr, staged, plan);
    if (plan.attributes.tags && plan.attributes.tags->empty()) plan.attributes.tags.reset();
    return plan;
}

Result<void> ObjectMoves::recheck_upload(const ObjectKey& key, UploadPlan& plan) {
    auto head = parts_.store.head(key, kUpdateCall);
    if (!head) {
        if (head.error().kind == ErrorKind::not_found) return {};
        return std::move(head).error();
    }
    // Noted in any case: content that starts from nobody's replaces theirs, and not what they set.
    const ObjectAttributes& late = head->info.attributes;
    if (late != plan.base_attributes) plan.late_attributes = late;
    plan.late_posix = posix_between(plan.base_attributes, late, plan.attributes);
    TRY(note_late_sides(key, head->info, plan));
    if (!plan.exists || head->info.etag != plan.base_etag)
        return fail(ErrorKind::stale,
                    fmt::format("'{}' was replaced by another client during the upload",
                                printable(key.str())));
    return {};
}

// ACL and tags have moved without a trace in HEAD, perhaps, while the parts were on their way.
Result<void> ObjectMoves::note_late_sides(const ObjectKey& key, const ObjectInfo& info,
                                          UploadPlan& plan) {
    ObjectAttributes late;
    TRY(complete_set(key, info, late));
    if (late.acl != plan.base_acl) plan.late_acl = late.acl;
    const Tags late_tags = late.tags.value_or(Tags{});
    if (late_tags != plan.base_tags) plan.late_tags = late_tags;
    return {};
}

Result<void> ObjectMoves::remove(const ObjectKey& key) {
    Result<void> removed;
    bool unknown = false;
    for (int i = 0; i < kRemoveAttemptsMax; ++i) {
        removed = parts_.store.remove(key, {}, kUpdateCall);
        if (removed || !removed.error().outcome_unknown) break;
        unknown = true;
        const auto head = parts_.store.head(key, kUpdateCall);
        if (!head && head.error().kind == ErrorKind::not_found) {
            removed = Result<void>{};
            break;
        }
    }
    parts_.own.drop(key);
    if (!removed) {
        parts_.cache.forget(key);
        Error error = std::move(removed).error();
        error.outcome_unknown = error.outcome_unknown || unknown;
        return error;
    }
    parts_.pending.drop(key);
    parts_.behind.drop(key);
    parts_.rests.drop(key);
    parts_.cache.adopt_absent(key);
    return {};
}

}  // namespace xbucket
