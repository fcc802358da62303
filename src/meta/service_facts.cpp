// SPDX-FileCopyrightText: the xbucket authors
#include "service_facts.h"

#include "name_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

// What every service of servers.md stores without harm.
constexpr size_t kSafeEntries = 32;
constexpr size_t kSafeNameBytes = 48;
constexpr size_t kSafeValueBytes = 256;
constexpr size_t kSafeBytes = 1500;

constexpr int kUnsentLogged = 20;

bool is_our_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

void raise(std::atomic<size_t>& maximum, size_t value) {
    size_t seen = maximum.load();
    while (seen < value && !maximum.compare_exchange_weak(seen, value)) {
    }
}

std::string_view to_string(CopyConditions conditions) {
    switch (conditions) {
        case CopyConditions::unknown:
            return "unknown";
        case CopyConditions::honoured:
            return "honoured";
        case CopyConditions::ignored:
            return "ignored";
    }
    return "unknown";
}

std::string_view to_string(TagFate fate) {
    switch (fate) {
        case TagFate::unknown:
            return "unknown";
        case TagFate::kept:
            return "kept";
        case TagFate::lost:
            return "lost";
        case TagFate::sent:
            return "kept when sent";
        case TagFate::rewritten:
            return "lost even when sent";
    }
    return "unknown";
}

}  // namespace

AttributeShape AttributeShape::of(const ObjectAttributes& attributes) {
    AttributeShape shape;
    shape.entries = attributes.user.size();
    for (const auto& [name, value] : attributes.user) {
        shape.name_bytes_max = std::max(shape.name_bytes_max, name.size());
        shape.value_bytes_max = std::max(shape.value_bytes_max, value.size());
        shape.bytes += name.size() + value.size();
        if (!std::all_of(name.begin(), name.end(), is_our_character)) shape.odd_names = true;
    }
    return shape;
}

bool has_no_acls(const Error& error) {
    constexpr int kNotImplemented = 501;
    return error.kind == ErrorKind::unsupported && error.http_status == kNotImplemented;
}

Error acl_would_be_lost(const Error& error) {
    return fail(ErrorKind::access_denied,
                fmt::format("the object's ACL cannot be read, so a change would lose it "
                            "(-o preserve=strict): {}",
                            error.describe()));
}

ServiceFacts::ServiceFacts(const StoreTraits& traits)
    : known_service_(traits.copy_conditions_known),
      conditions_(traits.copy_conditions_known ? CopyConditions::honoured
                                               : CopyConditions::unknown),
      tag_fate_(traits.copy_conditions_known ? TagFate::kept : TagFate::unknown),
      destination_if_match_(traits.destination_conditions),
      both_time_conditions_(traits.both_time_conditions),
      acl_kept_(traits.copy_conditions_known),
      locks_kept_(traits.locks_kept),
      entries_max_(kSafeEntries),
      name_bytes_max_(kSafeNameBytes),
      value_bytes_max_(kSafeValueBytes),
      bytes_max_(kSafeBytes) {}

void ServiceFacts::learn_conditions(CopyConditions conditions) {
    if (conditions_.exchange(conditions) == conditions) return;
    if (conditions == CopyConditions::ignored)
        log_warning("meta",
                    "the service ignores copy conditions: metadata edits of two clients within one "
                    "round trip can overwrite each other");
    else
        log_info("meta", "copy_conditions={}", to_string(conditions));
}

void ServiceFacts::learn_compares_finer() {
    if (!compares_finer_.exchange(true))
        log_info(
            "meta",
            "the service compares Last-Modified finer than it tells; guarding one second later");
}

void ServiceFacts::learn_tag_fate(TagFate fate) {
    const TagFate before = tag_fate_.load();
    // Only ever towards more care: one reply that looks well proves nothing about the next.
    if (fate <= before) return;
    tag_fate_.store(fate);
    log_info("meta", "tags_under_replace={}", to_string(fate));
}

void ServiceFacts::learn_no_destination_if_match() {
    if (destination_if_match_.exchange(false))
        log_info("meta", "the service takes no If-Match on a copy's destination; doing without");
}

void ServiceFacts::learn_no_both_time_conditions() {
    if (both_time_conditions_.exchange(false))
        log_info("meta", "the service takes only one time condition on a copy; doing with one");
}

void ServiceFacts::acl_refused(const ObjectKey& key, const Error& error) {
    // Without a status the reply was read, and was not the kind that could be sent.
    if (error.kind == ErrorKind::unsupported && error.http_status == 0) {
        const int before = acls_unsent_.fetch_add(1);
        if (before < kUnsentLogged)
            log_warning("meta",
                        "key={} its ACL goes back to the default: it cannot be sent along with a "
                        "change ({}). Mount with -o preserve=strict to refuse such changes{}",
                        printable(key.str()), error.describe(),
                        before + 1 == kUnsentLogged ? "; of further objects it is not logged" : "");
        return;
    }
    if (error.kind == ErrorKind::access_denied) acl_refusals_.fetch_add(1);
    if (!acl_logged_.exchange(true))
        log_warning("meta",
                    "object ACLs cannot be read ({}): a metadata change resets an object's ACL to "
                    "the default. Grant the permission to read ACLs, or mount with "
                    "-o preserve=strict to refuse such changes",
                    error.describe());
}

void ServiceFacts::tags_refused(const Error& error) {
    tags_.store(TagAccess::hidden);
    if (!tags_logged_.exchange(true))
        log_warning("meta",
                    "object tags cannot be read ({}): what replaces an object, as an upload, a "
                    "rename or a copy in parts, loses its tags. Grant the permission to read tags, "
                    "or mount with -o preserve=strict to refuse such changes",
                    error.describe());
}

void ServiceFacts::lock_refused(const Error& error) {
    lock_refusals_.fetch_add(1);
    if (!lock_logged_.exchange(true))
        log_warning(
            "meta",
            "whether objects are under retention or legal hold cannot be read ({}): the version "
            "that a change makes goes without. Grant the permissions to read them, or mount with "
            "-o preserve=strict to refuse such changes",
            error.describe());
}

bool ServiceFacts::is_untried(const AttributeShape& shape) const {
    return shape.entries > entries_max_.load() || shape.name_bytes_max > name_bytes_max_.load() ||
           shape.value_bytes_max > value_bytes_max_.load() || shape.bytes > bytes_max_.load() ||
           (shape.odd_names && !known_service_ && !odd_names_.load());
}

bool ServiceFacts::wants_verification(VerifyPolicy policy, const AttributeShape& shape) const {
    if (policy != VerifyPolicy::first) return policy == VerifyPolicy::always;
    return verified_updates_.load() < kFirstUpdates || is_untried(shape);
}

void ServiceFacts::verified(const AttributeShape& shape) {
    verified_updates_.fetch_add(1);
    counters.verified.fetch_add(1);
    raise(entries_max_, shape.entries);
    raise(name_bytes_max_, shape.name_bytes_max);
    raise(value_bytes_max_, shape.value_bytes_max);
    raise(bytes_max_, shape.bytes);
    if (shape.odd_names) odd_names_.store(true);
}

std::string ServiceFacts::json() const {
    return fmt::format(
        R"("service":{{"copy_conditions":"{}","compares_finer":{},"tags_under_replace":"{}",)"
        R"("destination_if_match":{},"acls_hidden":{}}},)"
        R"("updates":{{"run":{},"merged":{},"unchanged":{},"copies":{},"conflicts":{},)"
        R"("settling":{},"unknown_outcomes":{},"content_replaced":{},"version_merges":{},)"
        R"("verified":{},"put_back":{},"posix_sent":{}}},)"
        R"("cache_hits":{},"cache_misses":{},"prefetched":{})",
        to_string(conditions()), compares_finer(), to_string(tag_fate()), destination_if_match(),
        acls_hidden(), counters.updates.load(), counters.merged.load(), counters.unchanged.load(),
        counters.copies.load(), counters.conflicts.load(), counters.settling.load(),
        counters.unknown.load(), counters.replaced.load(), counters.version_merges.load(),
        counters.verified.load(), counters.put_back.load(), counters.posix_sent.load(),
        counters.cache_hits.load(), counters.cache_misses.load(), counters.prefetched.load());
}

}  // namespace xbucket
