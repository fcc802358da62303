// SPDX-FileCopyrightText: the xbucket authors
// `xbucket set` and `xbucket unset`.
#include "change_run.h"
#include "interrupt.h"
#include "selection.h"

namespace xbucket::app {
namespace {

using SplitWords = Result<ChangeWords> (*)(const std::vector<std::string>&);

// What the log of one run must agree on with the next. NUL stands between the parts.
std::string identity_of(std::string_view command, const ChangeWords& words,
                        const Selection& selection, Forest& forest) {
    std::string out(command);
    const auto add = [&out](std::string_view part) {
        out += '\0';
        out += part;
    };
    for (const AttributeWord& change : words.changes) {
        add(change.name);
        if (change.value) add(*change.value);
    }
    add(selection.recursive ? "below" : "these");
    for (const std::string& word : words.paths) add(forest.place_of(word));
    for (const std::string& pattern : selection.includes) add("include " + pattern);
    return out;
}

ExitCode run_changes(std::string_view command, SplitWords split,
                     const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments(command, Arguments::Takes::service);
    ChangeOptions options;
    Selection selection;
    options.add_to(arguments);
    arguments.parser().flag("-r,--recursive", selection.recursive);
    arguments.parser().option_each("--include", selection.includes);
    if (const auto code = arguments.parse(words)) return *code;
    const auto parts = split(arguments.words());
    if (!parts) return arguments.usage(parts.error().message);
    selection.words = parts->paths;
    options.choose_jobs(selection.words);
    watch_interrupts();

    const bool large = selection.recursive || parts->paths.size() > 1 || options.resume ||
                       !options.log_file.empty();
    Forest forest(environment, arguments.given_settings(), options.jobs);
    const bool logged = large && !options.dry_run;
    auto run = ChangeRun::start(arguments, options, environment,
                                logged ? identity_of(command, *parts, selection, forest) : "");
    if (!run) return arguments.complain(exit_code_of(run.error()), run.error().message);
    select(
        forest, selection,
        [&](Tree& tree, const Node& node) { return (*run)->add(tree, node, parts->changes); },
        [&](const std::string& word, const Error& error, bool begun) {
            (*run)->not_found(word, error, begun);
        });
    return (*run)->finish(forest);
}

}  // namespace

ExitCode set_command(const std::vector<std::string>& words, const Environment& environment) {
    return run_changes("set", split_set_words, words, environment);
}

ExitCode unset_command(const std::vector<std::string>& words, const Environment& environment) {
    return run_changes("unset", split_unset_words, words, environment);
}

}  // namespace xbucket::app
