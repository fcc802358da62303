// SPDX-FileCopyrightText: the xbucket authors
// `xbucket doctor`: tries, one by one, what a mount will need, and says what to do about what
// fails.
#include "arguments.h"
#include "doctor_checks.h"
#include "forest.h"
#include "interrupt.h"
#include "json_text.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

std::string_view mark_of(Finding::Level level) {
    switch (level) {
        case Finding::Level::good:
            return "ok";
        case Finding::Level::note:
            return "note";
        case Finding::Level::bad:
            return "FAIL";
    }
    return "";
}

class Report {
  public:
    explicit Report(bool json) : json_(json) {}

    void operator()(const Finding& finding) {
        if (finding.level == Finding::Level::bad) ++bad_;
        if (json_) {
            print_out(json_line(Json{{"check", finding.check},
                                     {"result", to_lower(mark_of(finding.level))},
                                     {"what", finding.what},
                                     {"remedy", finding.remedy}}));
        } else {
            print_out(fmt::format("{:<5} {:<12} {}\n", mark_of(finding.level), finding.check,
                                  finding.what));
            if (!finding.remedy.empty()) {
                print_out(fmt::format("{:<18} -> {}\n", "", finding.remedy));
            }
        }
        (void)flush_out();
    }
    unsigned bad() const { return bad_; }

  private:
    const bool json_;
    unsigned bad_ = 0;
};

}  // namespace

ExitCode doctor_command(const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments("doctor", Arguments::Takes::all);
    bool json = false;
    bool read_only = false;
    arguments.parser().flag("--json", json);
    arguments.parser().flag("--read-only", read_only);
    if (const auto code = arguments.parse(words)) return *code;
    const auto& given = arguments.words();
    if (given.empty() || given.size() > 2) {
        return arguments.usage("write: xbucket doctor SOURCE [MOUNTPOINT]");
    }
    auto config = config_of_source(given.front(), arguments.given_settings(), environment);
    if (!config) return arguments.complain(ExitCode::usage, config.error().message);
    prepare_process(*config);
    // What it makes in the bucket goes also after Ctrl-C.
    watch_interrupts();
    Report report(json);
    const FindingSink sink = [&report](const Finding& finding) { report(finding); };
    check_machine(*config, environment, sink);
    if (given.size() > 1) check_mountpoint(given[1], sink);
    auto bucket = check_setup(*config, environment, sink);
    if (bucket) {
        const Reach reach = check_reach(**bucket, sink);
        read_only = read_only || config->read_only;
        if (reach != Reach::not_at_all) check_objects(**bucket, reach, read_only, sink);
    }
    if (interrupted()) return ExitCode::interrupted;
    if (!json) {
        print_out(report.bad() == 0 ? std::string("nothing stands in the way of a mount\n")
                                    : fmt::format("{} problem{} found\n", report.bad(),
                                                  report.bad() == 1 ? "" : "s"));
    }
    return report.bad() == 0 ? ExitCode::ok : ExitCode::some_failed;
}

}  // namespace xbucket::app
