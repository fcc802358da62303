// SPDX-FileCopyrightText: the xbucket authors
// What this mount has learned of its service (DESIGN 3.4: services differ from their
// documentation), and counters for user.xbucket.stats. Thread-safe, lock-free.
#pragma once

#include "xbucket/meta/meta_engine.h"

#include <atomic>
#include <cstdint>
#include <string>

namespace xbucket {

// What makes a set of attributes risky for a service: servers.md has one that drops everything
// beyond 90 entries, one that fails for names over 100 bytes, one for values over 256.
struct AttributeShape {
    size_t entries = 0;
    size_t name_bytes_max = 0;
    size_t value_bytes_max = 0;
    size_t bytes = 0;
    bool odd_names = false;  // characters that we do not use ourselves

    static AttributeShape of(const ObjectAttributes& attributes);
};

enum class CopyConditions { unknown, honoured, ignored };
// What a REPLACE copy does to tags: keeps them; loses them unless they are sent along (`lost` until
// that was seen to help, then `sent`); or loses even those, so that they are written again after
// every copy (Ceph radosgw 16).
enum class TagFate { unknown, kept, lost, sent, rewritten };

// Of a failure to read an ACL: the service has none, so that there is none to lose.
bool has_no_acls(const Error& error);
Error acl_would_be_lost(const Error& error);  // what -o preserve=strict says

class ServiceFacts {
  public:
    explicit ServiceFacts(const StoreTraits& traits);

    CopyConditions conditions() const { return conditions_.load(); }
    void learn_conditions(CopyConditions conditions);
    // Of two copies with the same guard one fails, however close they are. Of a service that is not
    // known this cannot be found out: Ceph's gateway looks first and writes then.
    bool guards_exclude_each_other() const { return known_service_; }
    // The service compares Last-Modified finer than it tells.
    bool compares_finer() const { return compares_finer_.load(); }
    void learn_compares_finer();
    TagFate tag_fate() const { return tag_fate_.load(); }
    void learn_tag_fate(TagFate fate);
    bool destination_if_match() const { return destination_if_match_.load(); }
    void learn_no_destination_if_match();
    bool both_time_conditions() const { return both_time_conditions_.load(); }
    void learn_no_both_time_conditions();
    // Whether a canned ACL sent with a copy is known to be kept.
    bool acl_kept() const { return acl_kept_.load(); }
    void learn_acl_kept() { acl_kept_.store(true); }

    // Reading ACLs is refused throughout: asking before every update would only cost requests.
    bool acls_hidden() const { return acl_refusals_.load() >= kAclRefusalsMax; }
    // The lack of permission is logged once per mount, and says something of other objects. An ACL
    // that cannot be sent along is this one's: of those the first ones are logged by key.
    void acl_refused(const ObjectKey& key, const Error& error);
    void acl_read() { acl_refusals_.store(INT32_MIN / 2); }

    // Whether the caller may read tags. Known services tell their count to those only, and say
    // nothing where there are none: the first object without a count is asked for its tags.
    enum class TagAccess { unknown, readable, hidden };
    TagAccess tag_access() const { return tags_.load(); }
    void tags_read() { tags_.store(TagAccess::readable); }
    void tags_refused(const Error& error);  // logged once per mount

    // As acls_hidden(), of locks that HEAD does not tell.
    bool locks_hidden() const { return lock_refusals_.load() >= kAclRefusalsMax; }
    void lock_refused(const Error& error);  // logged once per mount
    // Whether a lock that goes along with a copy or an upload is known to be kept.
    bool locks_kept() const { return locks_kept_.load(); }
    void learn_locks_kept() { locks_kept_.store(true); }

    // Whether the last update made a copy of what had stood still, so that the next one will need
    // what a copy needs: it then asks for all of it at the same time, at the risk of a request for
    // nothing.
    bool expects_copies() const { return expects_copies_.load(); }
    bool expects_tags() const { return expects_tags_.load(); }
    void expect_copies(bool that_need_tags) {
        expects_copies_.store(true);
        expects_tags_.store(that_need_tags);
    }
    void expect_no_copy() { expects_copies_.store(false); }

    // Whether a failure may come of a limit that the service does not name. Those that are known
    // have none such: theirs is a failure and passes.
    bool may_have_unnamed_limits() const { return !known_service_; }
    // Larger or odder than anything that a read-back has confirmed.
    bool is_untried(const AttributeShape& shape) const;
    // Whether an update of this shape is to be read back.
    bool wants_verification(VerifyPolicy policy, const AttributeShape& shape) const;
    void verified(const AttributeShape& shape);

    struct Counters {
        std::atomic<uint64_t> updates{0};    // guarded updates that ran
        std::atomic<uint64_t> merged{0};     // patches that shared another's update
        std::atomic<uint64_t> unchanged{0};  // needed no copy
        std::atomic<uint64_t> copies{0};
        std::atomic<uint64_t> conflicts{0};  // 412 and relatives
        std::atomic<uint64_t> settling{0};   // waits for a base to settle
        std::atomic<uint64_t> unknown{0};    // outcomes resolved by HEAD
        std::atomic<uint64_t> replaced{0};   // content was replaced under an update
        std::atomic<uint64_t> version_merges{0};
        std::atomic<uint64_t> verified{0};
        std::atomic<uint64_t> put_back{0};
        std::atomic<uint64_t> posix_sent{0};
        std::atomic<uint64_t> cache_hits{0};
        std::atomic<uint64_t> cache_misses{0};
        std::atomic<uint64_t> prefetched{0};  // HEADs sent ahead of a reader
    };
    Counters counters;
    // {"conditions":"honoured",...} for user.xbucket.stats.
    std::string json() const;

  private:
    static constexpr int kAclRefusalsMax = 3;
    static constexpr uint64_t kFirstUpdates = 3;

    const bool known_service_;
    std::atomic<CopyConditions> conditions_;
    std::atomic<TagFate> tag_fate_;
    std::atomic<bool> compares_finer_{false};
    std::atomic<bool> destination_if_match_;
    std::atomic<bool> both_time_conditions_;
    std::atomic<bool> acl_kept_;
    std::atomic<bool> expects_copies_{false};
    std::atomic<bool> expects_tags_{false};
    std::atomic<int> acl_refusals_{0};
    std::atomic<bool> acl_logged_{false};
    std::atomic<int> acls_unsent_{0};
    std::atomic<TagAccess> tags_{TagAccess::unknown};
    std::atomic<bool> tags_logged_{false};
    std::atomic<int> lock_refusals_{0};
    std::atomic<bool> lock_logged_{false};
    std::atomic<bool> locks_kept_;
    std::atomic<uint64_t> verified_updates_{0};
    // The largest that a read-back has confirmed.
    std::atomic<size_t> entries_max_;
    std::atomic<size_t> name_bytes_max_;
    std::atomic<size_t> value_bytes_max_;
    std::atomic<size_t> bytes_max_;
    std::atomic<bool> odd_names_{false};
};

}  // namespace xbucket
