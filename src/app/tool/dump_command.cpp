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
#include <optional>
#include <sstream>
#include <unistd.h>
#include <unordered_map>

namespace xbucket::app {
namespace {

// The path that a dump gives an object: its key for a URL, so that it fits any bucket.
void name_file(const Node& node, bool absolute, DumpedFile& file) {
    file.is_key = is_object_url(node.shown) && !node.id.empty();
    file.path = is_object_url(node.shown) ? node.id : node.shown;
    if (!file.is_key && !absolute && file.path.starts_with('/')) {
        file.path.erase(0, file.path.find_first_not_of('/'));
    }
    if (file.path.empty()) file.path.push_back('.');
}

Result<std::string> dump_of(Tree& tree, const Node& node, bool all, bool absolute) {
    DumpedFile file;
    name_file(node, absolute, file);
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

// One name for the ways to write a path that are the same in every file system. A '/' at the end
// stays: in a key it counts.
std::string without_detours(std::string_view path) {
    std::string out = path.starts_with('/') ? "/" : "";
    while (!path.empty()) {
        const size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        if (!part.empty() && part != ".") out += path.substr(0, end + 1);
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return out;
}

// Where a block of the text belongs. Errors: invalid_name.
Result<std::string> target_of(const std::string& root, const DumpedFile& file) {
    if (file.is_key && !is_object_url(root)) {
        return fail(ErrorKind::invalid_name,
                    fmt::format("{}: no path in a mount can name this key; restore it by URL",
                                printable(file.path)));
    }
    if (root.empty()) return file.path;
    std::string name = file.path.substr(file.start);
    if (is_object_url(root) && !file.is_key) name = without_detours(name);
    return fmt::format("{}{}{}", root, root.ends_with('/') || name.empty() ? "" : "/", name);
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

// A dump that is restored: what was told of an object several times is one change of it, in which
// the last value holds. Changes run side by side, so two of one object would end in any order.
class Restoring {
  public:
    Restoring(const std::string& text, std::string root) : text_(text), root_(std::move(root)) {}

    // Reads all of it. A mistake anywhere in the text must not leave the half before it restored.
    Result<void> check() {
        std::istringstream in(text_);
        DumpReader reader(in);
        DumpedFile file;
        while (TRY(reader.next(file))) {
            if (const auto target = target_of(root_, file)) ++blocks_[name_of(*target)];
        }
        return {};
    }

    ExitCode run(ChangeRun& run, Forest& forest) {
        std::istringstream in(text_);
        DumpReader reader(in);
        DumpedFile file;
        for (bool more = true; more;) {
            const auto read = reader.next(file);
            if (!read || !*read) break;
            const auto target = target_of(root_, file);
            if (!target) {
                run.not_found(file.path, target.error(), true);
                continue;
            }
            if (auto changes = all_of(*target, file)) {
                more = run.add_word(forest, *target, *std::move(changes));
            }
        }
        return run.finish(forest);
    }

  private:
    static std::string name_of(const std::string& target) {
        if (is_object_url(target)) return target;
        std::string name = without_detours(target);
        if (name.size() > 1 && name.ends_with('/')) name.pop_back();
        return name;
    }

    // All changes of an object with its last block; nothing before that.
    std::optional<std::vector<AttributeWord>> all_of(const std::string& target, DumpedFile& file) {
        const auto block = blocks_.find(name_of(target));
        std::vector<AttributeWord> changes = std::move(waiting_[block->first]);
        for (auto& [name, value] : file.attributes) {
            const auto before =
                std::find_if(changes.begin(), changes.end(),
                             [&name = name](const AttributeWord& one) { return one.name == name; });
            if (before == changes.end()) {
                changes.push_back({std::move(name), std::move(value)});
            } else {
                before->value = std::move(value);
            }
        }
        if (--block->second > 0) {
            waiting_[block->first] = std::move(changes);
            return std::nullopt;
        }
        waiting_.erase(block->first);
        return changes;
    }

    const std::string& text_;
    const std::string root_;
    std::unordered_map<std::string, uint64_t> blocks_;  // still to come, of each object
    std::unordered_map<std::string, std::vector<AttributeWord>> waiting_;  // for its last block
};

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
    Restoring restoring(*text, root);
    if (const auto good = restoring.check(); !good) return arguments.usage(good.error().message);
    Forest forest(environment, arguments.given_settings(), options.jobs);
    // Opened first: what follows is below it.
    std::string identity = fmt::format("restore {} {}", forest.place_of(root), *text);
    if (options.dry_run) identity.clear();
    auto run = ChangeRun::start(arguments, options, environment, identity);
    if (!run) return arguments.complain(exit_code_of(run.error()), run.error().message);
    return restoring.run(**run, forest);
}

}  // namespace xbucket::app
