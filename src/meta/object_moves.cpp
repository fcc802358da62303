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

// `ours`, with what others made of `base` meanwhile where we left it as it was.
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

// As patch_between(), of mode and owner.
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
    // Known services tell a count where there are tags that the caller may read.
    const bool no_tags =
        info.tag_count ? *info.tag_count == 0 : parts_.traits.copy_conditions_known;
    if (!parts_.traits.tagging || no_tags) return {};
    auto tags = parts_.store.get_tags(key, kUpdateCall);
    if (tags) {
        if (!tags->empty()) attributes.tags = *std::move(tags);
        return {};
    }
    const ErrorKind kind = tags.error().kind;
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
    parts_.facts.acl_refused(error);
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

Result<UploadPlan> ObjectMoves::plan_upload(const ObjectKey& key, const Patch& staged) {
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

// On top of what is there now: somebody may have come after the upload.
Result<void> ObjectMoves::apply_late_sides(const ObjectKey& key, const UploadPlan& plan) {
    const auto or_default = [&](const std::string& acl) {
        return acl.empty() ? parts_.traits.default_acl : acl;
    };
    if (plan.late_acl) {
        const std::string now = TRY(parts_.store.get_acl(key, kUpdateCall));
        if (now == or_default(plan.attributes.acl))
            TRY(parts_.store.put_acl(key, or_default(*plan.late_acl), kUpdateCall));
    }
    if (plan.late_tags) {
        const Tags now = TRY(parts_.store.get_tags(key, kUpdateCall));
        const Tags merged = merge_tags(plan.base_tags, *plan.late_tags, now);
        if (merged != now) TRY(parts_.store.put_tags(key, merged, kUpdateCall));
    }
    return {};
}

// Of the content that was given attributes so, as ObjectStat::edited.
Result<ETag> ObjectMoves::apply_late(const ObjectKey& key, const UploadPlan& plan) {
    const auto not_applied = [](Error error) {
        return std::move(error).with_context(
            "uploaded, but what another client changed meanwhile could not be applied again");
    };
    if (auto sides = apply_late_sides(key, plan); !sides)
        return not_applied(std::move(sides).error());
    if (!plan.late_attributes) return ETag();
    Patch late =
        patch_between(parts_, plan.base_attributes, *plan.late_attributes, plan.attributes);
    late.posix = plan.late_posix;
    if (late.empty()) return ETag();
    auto edited = updater_.change_held(key, std::move(late));
    if (!edited) return not_applied(std::move(edited).error());
    return edited;
}

// Some services take tags and ACLs along with some requests only (servers.md: Ceph's gateway drops
// tags that come with a copy or the start of a multipart upload).
Result<void> ObjectMoves::put_sides_back(const ObjectKey& key, const ObjectAttributes& sent,
                                         const ObjectInfo& found) {
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
    parts_.behind.note_accepted(key, plan.planned);
    parts_.pending.recorded(key, plan.pending);
    ObjectInfo uploaded;
    uploaded.attributes = plan.attributes;
    uploaded.etag = reply.etag;
    uploaded.size = size;
    parts_.pending.follow(key, ETag(), uploaded);
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
        TRY(put_sides_back(key, plan.attributes, info));
        TRY(apply_late(key, plan));
        return parts_.stat_of(key, info, parts_.clock.now());
    }
    const ObjectInfo& info = head->info;
    const bool ours = reply.etag.empty() ? info.size == size : info.etag == reply.etag;
    if (!ours)
        log_info("meta", "key={} was replaced by another client right after the upload",
                 printable(key.str()));
    ObjectStat stat = parts_.adopt(key, info, ETag());
    if (ours) {
        TRY(put_sides_back(key, plan.attributes, info));
        TRY(check_stored(key, plan, info));
        if (!reply.etag.empty())
            parts_.own.set(key, UpdateBase{.info = info, .read_at = begun, .run_began = begun});
    }
    const ETag edited = TRY(apply_late(key, plan));
    const auto known = parts_.cache.find(key);
    if (known && known->info) stat = parts_.stat_of(key, *known->info, known->expires);
    stat.edited = edited;
    return stat;
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
    parts_.cache.adopt_absent(key);
    return {};
}

}  // namespace xbucket
