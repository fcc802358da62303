// SPDX-FileCopyrightText: the xbucket authors
// A change of one attribute that the journal has acknowledged and the service has not (DESIGN
// 3.11), and how it is judged against the object when it is sent: three-way. The new value is
// there: done. A value that it may replace is there: apply. Anything else, or other content, means
// that somebody else was at work: a conflict, which is reported and never sent. Pure.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/meta/attributes.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

using MaybeValue = std::optional<std::string>;  // nullopt: not set

// Why a change waits that the service has answered.
struct PendingRefusal {
    Error error;
    TimePoint since;  // of the first such answer
    unsigned times = 1;
};

struct PendingChange {
    AttrName name;  // as canonical_name() spells it
    MaybeValue value;
    // What it may replace: what was there when it was acknowledged, and what an attempt of ours
    // may have put there since. Never empty.
    std::vector<MaybeValue> replaces;
    // The object's content when it was acknowledged.
    ETag etag;
    uint64_t size = 0;
    WallTime time;  // of the acknowledgement
    // The same by the service's clock, where it is known for sure: not of what a mount that died
    // has left.
    std::optional<WallTime> acknowledged;
    // Values of the same name that go on top in the same update: found there, this one is done.
    std::vector<MaybeValue> followed_by;
    // A rename has put it into the new object, for which the journal has it too, and the old one is
    // about to be deleted: gone, it is done with.
    bool moved = false;
    // An attempt to send it was made, so that its value may be in the object.
    bool tried = false;
    std::optional<PendingRefusal> refused;       // for want of rights, or of room
    std::optional<PendingRefusal> failed_alone;  // maybe for a limit that the service does not name
};

// Whether changes of this kind may wait in the journal: what a copy carries, and a reader can be
// shown meanwhile. All else is sent at once.
bool can_wait(AttrKind kind);
// One spelling for all names of the same thing (user.meta.x and user.x, user.mime_type).
AttrName canonical_name(const AttrName& name);
// The value that `change` leaves. Removing a content type means the default for the key.
MaybeValue value_left_by(const ObjectKey& key, const AttrChange& change);
MaybeValue value_found(const AttributeModel& model, const ObjectKey& key, const ObjectInfo& info,
                       const AttrName& name);

enum class Verdict { done, apply, conflict };
bool same_content(const PendingChange& change, const ObjectInfo& info);
// Whether the object was surely as `info` says when the change was acknowledged, so that nobody
// came in between, whatever was known of it then.
bool was_there(const PendingChange& change, const ObjectInfo& info);
Verdict judge_pending(const PendingChange& change, const MaybeValue& found, const ObjectInfo& info);

// What became of a pending change. `error` says why it is not in the object.
struct PendingResult {
    enum class State { done, conflict, failed };
    State state = State::done;
    std::optional<Error> error;
    // Failed: perhaps for a limit that the service does not name, by this change or another one;
    // and by no other, as it came alone.
    bool limit_guessed = false;
    bool alone = false;
    bool gone = false;  // conflict: there is no object any more
};
PendingResult conflicting(std::string reason);
PendingResult object_gone();

// Applies to `attributes` what is to be applied on `base`; one result for each change, `done` where
// it is there already or is now.
std::vector<PendingResult> apply_pending(const AttributeModel& model, const ObjectKey& key,
                                         const ObjectInfo& base,
                                         const std::vector<PendingChange>& changes,
                                         ObjectAttributes& attributes);

// May go better later: the change stays in the journal.
bool is_passing(const Error& error);
// What the service says until somebody does something about it: so does the change then.
bool needs_a_person(const Error& error);

}  // namespace xbucket
