// SPDX-FileCopyrightText: the xbucket authors
// `xbucket mounts`: the kernel's table, with what each daemon says of itself.
#include "arguments.h"
#include "json_text.h"
#include "mount_view.h"
#include "progress.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

struct Row {
    MountEntry mount;
    bool alive = false;
    std::string trouble;  // why it tells nothing
    Json stats;
};

std::string text_of(const Row& row) {
    std::string state = row.trouble;
    if (!row.alive) state = "dead: its daemon is gone";
    if (row.alive && row.trouble.empty()) {
        state = fmt::format(
            "pid {}, up {}", number_at(row.stats, "pid"),
            short_duration(std::chrono::seconds(number_at(row.stats, "uptime_seconds"))));
    }
    return fmt::format("{} on {} ({}; {})\n", printable(row.mount.source),
                       printable(row.mount.mountpoint), row.mount.options, state);
}

Json json_of(const Row& row) {
    Json out;
    out["source"] = json_of_bytes(row.mount.source);
    out["mountpoint"] = json_of_bytes(row.mount.mountpoint);
    out["options"] = row.mount.options;
    out["alive"] = row.alive;
    if (!row.trouble.empty()) out["trouble"] = row.trouble;
    if (row.alive && row.trouble.empty()) {
        out["pid"] = number_at(row.stats, "pid");
        out["uptime_seconds"] = number_at(row.stats, "uptime_seconds");
    }
    return out;
}

}  // namespace

ExitCode mounts_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("mounts", Arguments::Takes::none);
    bool json = false;
    arguments.parser().flag("--json", json);
    if (const auto code = arguments.parse(words)) return *code;
    if (!arguments.words().empty()) return arguments.usage("takes no path");
    for (const MountEntry& mount : xbucket_mounts()) {
        Row row{mount, is_alive(mount), "", Json::object()};
        // Another user's mount does not let one in; it is there all the same.
        if (auto stats = stats_of(mount)) {
            row.stats = *std::move(stats);
        } else {
            row.trouble = stats.error().message;
        }
        print_out(json ? json_line(json_of(row)) : text_of(row));
    }
    return ExitCode::ok;
}

}  // namespace xbucket::app
