// SPDX-FileCopyrightText: the xbucket authors
#include "change_run.h"

#include "../spool_place.h"
#include "interrupt.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <unistd.h>

namespace xbucket::app {
namespace {

constexpr uint64_t kFailuresShown = 20;

std::string shown_value(const std::optional<std::string>& value) {
    return value ? fmt::format("\"{}\"", printable(*value)) : "(none)";
}

}  // namespace

void ChangeOptions::add_to(Arguments& arguments) {
    arguments.parser().flag("-n,--dry-run", dry_run);
    arguments.parser().flag("--resume", resume);
    arguments.parser().flag("-q,--quiet", quiet);
    arguments.parser().option("--log-file", log_file);
    arguments.parser().option_between("--jobs", 1, 1024, jobs);
}

void ChangeOptions::choose_jobs(const std::vector<std::string>& words) {
    if (jobs == 0) jobs = default_jobs(words, dry_run ? Work::reads : Work::changes);
}

Result<std::unique_ptr<ChangeRun>> ChangeRun::start(const Arguments& arguments,
                                                    const ChangeOptions& options,
                                                    const Environment& environment,
                                                    const std::string& identity) {
    std::unique_ptr<ChangeRun> run(new ChangeRun(arguments, options));
    if (identity.empty() || options.dry_run) return run;
    const std::string digest = hex_encode(sha256(identity)).substr(0, 16);
    std::string path = options.log_file;
    if (path.empty()) {
        path = fmt::format("{}/runs/{}.log", TRY(state_directory(environment, geteuid() == 0)),
                           digest);
    }
    auto log = WorkLog::open(path, digest, options.resume);
    if (!log && log.error().kind == ErrorKind::io && options.log_file.empty() && !options.resume) {
        // Without a place for it the work is done all the same.
        arguments.complain(ExitCode::system, fmt::format("{}; an interrupted run cannot be resumed",
                                                         log.error().message));
        return run;
    }
    run->log_ = TRY(std::move(log));
    return run;
}

bool ChangeRun::was_done(const std::string& object) {
    if (!log_ || !log_->was_done(object)) return false;
    Counts counts;
    {
        LockGuard lock(mutex_);
        ++counts_.done;
        ++counts_.skipped;
        counts = counts_;
    }
    outcome_.done();
    progress_.update(counts);
    return true;
}

void ChangeRun::found_one() {
    Counts counts;
    {
        LockGuard lock(mutex_);
        ++counts_.found;
        counts = counts_;
    }
    progress_.update(counts);
}

bool ChangeRun::add(Tree& tree, const Node& node, std::vector<AttributeWord> changes) {
    if (interrupted()) return false;
    found_one();
    if (was_done(node.shown)) return true;
    crew_.post(
        [this, &tree, node, changes = std::move(changes)] { return work(tree, node, changes); });
    return true;
}

bool ChangeRun::add_word(Forest& forest, const std::string& word,
                         std::vector<AttributeWord> changes) {
    if (interrupted()) return false;
    const auto tree = forest.tree_of(word);
    if (!tree) {
        not_found(word, tree.error());
        return false;
    }
    found_one();
    crew_.post([this, tree = *tree, word, changes = std::move(changes)]() -> Crew::Delivery {
        if (interrupted()) return {};
        const auto node = tree->look(word);
        if (node) return was_done(node->shown) ? Crew::Delivery() : work(*tree, *node, changes);
        count(word, &node.error(), false);
        return {};
    });
    return true;
}

Crew::Delivery ChangeRun::work(Tree& tree, const Node& node,
                               const std::vector<AttributeWord>& changes) {
    if (interrupted()) return {};
    return options_.dry_run ? compare(tree, node, changes) : change(tree, node, changes);
}

Crew::Delivery ChangeRun::change(Tree& tree, const Node& node,
                                 const std::vector<AttributeWord>& changes) {
    const auto changed = tree.change(node, changes);
    count(node.shown, changed ? nullptr : &changed.error());
    return {};
}

// What would change, from what is there.
Crew::Delivery ChangeRun::compare(Tree& tree, const Node& node,
                                  const std::vector<AttributeWord>& changes) {
    std::string lines;
    for (const AttributeWord& change : changes) {
        std::optional<std::string> before;
        auto value = tree.get(node, change.name);
        if (value) {
            before = *std::move(value);
        } else if (value.error().kind != ErrorKind::no_such_attribute) {
            count(node.shown, &value.error());
            return {};
        }
        if (before == change.value) continue;
        lines += fmt::format("{}: {}: {} -> {}\n", printable(node.shown), printable(change.name),
                             shown_value(before), shown_value(change.value));
    }
    count(node.shown, nullptr);
    if (lines.empty()) return {};
    return [this, lines = std::move(lines)] {
        print_out(lines);
        LockGuard lock(mutex_);
        ++would_change_;
    };
}

void ChangeRun::count(const std::string& object, const Error* error, bool begun) {
    if (error == nullptr) outcome_.done();
    if (error != nullptr) begun ? outcome_.failed() : outcome_.not_begun(*error);
    if (log_ && error == nullptr) log_->done(object);
    if (log_ && error != nullptr) log_->failed(object, error->message);
    Counts counts;
    {
        LockGuard lock(mutex_);
        ++counts_.done;
        if (error != nullptr) ++counts_.failed;
        counts = counts_;
    }
    if (error != nullptr) say_failure(error->message);
    progress_.update(counts);
}

void ChangeRun::say_failure(const std::string& text) {
    uint64_t failed = 0;
    {
        LockGuard lock(mutex_);
        failed = counts_.failed;
    }
    if (failed <= kFailuresShown) progress_.say("xbucket: " + text);
    if (failed == kFailuresShown + 1) progress_.say("xbucket: further failures are only counted");
}

void ChangeRun::not_found(const std::string& word, const Error& error, bool begun) {
    found_one();
    count(word, &error, begun);
}

ExitCode ChangeRun::finish(Forest& forest) {
    Counts counts;
    {
        LockGuard lock(mutex_);
        counts_.all_found = !interrupted();
        counts = counts_;
    }
    progress_.update(counts);
    crew_.finish();
    const auto sent = forest.finish();
    {
        LockGuard lock(mutex_);
        counts = counts_;
    }
    progress_.end(counts);
    if (!options_.quiet) summarise(counts);
    const bool stopped = interrupted();
    if (log_ && (stopped || counts.failed > 0)) {
        progress_.say(fmt::format(
            "xbucket: {}; give the same command with --resume to go on (it remembers in {})",
            stopped ? "interrupted" : "some failed", log_->path()));
    } else if (log_ && options_.log_file.empty()) {
        log_->remove();
    }
    if (!sent) return arguments_.complain(ExitCode::some_failed, sent.error().message);
    if (stopped) return ExitCode::interrupted;
    return outcome_.code();
}

void ChangeRun::summarise(const Counts& counts) {
    if (options_.dry_run) {
        uint64_t would = 0;
        {
            LockGuard lock(mutex_);
            would = would_change_;
        }
        progress_.say(fmt::format("xbucket: {} of {} would change", with_commas(would),
                                  counted(counts.done, "object")));
        return;
    }
    std::string text = fmt::format("xbucket: {} done",
                                   counted(counts.done - counts.failed - counts.skipped, "object"));
    if (counts.skipped > 0) {
        text += fmt::format(", {} were done before", with_commas(counts.skipped));
    }
    if (counts.failed > 0) text += fmt::format(", {} failed", with_commas(counts.failed));
    if (counts.done < counts.found) {
        text += fmt::format(", {} not begun", with_commas(counts.found - counts.done));
    }
    progress_.say(fmt::format("{}, in {}", text, short_duration(progress_.elapsed())));
}

}  // namespace xbucket::app
