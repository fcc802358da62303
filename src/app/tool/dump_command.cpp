// SPDX-FileCopyrightText: the xbucket authors
// `xbucket dump` and `xbucket restore`: attributes as getfattr -d and setfattr --restore have them.
#include "arguments.h"
#include "attribute_text.h"
#include "bucket_tree.h"
#include "change_run.h"
#include "interrupt.h"
#include "outcome.h"
#include "selection.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <unistd.h>

namespace xbucket::app {
namespace {

// The path that a dump gives an object: its key for a URL, so that it fits any bucket.
std::string dumped_path(const Node& node, bool absolute) {
    std::string path = is_object_url(node.shown) ? node.id : node.shown;
    if (!absolute && path.starts_with('/')) path.erase(0, path.find_first_not_of('/'));
    return path.empty() ? "." : path;
}

Result<std::string> dump_of(Tree& tree, const Node& node, bool all, bool absolute) {
    DumpedFile file;
    file.path = dumped_path(node, absolute);
    std::vector<std::string> names = TRY(tree.list(node, all));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        auto value = tree.get(node, name);
        if (value) {
            file.attributes.emplace_back(name, *std::move(value));
        } else if (value.error().kind != ErrorKind::no_such_attribute) {
            return std::move(value).error();
        }
    }
    return dump_text(file);
}

struct DumpOptions {
    Selection selection;
    bool all = false;
    bool absolute = false;
    unsigned jobs = 0;
};

ExitCode dump_all(const Arguments& arguments, const DumpOptions& options, Forest& forest) {
    Outcome outcome;
    const auto complain = [&](const Error& error, bool begun) {
        arguments.complain(ExitCode::some_failed, error.message);
        begun ? outcome.failed() : outcome.not_begun(error);
    };
    Crew crew(options.jobs, 10'000);
    select(
        forest, options.selection,
        [&](Tree& tree, const Node& node) {
            if (interrupted()) return false;
            crew.post([&, node]() -> Crew::Delivery {
                if (interrupted()) return {};
                auto text = dump_of(tree, node, options.all, options.absolute);
                return [&, text = std::move(text)] {
                    if (text) {
                        outcome.done();
                        print_out(*text);
                    } else if (text.error().kind != ErrorKind::not_found) {
                        complain(text.error(), true);
                    }
                };
            });
            return true;
        },
        [&](const std::string&, const Error& error, bool begun) { complain(error, begun); });
    crew.finish();
    return interrupted() ? ExitCode::interrupted : outcome.code();
}

std::string below(const std::string& root, std::string path) {
    if (root.empty()) return path;
    path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
    return fmt::format("{}{}{}", root, root.ends_with('/') ? "" : "/", path);
}

// All of a file; "-" is standard input. Errors: io with the reason.
Result<std::string> read_text(const std::string& name) {
    const bool named = name != "-";
    const int fd = named ? open(name.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    const auto unreadable = [&] {
        return fail(ErrorKind::io,
                    fmt::format("{} cannot be read: {}",
                                named ? printable(name) : std::string("standard input"),
                                std::strerror(errno)));
    };
    if (fd < 0) return unreadable();
    std::string text;
    std::array<char, 65536> buffer;
    ssize_t n = 0;
    while ((n = read(fd, buffer.data(), buffer.size())) != 0) {
        if (n < 0 && errno == EINTR && !interrupted()) continue;
        if (n < 0) break;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
    Result<std::string> result = n < 0 ? Result<std::string>(unreadable()) : std::move(text);
    if (named) close(fd);
    return result;
}

// A mistake anywhere in the text must not leave the half before it restored.
Result<void> check_text(const std::string& text) {
    std::istringstream in(text);
    DumpReader reader(in);
    DumpedFile file;
    while (TRY(reader.next(file))) {
    }
    return {};
}

ExitCode restore_all(const std::string& text, const std::string& root, ChangeRun& run,
                     Forest& forest) {
    std::istringstream in(text);
    DumpReader reader(in);
    DumpedFile file;
    for (bool more = true; more;) {
        const auto read = reader.next(file);
        if (!read || !*read) break;
        std::vector<AttributeWord> changes;
        for (auto& [name, value] : file.attributes) {
            changes.push_back({std::move(name), std::move(value)});
        }
        more = run.add_word(forest, below(root, file.path), std::move(changes));
    }
    return run.finish(forest);
}

}  // namespace

ExitCode dump_command(const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments("dump", Arguments::Takes::service);
    DumpOptions options;
    arguments.parser().flag("-r,-R,--recursive", options.selection.recursive);
    arguments.parser().flag("--all", options.all);
    arguments.parser().flag("--absolute-names", options.absolute);
    arguments.parser().option_between("--jobs", 1, 1024, options.jobs);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path or URL given");
    options.selection.words = arguments.words();
    if (options.jobs == 0) options.jobs = default_jobs(arguments.words(), Work::reads);
    options.selection.directories = true;
    watch_interrupts();
    Forest forest(environment, arguments.given_settings(), options.jobs);
    return dump_all(arguments, options, forest);
}

ExitCode restore_command(const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments("restore", Arguments::Takes::service);
    ChangeOptions options;
    options.add_to(arguments);
    if (const auto code = arguments.parse(words)) return *code;
    const auto& given = arguments.words();
    if (given.empty() || given.size() > 2) return arguments.usage("write: restore FILE [ROOT]");
    const std::string root = given.size() > 1 ? given[1] : "";
    options.choose_jobs({root});
    watch_interrupts();

    // The whole text is what a resumed run must agree on.
    const auto text = read_text(given[0]);
    if (!text) return arguments.complain(ExitCode::system, text.error().message);
    if (const auto good = check_text(*text); !good) return arguments.usage(good.error().message);
    std::error_code ignored;
    const std::string place =
        is_object_url(root) ? root : std::filesystem::absolute(root, ignored).string();
    auto run = ChangeRun::start(arguments, options, environment,
                                fmt::format("restore {} {}", place, *text));
    if (!run) return arguments.complain(exit_code_of(run.error()), run.error().message);
    Forest forest(environment, arguments.given_settings(), options.jobs);
    return restore_all(*text, root, **run, forest);
}

}  // namespace xbucket::app
