// SPDX-FileCopyrightText: the xbucket authors
// The table of commands and what each says of itself.
#include "command.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {
namespace {

constexpr std::string_view kStatHelp =
    R"(xbucket stat PATH...: everything that the service says of an object.

Usage: xbucket stat PATH... [options]

PATH is a file or directory in a mount, or a URL: oss://BUCKET/KEY, s3://BUCKET/KEY,
local:DIR#BUCKET/KEY.

  --json                   one JSON object a line
  --jobs=N                 objects at a time (default: 64 in a mount, 256 by URL)
  -h, --help               this text
A URL takes the options of a mount that say how to reach its service and with which key
(--endpoint, --region, --profile, ...: xbucket --help).
)";

constexpr std::string_view kSetHelp =
    R"(xbucket set NAME=VALUE... PATH...: sets attributes of many objects, many at a time.

Usage: xbucket set NAME=VALUE... PATH... [options]

NAME is an attribute with or without "user." in front: year, http.cache-control, tag.project,
object.storage-class. PATH is a file or directory in a mount, or a URL. Everything else that an
object has stays as it is.

  -r, --recursive          all objects below directories, not the directories themselves
  --include=GLOB           only objects whose name fits (with a '/': whose path fits); can be repeated
  -n, --dry-run            only show what would change
  --resume                 go on where an interrupted run of the same command ended, and try again
                           what failed
  --log-file=FILE          where that is remembered, new or of this command (default: in the
                           state directory, until all is done)
  --jobs=N                 objects at a time (default: 384)
  -q, --quiet              no progress bar and no summary
  -h, --help               this text
A URL takes the options of a mount that say how to reach its service and with which key
(--endpoint, --region, --profile, ...: xbucket --help).

Examples:
  xbucket set year=2021 people='eliot, evan' ~/b/a.jpg
  xbucket set -r --include='*.jpg' http.cache-control=max-age=86400 ~/b/photos
  xbucket set -r tag.project=demo oss://photos/2024 --region=cn-hangzhou
)";

constexpr std::string_view kUnsetHelp =
    R"(xbucket unset NAME... PATH...: removes attributes of many objects, many at a time.

Usage: xbucket unset NAME... PATH... [options]

The first word is a NAME, and so is each that follows it and begins with "user.", "http.", "tag." or
"meta."; the rest are paths or URLs. What is not there counts as removed.

  -r, --recursive          all objects below directories, not the directories themselves
  --include=GLOB           only objects whose name fits (with a '/': whose path fits); can be repeated
  -n, --dry-run            only show what would change
  --resume                 go on where an interrupted run of the same command ended, and try again
                           what failed
  --log-file=FILE          where that is remembered, new or of this command (default: in the
                           state directory, until all is done)
  --jobs=N                 objects at a time (default: 384)
  -q, --quiet              no progress bar and no summary
  -h, --help               this text
A URL takes the options of a mount that say how to reach its service and with which key
(--endpoint, --region, --profile, ...: xbucket --help).
)";

constexpr std::string_view kFindHelp =
    R"(xbucket find PATH [EXPR]: objects by their attributes.

Usage: xbucket find PATH [EXPR] [options]

EXPR is made of tests with and, or, not and parentheses. A test is NAME OP VALUE, or NAME alone: the
attribute is there.
  NAME   path, name, size, mtime, type (f, d, l), or an attribute with or without "user." in front
  OP     = != < <= > >=    numbers, else times, else bytes
         ~ !~              regular expression (POSIX extended), anywhere in the value
         like              shell pattern over the whole value
  VALUE  a word, or '...' or "..."; a size may have a unit (10M), a time is 2026-11-25,
         2026-11-25T08:00:00Z or -7d
An attribute that is not there makes every test of it false.

  -0, --print0             a NUL behind each name instead of a line end
  --count                  only how many there are
  --jobs=N                 objects at a time (default: 64 in a mount, 256 by URL)
  -h, --help               this text
A URL takes the options of a mount that say how to reach its service and with which key
(--endpoint, --region, --profile, ...: xbucket --help).

Examples:
  xbucket find ~/b 'user.year>=2020 and http.content-type~image/*'
  xbucket find oss://photos/2024 'size>10M and not tag.archived' --region=cn-hangzhou
  xbucket find ~/b 'name like "*.jpg" and mtime>-7d' -0 | xargs -0 ls -l
)";

constexpr std::string_view kDumpHelp =
    R"(xbucket dump PATH...: attributes as text, as getfattr -d writes them.

Usage: xbucket dump PATH... [options]

A path in a mount is written as it is given; an object of a URL by its key, so that the text can be
restored into any bucket or mount.

  -r, --recursive          everything below directories
  --all                    user.object.* too; those cannot be restored
  --absolute-names         keep the '/' in front of paths
  --jobs=N                 objects at a time (default: 64 in a mount, 256 by URL)
  -h, --help               this text
A URL takes the options of a mount that say how to reach its service and with which key
(--endpoint, --region, --profile, ...: xbucket --help).
)";

constexpr std::string_view kRestoreHelp =
    R"(xbucket restore FILE [ROOT]: sets attributes as a dump (or getfattr -d) says.

Usage: xbucket restore FILE [ROOT] [options]

FILE is "-" for standard input. Paths in it are below ROOT, a directory or a URL (default: here).
Attributes that the dump does not name stay.

  -n, --dry-run            only show what would change
  --resume                 go on where an interrupted run of the same command ended, and try again
                           what failed
  --log-file=FILE          where that is remembered, new or of this command (default: in the
                           state directory, until all is done)
  --jobs=N                 objects at a time (default: 384)
  -q, --quiet              no progress bar and no summary
  -h, --help               this text
A URL takes the options of a mount that say how to reach its service and with which key
(--endpoint, --region, --profile, ...: xbucket --help).
)";

constexpr std::string_view kMountsHelp =
    R"(xbucket mounts: the mounts of this machine.

Usage: xbucket mounts [options]

  --json                   one JSON object a line
  -h, --help               this text
)";

constexpr std::string_view kStatsHelp =
    R"(xbucket stats [PATH...]: what mounts have done so far.

Usage: xbucket stats [PATH...] [options]

PATH is anything inside a mount (default: every mount).

  --watch                  again and again, with what changed since the last time
  --interval=SECONDS       how often (default: 2)
  --json                   one JSON object a line
  -h, --help               this text
)";

constexpr std::string_view kStatusHelp =
    R"(xbucket status [PATH...]: what waits to be sent, and what could not be.

Usage: xbucket status [PATH...] [options]

PATH is anything inside a mount (default: every mount). Exits with 4 where something needs a person:
a dead mount, content whose upload failed, a conflict.

  --spool=DIR              look into the recovery folder of this spool directory too
  --json                   one JSON object a line
  -h, --help               this text
)";

constexpr std::string_view kSyncHelp =
    R"(xbucket sync PATH...: returns when what was written is in the bucket.

Usage: xbucket sync PATH... [options]

PATH is a file, or a directory: then everything below it. It is an fsync, also of files that are open
and written still; unlike sync -f, which Linux does not pass on to a mount of this kind.

  -h, --help               this text
)";

constexpr std::string_view kRefreshHelp =
    R"(xbucket refresh PATH...: forgets what is cached, so that changes made elsewhere are seen.

Usage: xbucket refresh PATH... [options]

PATH is a file, or a directory: then everything below it, and names that were not there. It does what
setting user.xbucket.refresh does, and works on a read-only mount as well.

  -h, --help               this text
)";

constexpr std::string_view kUnmountHelp =
    R"(xbucket unmount MOUNTPOINT...: sends what is pending, unmounts, waits for the daemon's end.

Usage: xbucket unmount MOUNTPOINT... [options]

  --all                    every mount of this machine
  --force                  unmount even if something could not be sent, or the mount is dead
  --timeout=TIME           how long to wait for the daemon (default: 5m)
  -h, --help               this text
)";

constexpr std::string_view kDoctorHelp =
    R"(xbucket doctor SOURCE: finds out what would go wrong with a mount, and says what to do.

Usage: xbucket doctor SOURCE [MOUNTPOINT] [options of a mount]

It looks at this machine (FUSE, spool directory, mount point), endpoint, region, clock, credentials,
and tries each permission: list, head, get, put, copy, parts, ACL, tags, delete. For that it writes
one small object, .xbucket-doctor-ID, and deletes it.

  --read-only              write nothing: check only what reading needs
  --json                   one JSON object a line
  -h, --help               this text
It takes all options of a mount (xbucket --help): put "doctor" in front of the mount's command line.
)";

constexpr std::string_view kCredentialsHelp =
    R"(xbucket credentials SOURCE: which access key a mount of it would use, whose, and until when.

Usage: xbucket credentials SOURCE [options]

SOURCE is what would be mounted, or oss:// or s3:// alone. The places that are looked at stand in the
order of xbucket-credentials(5). Secrets and tokens are never shown.

  --json                   one JSON object
  -h, --help               this text
It takes the options of a mount that say how to reach its service and with which key
(--credentials, --profile, ...: xbucket --help).
)";

}  // namespace

const std::vector<Command>& tool_commands() {
    static const std::vector<Command> table = {
        {"stat", "everything the service says of objects", kStatHelp, stat_command},
        {"set", "set attributes of many objects", kSetHelp, set_command},
        {"unset", "remove attributes of many objects", kUnsetHelp, unset_command},
        {"find", "objects by their attributes", kFindHelp, find_command},
        {"dump", "attributes as text, as getfattr -d writes them", kDumpHelp, dump_command},
        {"restore", "set attributes as a dump says", kRestoreHelp, restore_command},
        {"mounts", "the mounts of this machine", kMountsHelp, mounts_command},
        {"stats", "what mounts have done so far", kStatsHelp, stats_command},
        {"status", "what waits to be sent, and what could not be", kStatusHelp, status_command},
        {"sync", "wait until what was written is in the bucket", kSyncHelp, sync_command},
        {"refresh", "see at once what was changed elsewhere", kRefreshHelp, refresh_command},
        {"unmount", "send what is pending, unmount, wait for the daemon", kUnmountHelp,
         unmount_command},
        {"credentials", "which access key is used, whose, and until when", kCredentialsHelp,
         credentials_command},
        {"doctor", "find out what would go wrong with a mount", kDoctorHelp, doctor_command},
    };
    return table;
}

const Command* find_tool_command(std::string_view name) {
    const auto& table = tool_commands();
    const auto found = std::find_if(table.begin(), table.end(), [name](const Command& command) {
        return command.name == name;
    });
    return found == table.end() ? nullptr : &*found;
}

std::string tool_overview() {
    std::string out;
    for (const Command& command : tool_commands()) {
        out += fmt::format("  xbucket {:<11} {}\n", command.name, command.summary);
    }
    return out;
}

}  // namespace xbucket::app
