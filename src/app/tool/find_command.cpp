// SPDX-FileCopyrightText: the xbucket authors
// `xbucket find`: walks, asks for what the expression needs, prints in the order of the walk.
#include "arguments.h"
#include "crew.h"
#include "expression.h"
#include "forest.h"
#include "interrupt.h"
#include "outcome.h"
#include "selection.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

class NodeObject final : public FoundObject {
  public:
    NodeObject(Tree& tree, Node node) : tree_(tree), node_(std::move(node)) {}

    Result<std::optional<std::string>> value(Subject subject,
                                             const std::string& attribute) override {
        using Value = std::optional<std::string>;
        switch (subject) {
            case Subject::path:
                return Value(node_.shown);
            case Subject::name:
                return Value(name());
            case Subject::type:
                return Value(type());
            case Subject::size:
                TRY(tree_.complete(node_));
                if (!node_.size || node_.kind == NodeKind::directory) return Value();
                return Value(fmt::format("{}", *node_.size));
            case Subject::mtime:
                TRY(tree_.complete(node_));
                if (!node_.modified) return Value();
                return Value(format_iso8601(*node_.modified));
            case Subject::attribute:
                break;
        }
        if (node_.kind == NodeKind::symlink) return Value();
        auto read = tree_.get(node_, attribute);
        if (read) return Value(*std::move(read));
        if (read.error().kind == ErrorKind::no_such_attribute) return Value();
        return std::move(read).error();
    }

  private:
    std::string name() const {
        std::string_view path = node_.shown;
        while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
        return std::string(path.substr(path.rfind('/') + 1));
    }
    std::string type() const {
        if (node_.kind == NodeKind::directory) return "d";
        return node_.kind == NodeKind::symlink ? "l" : "f";
    }

    Tree& tree_;
    Node node_;
};

struct FindOptions {
    bool print0 = false;
    bool count = false;
    unsigned jobs = 0;
};

class Search {
  public:
    Search(const Arguments& arguments, const FindOptions& options, const Expression* expression)
        : arguments_(arguments),
          options_(options),
          expression_(expression),
          crew_(options.jobs, 10'000) {}

    bool add(Tree& tree, const Node& node) {
        if (interrupted()) return false;
        crew_.post([this, &tree, node]() -> Crew::Delivery {
            if (interrupted()) return {};
            return judge(tree, node);
        });
        return true;
    }
    void fail_with(const Error& error, bool begun) {
        begun ? outcome_.failed() : outcome_.not_begun(error);
        arguments_.complain(ExitCode::some_failed, error.message);
    }
    ExitCode finish() {
        crew_.finish();
        if (options_.count) print_out(fmt::format("{}\n", found_));
        return interrupted() ? ExitCode::interrupted : outcome_.code();
    }

  private:
    Crew::Delivery judge(Tree& tree, const Node& node) {
        if (expression_ != nullptr) {
            NodeObject object(tree, node);
            const auto matches = expression_->matches(object);
            if (!matches) {
                // Deleted since it was listed: find(1) is silent about that race, too.
                if (matches.error().kind == ErrorKind::not_found) return {};
                return [this, error = matches.error()] { fail_with(error, true); };
            }
            outcome_.done();
            if (!*matches) return {};
        }
        return [this, shown = node.shown] {
            outcome_.done();
            ++found_;
            if (options_.count) return;
            print_out(shown + (options_.print0 ? '\0' : '\n'));
        };
    }

    const Arguments& arguments_;
    const FindOptions options_;
    const Expression* const expression_;
    uint64_t found_ = 0;  // deliveries come one at a time
    Outcome outcome_;
    Crew crew_;
};

std::string joined(const std::vector<std::string>& words, size_t from) {
    std::string out;
    for (size_t i = from; i < words.size(); ++i) {
        if (!out.empty()) out += ' ';
        out += words[i];
    }
    return out;
}

}  // namespace

ExitCode find_command(const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments("find", Arguments::Takes::service);
    FindOptions options;
    arguments.parser().flag("-0,--print0", options.print0);
    arguments.parser().flag("--count", options.count);
    arguments.parser().option_between("--jobs", 1, 1024, options.jobs);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path or URL given");
    if (options.jobs == 0) options.jobs = default_jobs({arguments.words().front()}, Work::reads);
    const std::string text = joined(arguments.words(), 1);
    std::optional<Expression> expression;
    if (!text.empty()) {
        auto parsed = Expression::parse(text, SystemClock().wall_now());
        if (!parsed) return arguments.usage(parsed.error().message);
        expression = *std::move(parsed);
    }
    watch_interrupts();

    Forest forest(environment, arguments.given_settings(), options.jobs);
    Search search(arguments, options, expression ? &*expression : nullptr);
    Selection selection;
    selection.words = {arguments.words().front()};
    selection.recursive = true;
    selection.directories = true;
    selection.links = true;
    select(
        forest, selection, [&](Tree& tree, const Node& node) { return search.add(tree, node); },
        [&](const std::string&, const Error& error, bool begun) {
            search.fail_with(error, begun);
        });
    return search.finish();
}

}  // namespace xbucket::app
