// SPDX-FileCopyrightText: the xbucket authors
// `xbucket stats`: user.xbucket.stats, readable; with --watch what changed since the last look.
#include "arguments.h"
#include "interrupt.h"
#include "json_text.h"
#include "mount_view.h"
#include "progress.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <map>
#include <unistd.h>

namespace xbucket::app {
namespace {

// Members by dotted name, in the order of the text.
using Flat = std::vector<std::pair<std::string, std::string>>;

void flatten(const Json& json, const std::string& prefix, Flat& out) {
    for (const auto& [name, value] : json.items()) {
        const std::string full = prefix.empty() ? name : prefix + "." + name;
        if (value.is_object()) {
            flatten(value, full, out);
        } else {
            out.emplace_back(full, value.is_string() ? value.get<std::string>() : value.dump());
        }
    }
}

// "+12" behind a number that grew, "-3" behind one that shrank.
std::string change_of(const std::string& before, const std::string& now) {
    const auto a = parse_i64(before);
    const auto b = parse_i64(now);
    if (!a || !b || *a == *b) return "";
    return fmt::format("{:+}", *b - *a);
}

std::string text_of(const MountEntry& mount, const Flat& now,
                    const std::map<std::string, std::string>& before) {
    std::string out =
        fmt::format("{} on {}\n", printable(mount.source), printable(mount.mountpoint));
    for (const auto& [name, value] : now) {
        const auto old = before.find(name);
        const std::string change = old == before.end() ? "" : change_of(old->second, value);
        out += fmt::format("  {:<32} {}{}{}\n", name, printable(value), change.empty() ? "" : "  ",
                           change);
    }
    return out;
}

struct StatsOptions {
    bool watch = false;
    bool json = false;
    unsigned interval = 2;
};

class StatsView {
  public:
    StatsView(const Arguments& arguments, const StatsOptions& options)
        : arguments_(arguments), options_(options) {}

    ExitCode show() {
        const auto mounts = chosen_mounts(arguments_.words());
        if (!mounts) return arguments_.complain(ExitCode::system, mounts.error().message);
        ExitCode worst = ExitCode::ok;
        for (const MountEntry& mount : *mounts) {
            const auto stats = stats_of(mount);
            if (!stats) {
                worst = arguments_.complain(ExitCode::some_failed, stats.error().message);
                continue;
            }
            if (options_.json) {
                print_out(json_line(*stats));
                continue;
            }
            Flat flat;
            flatten(*stats, "", flat);
            auto& before = before_[mount.mountpoint];
            print_out(text_of(mount, flat, before));
            before = {flat.begin(), flat.end()};
        }
        (void)flush_out();
        return worst;
    }

  private:
    const Arguments& arguments_;
    const StatsOptions options_;
    std::map<std::string, std::map<std::string, std::string>> before_;
};

}  // namespace

ExitCode stats_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("stats", Arguments::Takes::none);
    StatsOptions options;
    arguments.parser().flag("--watch", options.watch);
    arguments.parser().flag("--json", options.json);
    arguments.parser().option_between("--interval", 1, 86400, options.interval);
    if (const auto code = arguments.parse(words)) return *code;
    watch_interrupts();
    StatsView view(arguments, options);
    ExitCode code = view.show();
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    SystemClock clock;
    while (options.watch && !interrupted()) {
        for (unsigned tenth = 0; tenth < options.interval * 10 && !interrupted(); ++tenth) {
            clock.sleep_for(std::chrono::milliseconds(100));
        }
        if (interrupted()) break;
        if (terminal && !options.json) print_out("\033[H\033[J");
        code = view.show();
    }
    return code;
}

}  // namespace xbucket::app
