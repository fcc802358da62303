// SPDX-FileCopyrightText: the xbucket authors
#include "pending_change.h"

#include "attr_grammar.h"
#include "content_types.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

// Two clocks of the service, and the resolution of Last-Modified.
constexpr Duration kSurely = std::chrono::seconds(2);

bool contains(const std::vector<MaybeValue>& values, const MaybeValue& value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

PendingResult failing(Error error) {
    return PendingResult{PendingResult::State::failed, std::move(error)};
}

// Why nothing can be sent, in words for whoever set the attribute.
std::string reason_of(bool same_content) {
    return same_content ? "another client changed this attribute meanwhile; its value stands"
                        : "another client replaced the object's content meanwhile";
}

}  // namespace

bool can_wait(AttrKind kind) {
    return kind == AttrKind::user_metadata || kind == AttrKind::http_field;
}

AttrName canonical_name(const AttrName& name) {
    AttrName canonical = name;
    if (name.kind == AttrKind::http_field) {
        canonical.bare = std::string(to_string(name.field));
        canonical.full = fmt::format("user.http.{}", canonical.bare);
    } else if (name.kind == AttrKind::user_metadata) {
        canonical.full =
            fmt::format("user.{}{}", is_reserved_word(name.bare) ? "meta." : "", name.bare);
    }
    return canonical;
}

MaybeValue value_left_by(const ObjectKey& key, const AttrChange& change) {
    const bool is_type =
        change.name.kind == AttrKind::http_field && change.name.field == HttpField::content_type;
    if (!change.value && is_type) return std::string(content_type_of(key.str()));
    return change.value;
}

MaybeValue value_found(const AttributeModel& model, const ObjectKey& key, const ObjectInfo& info,
                       const AttrName& name) {
    auto value = model.get(key, info, name);
    if (!value) return std::nullopt;
    return *std::move(value);
}

bool same_content(const PendingChange& change, const ObjectInfo& info) {
    const bool same_etag = change.etag.empty() || info.etag.empty() || change.etag == info.etag;
    return same_etag && change.size == info.size;
}

bool was_there(const PendingChange& change, const ObjectInfo& info) {
    if (!change.acknowledged || info.last_modified == WallTime{}) return false;
    if (info.last_modified + kSurely > *change.acknowledged) return false;
    // A link's time is its target's. An object made in parts is dated by their start (DESIGN 3.8),
    // and an older version may have come to light since.
    const bool may_be_later =
        info.etag.str().find('-') != std::string::npos || !info.version_id.empty();
    return info.type != ObjectType::symlink && (!may_be_later || same_content(change, info));
}

Verdict judge_pending(const PendingChange& change, const MaybeValue& found,
                      const ObjectInfo& info) {
    if (found == change.value || contains(change.followed_by, found)) return Verdict::done;
    if (was_there(change, info)) return Verdict::apply;
    if (same_content(change, info) && contains(change.replaces, found)) return Verdict::apply;
    return Verdict::conflict;
}

PendingResult conflicting(std::string reason) {
    return PendingResult{PendingResult::State::conflict,
                         Error(ErrorKind::conflict, std::move(reason))};
}

PendingResult object_gone() {
    PendingResult result = conflicting("the object does not exist any more");
    result.gone = true;
    return result;
}

std::vector<PendingResult> apply_pending(const AttributeModel& model, const ObjectKey& key,
                                         const ObjectInfo& base,
                                         const std::vector<PendingChange>& changes,
                                         ObjectAttributes& attributes) {
    std::vector<PendingResult> results;
    results.reserve(changes.size());
    for (const PendingChange& change : changes) {
        const Verdict verdict =
            judge_pending(change, value_found(model, key, base, change.name), base);
        if (verdict == Verdict::conflict) {
            results.push_back(conflicting(reason_of(same_content(change, base))));
            continue;
        }
        results.emplace_back();
        if (verdict == Verdict::done) continue;
        auto applied = model.apply(key, {change.name, change.value, SetFlag::any}, attributes);
        // Gone already is what a removal wants.
        const bool gone =
            !applied && !change.value && applied.error().kind == ErrorKind::no_such_attribute;
        if (!applied && !gone) results.back() = failing(std::move(applied).error());
    }
    return results;
}

bool needs_a_person(const Error& error) {
    return error.kind == ErrorKind::access_denied || error.kind == ErrorKind::no_space;
}

bool is_passing(const Error& error) {
    if (error.outcome_unknown) return true;
    switch (error.kind) {
        case ErrorKind::timed_out:
        case ErrorKind::network:
        case ErrorKind::tls:
        case ErrorKind::throttled:
        case ErrorKind::server_error:
        case ErrorKind::bad_reply:
        case ErrorKind::conflict:
        case ErrorKind::expired_credentials:
        case ErrorKind::bad_credentials:
        case ErrorKind::clock_skew:
        case ErrorKind::wrong_endpoint:
        case ErrorKind::no_such_bucket:
        case ErrorKind::busy:
        case ErrorKind::cancelled:
        case ErrorKind::io:
            return true;
        case ErrorKind::not_found:
        case ErrorKind::no_such_attribute:
        case ErrorKind::already_exists:
        case ErrorKind::access_denied:
        case ErrorKind::precondition_failed:
        case ErrorKind::not_modified:
        case ErrorKind::invalid_argument:
        case ErrorKind::invalid_name:
        case ErrorKind::name_too_long:
        case ErrorKind::value_too_large:
        case ErrorKind::no_attribute_space:
        case ErrorKind::file_too_large:
        case ErrorKind::no_space:
        case ErrorKind::read_only:
        case ErrorKind::not_permitted:
        case ErrorKind::unsupported:
        case ErrorKind::archived:
        case ErrorKind::bad_range:
        case ErrorKind::is_directory:
        case ErrorKind::not_directory:
        case ErrorKind::directory_not_empty:
        case ErrorKind::stale:
        case ErrorKind::symlink_loop:
        case ErrorKind::checksum_mismatch:
        case ErrorKind::internal:
            break;
    }
    return false;
}

}  // namespace xbucket
