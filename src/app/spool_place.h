// SPDX-FileCopyrightText: the xbucket authors
// Where a mount keeps on this machine what is not in the bucket yet: content being written, and
// content whose upload failed for good. The latter must outlast the mount and the next boot, and is
// as private as the files are: so by default it is a directory of this user's own, one for each
// source, and never one that others can write to.
#pragma once

#include "config.h"

#include "xbucket/base/environment.h"
#include "xbucket/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

// What to do about one that cannot be used.
constexpr std::string_view kSpoolAdvice = "give a directory of your own with --spool";

// Where this user's spool directories lie by default, and what else must outlast a process. Pure.
// Errors: io (no home to be found).
Result<std::string> state_directory(const Environment& environment, bool root);

// What `config` mounts, as a file's name: distinct for each source, and the same however its place
// is spelt. `config` is Bucket::config(). Looks at the folder of a local: source only.
std::string source_name(const Config& config);

// --spool as it was given; else the directory of this source below $XDG_STATE_HOME/xbucket, which
// is /var/lib/xbucket for root and ~/.local/state/xbucket for others where that variable is unset.
// The same source has the same directory in every run. As source_name(). Errors: io (no home to be
// found).
Result<std::string> spool_path(const Config& config, const Environment& environment, bool root);

// Makes that directory (mode 0700; the default's parents too) and checks it: it must belong to
// this user, and others must not be able to write to it. Returns its path. Errors: io,
// access_denied, each with what to do.
Result<std::string> prepare_spool(const Config& config, const Environment& environment);

// What prepare_spool() would say of that directory, and whether anything can be written to it,
// without making anything: the directory itself, or where it will be made. Errors: access_denied,
// without kSpoolAdvice.
Result<std::string> examine_spool(const Config& config, const std::string& path);

// Where the journals of this source lie in the spool directory `spool`: a directory that --spool
// names may be that of many sources, and nobody may send what is meant for another's objects.
struct JournalPlace {
    std::string directory;           // of this source alone
    std::vector<std::string> older;  // of it as well, by the name that earlier versions gave it
};
JournalPlace journal_place(const Config& config, const std::string& spool);

// How many files earlier mounts left in its recovery folder.
size_t count_kept_files(const std::string& spool_directory);

}  // namespace xbucket::app
