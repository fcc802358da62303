// SPDX-FileCopyrightText: the xbucket authors
// The mounts of this machine as their users can see them: the kernel's table, and what each mount
// says in user.xbucket.stats.
#pragma once

#include "../mountpoint.h"

#include "xbucket/base/result.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace xbucket::app {

// Who looks into what a mount says includes json_text.h: that takes long to compile.
using Json = nlohmann::ordered_json;

// Every xbucket mount, in the order of mounting.
std::vector<MountEntry> xbucket_mounts();
// The mount in which `path` lies. Errors: not_found (in none).
Result<MountEntry> mount_of(const std::string& path);
// The mounts that paths name; all of them where none is named. Errors: as mount_of().
Result<std::vector<MountEntry>> chosen_mounts(const std::vector<std::string>& paths);

// Whether its daemon answers; a dead one gives ENOTCONN.
bool is_alive(const MountEntry& mount);
// user.xbucket.stats, parsed. Errors: io (dead, or the text is no JSON), timed_out (it hangs).
Result<Json> stats_of(const MountEntry& mount);
// user.xbucket.failures, parsed: an array of the changes of attributes that could not be sent, with
// "key", "name", "value" (null: removed), "reason" and "time" (seconds), the newest first; its last
// element is {"more": N} where the attribute could not hold all. Errors: as stats_of().
Result<Json> failures_of(const MountEntry& mount);
// A member that is text; "" where there is none.
std::string text_member(const Json& json, const char* name);
// A number below `path` of members ("updates.run"); 0 where it is not there.
uint64_t number_at(const Json& stats, std::string_view path);

}  // namespace xbucket::app
