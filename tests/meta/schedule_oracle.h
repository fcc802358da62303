// SPDX-FileCopyrightText: the xbucket authors
// What the object may look like after a schedule (DESIGN 3 with its residues, README "What is
// promised"). Of each field, a value may be there that
//   - some operation was to leave there, or that was there at first,
//   - which did not report that nothing was changed,
//   - unless an operation that began after that one had ended was acknowledged for the same field.
// The residues: an acknowledged change does not count where, between a reading and the change
// that another client based on it, it was made in a part that no condition guards: by an upload,
// a rename's delete, tags, ACLs, and copies where the service ignores or only glances at
// conditions. A request without a condition that arrives when its sender has given up on it
// destroys what happened since its operation began. Where no If-Match guards content, an upload
// within two seconds by another client looks like nothing at all, to a guard by Last-Modified.
// Everything else must be as it was.
#pragma once

#include "schedule_world.h"

namespace xbucket::testing {

// What is there, field by field; empty where there is no object.
std::map<Field, std::string> fields_of(const World& world, const ObjectKey& key);

// What is wrong, or "". `first` is what was there before the schedule.
std::string judge_schedule(const World& world, const ObjectKey& key,
                           const std::map<Field, std::string>& first);

}  // namespace xbucket::testing
