// SPDX-FileCopyrightText: the xbucket authors
// Tags and ACLs: they have requests of their own, do not move Last-Modified and take no condition
// (protocol.md 3.5, 4.5). Read just before, write, read just after.
#include "content_types.h"
#include "updater.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

constexpr int kAttemptsMax = 4;

// An implicit directory gets its marker first; tags need an object.
Result<void> make_marker(MetaParts& parts, const ObjectKey& key) {
    PutRequest request;
    request.key = key;
    request.attributes[HttpField::content_type] = std::string(kDirectoryType);
    request.must_not_exist = true;
    auto reply = parts.store.put(request, kUpdateCall);
    parts.cache.forget(key);
    if (reply || reply.error().kind == ErrorKind::already_exists ||
        reply.error().kind == ErrorKind::precondition_failed)
        return {};
    return std::move(reply).error();
}

// One reading of the tags with all changes applied; what does not fit fails alone.
struct TagAttempt {
    Tags before;
    Tags wanted;
    std::vector<Result<void>> results;
};

TagAttempt apply_tags(const MetaParts& parts, const ObjectKey& key, const Tags& before,
                      const std::vector<const AttrChange*>& changes, bool judge_flags) {
    TagAttempt attempt;
    attempt.before = before;
    ObjectAttributes attributes;
    attributes.tags = before;
    for (const AttrChange* change : changes) {
        AttrChange applied = *change;
        if (!judge_flags) applied.flag = SetFlag::any;
        auto result = parts.model.apply(key, applied, attributes);
        const bool gone_already = !judge_flags && !change->value && !result &&
                                  result.error().kind == ErrorKind::no_such_attribute;
        attempt.results.push_back(gone_already ? Result<void>{} : std::move(result));
    }
    attempt.wanted = *attributes.tags;
    return attempt;
}

// An implicit directory has no tags; its marker is made where one is to be set, and not before.
Result<TagAttempt> read_and_apply(MetaParts& parts, const ObjectKey& key,
                                  const std::vector<const AttrChange*>& changes, bool judge_flags) {
    auto before = parts.store.get_tags(key, kUpdateCall);
    if (!before && before.error().kind == ErrorKind::not_found && key.str().ends_with('/')) {
        TagAttempt attempt = apply_tags(parts, key, {}, changes, judge_flags);
        if (attempt.wanted.empty()) return attempt;
        TRY(make_marker(parts, key));
        before = parts.store.get_tags(key, kUpdateCall);
    }
    return apply_tags(parts, key, TRY(std::move(before)), changes, judge_flags);
}

// Whether what each successful change asked for is there.
bool is_there(const Tags& found, const std::vector<const AttrChange*>& changes,
              const std::vector<Result<void>>& results) {
    // The last change of a name is the one that stands.
    std::map<std::string, const std::optional<std::string>*> last;
    for (size_t i = 0; i < changes.size(); ++i)
        if (results[i]) last[changes[i]->name.bare] = &changes[i]->value;
    for (const auto& [name, value] : last) {
        const auto tag = found.find(name);
        if (*value ? tag == found.end() || tag->second != **value : tag != found.end())
            return false;
    }
    return true;
}

}  // namespace

std::vector<Result<void>> update_tags(MetaParts& parts, const ObjectKey& key,
                                      const std::vector<const AttrChange*>& changes) {
    bool unknown = false;  // what was written may yet be applied
    const auto fail_all = [&](Error error) {
        if (unknown) error.outcome_unknown = true;
        return std::vector<Result<void>>(changes.size(), Result<void>(error));
    };
    std::vector<Result<void>> first_results;
    for (int i = 0; i < kAttemptsMax; ++i) {
        const uint64_t epoch = parts.cache.epoch(key);
        auto read = read_and_apply(parts, key, changes, i == 0);
        if (!read) return fail_all(std::move(read).error());
        TagAttempt& attempt = *read;
        if (i == 0) {
            first_results = attempt.results;
        } else {
            // Flags were judged once; what failed then stays failed.
            for (size_t n = 0; n < changes.size(); ++n)
                if (!first_results[n]) attempt.results[n] = first_results[n];
        }
        if (attempt.wanted == attempt.before) {
            parts.cache.learn_tags(key, attempt.before, epoch);
            return attempt.results;
        }
        parts.own.read_again(key);
        parts.cache.forget_tags_and_acl(key);
        auto written = parts.store.put_tags(key, attempt.wanted, kUpdateCall);
        // What was read meanwhile may be older; and the count that HEAD tells has changed.
        parts.cache.forget(key);
        if (!written && !written.error().outcome_unknown) return fail_all(written.error());
        if (!written) parts.own.drop(key);
        unknown = true;
        auto after = parts.store.get_tags(key, kUpdateCall);
        if (!after) {
            if (written) return attempt.results;  // acknowledged; it cannot be looked at now
            return fail_all(written.error());
        }
        if (is_there(*after, changes, attempt.results)) return attempt.results;
    }
    return fail_all(
        fail(ErrorKind::conflict,
             fmt::format("the tags of '{}' keep being changed by others, or the service "
                         "does not store them; try again",
                         printable(key.str()))));
}

Result<void> update_acl(MetaParts& parts, const ObjectKey& key, const AttrChange& change) {
    if (!change.value)
        return fail(ErrorKind::not_permitted, "an object always has an ACL; set another");
    if (change.flag == SetFlag::create_only)
        return fail(ErrorKind::already_exists, change.name.full + " is always set");
    const std::string& wanted = *change.value;
    const bool is_word = !wanted.empty() && std::all_of(wanted.begin(), wanted.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || c == '-';
    });
    if (!is_word)
        return fail(ErrorKind::invalid_argument,
                    "an ACL is a canned name: private, public-read, public-read-write, ...");
    const auto now = parts.store.get_acl(key, kUpdateCall);
    if (now && *now == wanted) return {};
    if (!now && now.error().kind == ErrorKind::not_found) {
        if (!key.str().ends_with('/')) return now.error();
        TRY(make_marker(parts, key));
    }
    parts.own.read_again(key);
    parts.cache.forget_tags_and_acl(key);
    bool unknown = false;
    Error error;
    for (int i = 0; i < kAttemptsMax; ++i) {
        auto written = parts.store.put_acl(key, wanted, kUpdateCall);
        parts.cache.forget_tags_and_acl(key);  // what was read meanwhile may be older
        if (written) return {};
        error = std::move(written).error();
        unknown = unknown || error.outcome_unknown;
        if (!error.outcome_unknown) break;
        parts.own.drop(key);
        const auto after = parts.store.get_acl(key, kUpdateCall);
        if (after && *after == wanted) return {};
    }
    error.outcome_unknown = unknown;
    return error;
}

}  // namespace xbucket
