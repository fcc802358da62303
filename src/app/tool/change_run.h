// SPDX-FileCopyrightText: the xbucket authors
// One run over many objects that changes each: in parallel, with a progress bar, a summary, and a
// log that lets an interrupted run go on. set, unset and restore are such runs.
#pragma once

#include "arguments.h"
#include "crew.h"
#include "forest.h"
#include "outcome.h"
#include "progress.h"
#include "work_log.h"

#include <memory>
#include <string>
#include <vector>

namespace xbucket::app {

struct ChangeOptions {
    bool dry_run = false;
    bool resume = false;
    bool quiet = false;
    std::string log_file;
    unsigned jobs = 0;  // 0 until it is given or chosen

    void add_to(Arguments& arguments);
    void choose_jobs(const std::vector<std::string>& words);
};

class ChangeRun {
  public:
    // `identity` says what is changed to what, for the log; "" for a run too small to have one.
    // Errors: those of WorkLog::open().
    static Result<std::unique_ptr<ChangeRun>> start(const Arguments& arguments,
                                                    const ChangeOptions& options,
                                                    const Environment& environment,
                                                    const std::string& identity);

    // Changes one object, now or soon. False: the run is being interrupted, give no more.
    bool add(Tree& tree, const Node& node, std::vector<AttributeWord> changes);
    // The same for a path or URL that is still to be looked at, which happens beside the others.
    // False also where its bucket cannot be opened.
    bool add_word(Forest& forest, const std::string& word, std::vector<AttributeWord> changes);
    // What could not even be looked at (`begun` false), or not listed to its end.
    void not_found(const std::string& word, const Error& error, bool begun = false);
    // Waits for all, says what was done, and gives the exit code.
    ExitCode finish(Forest& forest);

  private:
    ChangeRun(const Arguments& arguments, const ChangeOptions& options)
        : arguments_(arguments),
          options_(options),
          progress_(clock_, !options.quiet && !options.dry_run),
          crew_(options.jobs, kWindow) {}

    void found_one() EXCLUDES(mutex_);
    // True, and counted, where an earlier run has finished it.
    bool was_done(const std::string& object) EXCLUDES(mutex_);
    Crew::Delivery work(Tree& tree, const Node& node, const std::vector<AttributeWord>& changes);
    Crew::Delivery change(Tree& tree, const Node& node, const std::vector<AttributeWord>& changes);
    Crew::Delivery compare(Tree& tree, const Node& node, const std::vector<AttributeWord>& changes);
    void count(const std::string& object, const Error* error, bool begun = true) EXCLUDES(mutex_);
    void say_failure(const std::string& text) EXCLUDES(mutex_);
    void summarise(const Counts& counts);

    // So many objects may be known and not done: what the bar can see ahead.
    static constexpr size_t kWindow = 200'000;

    const Arguments& arguments_;
    const ChangeOptions options_;
    SystemClock clock_;
    std::unique_ptr<WorkLog> log_;
    Progress progress_;
    Mutex mutex_;
    Counts counts_ GUARDED_BY(mutex_);
    uint64_t would_change_ GUARDED_BY(mutex_) = 0;
    Outcome outcome_;
    Crew crew_;  // last: its jobs use what stands above
};

}  // namespace xbucket::app
