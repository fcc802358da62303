// SPDX-FileCopyrightText: the xbucket authors
// Scripted misbehaviour, for tests of clients. A rule is
//
//     KIND[@KEY]:WHICH:ACTION
//
// and rules stand apart by ',' or line breaks. The first rule that fits a request decides.
//   KIND    head get put copy list delete multi-delete initiate part part-copy complete abort
//           tagging acl restore symlink append bucket any
//   @KEY    only requests for this key (percent-encoded where it holds '@', ':' or ',');
//           "@dir/*" for all keys that start with "dir/"
//   WHICH   N: the Nth request that fits KIND and KEY, counted from 1 since the rule was set
//           N-M: these; N+: from the Nth on; *: all; %N: every Nth
//   ACTION  503:SlowDown      this status with this Code, not applied (any status; Code may be
//                             left out); 503:SlowDown:7 adds Retry-After: 7
//           drop              connection closed, nothing applied, no reply
//           apply-drop        applied, then the connection is closed without a reply
//           reset             RST, nothing applied
//           apply-reset       applied, then RST
//           stall             never answered (until the server stops), nothing applied
//           apply-stall       applied, never answered
//           delay:MS          answered MS milliseconds later
//           truncate-body     applied; half of the reply's body, then the connection is closed
//           corrupt-body      applied; one bit of the reply's body is wrong
//           200-with-error    status 200 with an <Error> body, not applied
//           wrong-etag        applied; the reply's ETag is another
//           ignore-conditions the request's conditions are taken for true
//           lose-tags         a copy drops the tags
//           force-download    the reply has what OSS adds under its own domains, for browsers
// e.g. "copy:2:apply-drop" is the 2nd copy: apply, then drop the connection.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::local {

enum class RequestKind {
    head,
    get,
    put,
    copy,
    list,
    del,
    multi_delete,
    initiate,
    part,
    part_copy,
    complete,
    abort,
    tagging,
    acl,
    restore,
    symlink,
    append,
    bucket,
    any,  // in rules; admin requests are never matched
};
std::string_view to_string(RequestKind kind);

enum class FaultAction {
    none,
    status,
    drop,
    apply_drop,
    reset,
    apply_reset,
    stall,
    apply_stall,
    delay,
    truncate_body,
    corrupt_body,
    ok_with_error,
    wrong_etag,
    ignore_conditions,
    lose_tags,
    force_download,
};

struct Fault {
    FaultAction action = FaultAction::none;
    int status = 0;
    std::string code;
    int retry_after = 0;
    int delay_ms = 0;
    // Whether the request is carried out at all.
    bool applies() const;
};

// Thread-safe.
class Faults {
  public:
    Faults(double error_rate, uint64_t seed) : random_(seed), error_rate_(error_rate) {}
    // Replaces all rules. Errors: invalid_argument, naming the rule.
    Result<void> set(std::string_view rules) EXCLUDES(mutex_);
    // Counts the request in every rule that it fits; what shall happen to it.
    Fault next(RequestKind kind, std::string_view key) EXCLUDES(mutex_);

  private:
    struct Rule {
        RequestKind kind = RequestKind::any;
        std::string key;
        bool key_is_prefix = false;
        uint64_t first = 1;
        uint64_t last = UINT64_MAX;
        uint64_t every = 1;
        Fault fault;
        uint64_t seen = 0;
    };
    static Result<Rule> parse_rule(std::string_view text);
    static Result<void> parse_which(std::string_view text, Rule& rule);
    static Result<Fault> parse_action(std::string_view text);

    Mutex mutex_;
    std::vector<Rule> rules_ GUARDED_BY(mutex_);
    std::mt19937_64 random_ GUARDED_BY(mutex_);
    const double error_rate_;
};

}  // namespace xbucket::local
