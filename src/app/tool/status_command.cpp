// SPDX-FileCopyrightText: the xbucket authors
// `xbucket status`: what waits to be sent, and what needs a person.
#include "../spool_place.h"
#include "arguments.h"
#include "json_text.h"
#include "mount_view.h"
#include "progress.h"

#include "xbucket/base/encoding.h"
#include "xbucket/meta/left_journals.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <unistd.h>

namespace xbucket::app {
namespace {

// Content whose upload failed for good, from the note beside it.
struct Kept {
    std::string path;
    std::string source;  // "" = an earlier version did not note it
    std::string key;
    uint64_t bytes = 0;
    std::string time;
    std::string error;
};

Kept read_note(const std::filesystem::path& note) {
    std::ostringstream text;
    text << std::ifstream(note).rdbuf();
    const Json json = Json::parse(text.str(), nullptr, false);
    Kept kept;
    kept.path = note.string().substr(0, note.string().size() - std::string_view(".json").size());
    if (json.is_object()) {
        const std::string key = text_member(json, "key");
        kept.key = percent_decode(key).value_or(key);
        kept.source = text_member(json, "source");
        kept.bytes = number_at(json, "bytes");
        kept.time = text_member(json, "time");
        kept.error = text_member(json, "error");
        if (const std::string damage = text_member(json, "damage"); !damage.empty()) {
            kept.error += "; not all of it is there: " + damage;
        }
    }
    return kept;
}

// The machine went down, or the disk filled up, between the two.
Kept without_note(const std::filesystem::path& path) {
    std::error_code unknown;
    Kept kept;
    kept.path = path.string();
    kept.bytes = std::filesystem::file_size(path, unknown);
    if (unknown) kept.bytes = 0;
    kept.error = "its note could not be written: nobody knows what it was";
    return kept;
}

// What lies in a spool directory's recovery folder. Errors: access_denied.
Result<std::vector<Kept>> kept_in(const std::string& spool) {
    namespace stdfs = std::filesystem;
    std::vector<Kept> all;
    std::error_code error;
    std::error_code ignored;
    const std::string folder = spool + "/recovery";
    for (stdfs::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
        if (it->path().extension() == ".json") {
            all.push_back(read_note(it->path()));
        } else if (!stdfs::exists(it->path().string() + ".json", ignored)) {
            all.push_back(without_note(it->path()));
        }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return fail(ErrorKind::access_denied,
                    fmt::format("{} cannot be read: {}", folder, error.message()));
    }
    std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.path < b.path; });
    return all;
}

// Counters that say how much is on its way, as far as this mount has them.
struct Pending {
    std::string_view member;
    std::string_view one;
    std::string_view behind;  // the plural's -s
};
constexpr Pending kPending[] = {
    {"updates_queued", "change", " of attributes under way"},
    {"posix_pending", "change", " of mode, owner or time to be recorded"},
    {"files_dirty", "file", " written and not uploaded"},
    {"journal.changes", "change", " of attributes in the journal"},
};

class StatusReport {
  public:
    StatusReport(const Arguments& arguments, bool json) : arguments_(arguments), json_(json) {}

    void add_mount(const MountEntry& mount) {
        const auto stats = stats_of(mount);
        if (!stats) {
            trouble_ = true;
            if (json_) {
                print_out(json_line(Json{{"source", json_of_bytes(mount.source)},
                                         {"mountpoint", json_of_bytes(mount.mountpoint)},
                                         {"alive", is_alive(mount)},
                                         {"error", stats.error().message}}));
            } else {
                print_out(fmt::format("{} on {}: {}\n", printable(mount.source),
                                      printable(mount.mountpoint), stats.error().message));
            }
            return;
        }
        add_spool(text_member(*stats, "spool"));
        const uint64_t failures = number_at(*stats, "journal.failures");
        if (failures > 0) trouble_ = true;
        if (json_) {
            Json out{{"source", json_of_bytes(mount.source)},
                     {"mountpoint", json_of_bytes(mount.mountpoint)},
                     {"alive", true}};
            for (const Pending& pending : kPending)
                out[std::string(pending.member)] = number_at(*stats, pending.member);
            out["failures"] = failures;
            if (failures > 0) out["unsent"] = failures_of(mount).value_or(Json::array());
            print_out(json_line(out));
            return;
        }
        std::string pending;
        for (const auto& [member, one, behind] : kPending) {
            if (const uint64_t n = number_at(*stats, member)) {
                pending += fmt::format("  {}\n", counted(n, one, behind));
            }
        }
        print_out(fmt::format(
            "{} on {}: {}\n{}", printable(mount.source), printable(mount.mountpoint),
            pending.empty() ? "nothing waits to be sent" : "waits to be sent:", pending));
        if (failures > 0) show_failures(mount, failures);
    }

    // The default place of every source, so that what a mount left is found when it is gone.
    void add_default_spools(const Environment& environment) {
        const auto state = state_directory(environment, geteuid() == 0);
        if (!state) return;
        std::error_code error;
        for (std::filesystem::directory_iterator it(*state, error), end; !error && it != end;
             it.increment(error)) {
            add_spool(it->path().string());
        }
    }
    void add_spool(const std::string& spool) { spools_.insert(spool); }

    ExitCode finish() {
        for (const std::string& spool : spools_) {
            if (spool.empty()) continue;
            show_spool(spool);
            for (const LeftJournal& one : left_journals(spool + "/journal")) show_journal(one);
        }
        return trouble_ ? ExitCode::some_failed : ExitCode::ok;
    }

  private:
    // What another client's change or the service stood against, for a person to decide.
    void show_failures(const MountEntry& mount, uint64_t count) {
        const std::string at = printable(mount.mountpoint);
        print_out(
            fmt::format("  {} could not be sent:\n", counted(count, "change", " of attributes")));
        const auto failures = failures_of(mount);
        if (!failures) {
            print_out(fmt::format("    they cannot be read: {}\n", failures.error().message));
            return;
        }
        for (const Json& one : *failures) {
            if (const uint64_t more = number_at(one, "more")) {
                print_out(fmt::format("    and {} older ones\n", with_commas(more)));
                continue;
            }
            const std::string name = text_member(one, "name");
            const auto value = one.find("value");
            const bool removed = value == one.end() || !value->is_string();
            print_out(fmt::format(
                "    {}: {}: {}\n", printable(text_member(one, "key")),
                removed ? name + " removed"
                        : fmt::format("{}={}", name, printable(value->get<std::string>())),
                printable(text_member(one, "reason"))));
        }
        print_out(
            fmt::format("  set again what shall hold, then clear the list: "
                        "setfattr -x user.xbucket.failures {}\n",
                        at));
    }

    void show_spool(const std::string& spool) {
        const auto kept = kept_in(spool);
        if (!kept) {
            arguments_.complain(ExitCode::some_failed, kept.error().message);
            trouble_ = true;
            return;
        }
        if (!kept->empty()) trouble_ = true;
        for (const Kept& one : *kept) {
            if (json_) {
                Json out{{"kept", json_of_bytes(one.path)},
                         {"key", json_of_bytes(one.key)},
                         {"bytes", one.bytes},
                         {"time", one.time},
                         {"error", one.error}};
                if (!one.source.empty()) out["source"] = json_of_bytes(one.source);
                print_out(json_line(out));
                continue;
            }
            const std::string what =
                one.time.empty()
                    ? fmt::format("a file of {} bytes", with_commas(one.bytes))
                    : fmt::format("{} ({} bytes, {}{}{})", printable(one.key),
                                  with_commas(one.bytes), one.time,
                                  one.source.empty() ? "" : ", of ", printable(one.source));
            print_out(
                fmt::format("not uploaded: {}: {}\n"
                            "  its content is in {}\n"
                            "  copy it to where it belongs, then remove it and {}.json\n",
                            what, printable(one.error), printable(one.path), printable(one.path)));
        }
    }

    // What a mount acknowledged and did not live to send.
    void show_journal(const LeftJournal& one) {
        trouble_ = true;
        if (json_) {
            Json out{{"journal", json_of_bytes(one.file)}};
            if (!one.source.empty()) out["source"] = json_of_bytes(one.source);
            if (one.unreadable.empty()) {
                out["changes"] = one.changes;
                out["failures"] = one.failures;
            } else {
                out["error"] = one.unreadable;
            }
            print_out(json_line(out));
            return;
        }
        const std::string file = printable(one.file);
        if (!one.unreadable.empty()) {
            print_out(
                fmt::format("a mount that is gone left a journal that cannot be read: {}\n"
                            "  {}\n",
                            file, printable(one.unreadable)));
            return;
        }
        const std::string next = fmt::format(
            "the next mount of {}", one.source.empty() ? "the same source" : printable(one.source));
        std::string text = fmt::format("a mount that is gone left a journal: {}\n", file);
        if (one.changes > 0) {
            text += fmt::format("  {} to be sent: {} sends them\n",
                                counted(one.changes, "change", " of attributes"), next);
        }
        if (one.failures > 0) {
            text += fmt::format("  {} could not be sent: {} lists them\n",
                                counted(one.failures, "change", " of attributes"), next);
        }
        if (one.source.empty()) {
            text +=
                "  it does not say which source that is: a mount with --spool leaves it alone, "
                "and\n"
                "  says in its log where its files belong\n";
        }
        print_out(text);
    }

    const Arguments& arguments_;
    const bool json_;
    bool trouble_ = false;
    std::set<std::string> spools_;
};

}  // namespace

ExitCode status_command(const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments("status", Arguments::Takes::none);
    bool json = false;
    std::string spool;
    arguments.parser().flag("--json", json);
    arguments.parser().option("--spool", spool);
    if (const auto code = arguments.parse(words)) return *code;
    // Nothing to complain of would be said of a name that was mistyped, too.
    std::error_code ignored;
    if (!spool.empty() && !std::filesystem::is_directory(spool, ignored)) {
        return arguments.complain(ExitCode::system,
                                  fmt::format("--spool={} is no directory", printable(spool)));
    }
    const auto mounts = chosen_mounts(arguments.words());
    if (!mounts) return arguments.complain(ExitCode::system, mounts.error().message);
    if (mounts->empty() && spool.empty() && !json) print_out("no bucket is mounted\n");
    StatusReport report(arguments, json);
    for (const MountEntry& mount : *mounts) report.add_mount(mount);
    if (!spool.empty()) report.add_spool(spool);
    if (arguments.words().empty()) report.add_default_spools(environment);
    return report.finish();
}

}  // namespace xbucket::app
