// SPDX-FileCopyrightText: the xbucket authors
// `xbucket stat`: everything that the service says of an object, in groups.
#include "arguments.h"
#include "crew.h"
#include "forest.h"
#include "interrupt.h"
#include "json_text.h"
#include "outcome.h"
#include "progress.h"

#include "xbucket/base/encoding.h"
#include "xbucket/meta/attributes.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;  // name as shown, value

struct Report {
    Node node;
    Values facts;
    Values http;
    Values metadata;
    Values tags;
    Values headers;
};

void add_header_lines(const std::string& text, Values& headers) {
    size_t begin = 0;
    while (begin < text.size()) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        const size_t colon = line.find(": ");
        if (colon != std::string::npos) {
            headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
        }
        begin = end + 1;
    }
}

// Puts one attribute where it belongs, under the name that is left without its group's prefix.
void sort_in(const std::string& name, std::string value, Report& report) {
    const auto parsed = AttrName::parse(name);
    if (!parsed) return;
    switch (parsed->kind) {
        case AttrKind::user_metadata:
            report.metadata.emplace_back(parsed->bare, std::move(value));
            return;
        case AttrKind::http_field:
            report.http.emplace_back(to_string(parsed->field), std::move(value));
            return;
        case AttrKind::tag:
            report.tags.emplace_back(parsed->bare, std::move(value));
            return;
        case AttrKind::object_fact:
            report.facts.emplace_back(parsed->bare, std::move(value));
            return;
        case AttrKind::storage_class:
            report.facts.emplace_back("storage-class", std::move(value));
            return;
        case AttrKind::acl:
            report.facts.emplace_back("acl", std::move(value));
            return;
        case AttrKind::restore:
            report.facts.emplace_back("restore", std::move(value));
            return;
        case AttrKind::url:
        case AttrKind::versions:
        case AttrKind::control:
        case AttrKind::foreign:
            return;
    }
}

Result<Report> read_report(Tree& tree, const Node& node) {
    Report report;
    report.node = node;
    TRY(tree.complete(report.node));
    std::vector<std::string> names = TRY(tree.list(node, true));
    if (node.kind == NodeKind::file) {
        std::erase(names, "user.mime_type");  // the next one under another name
        names.emplace_back("user.http.content-type");
        names.emplace_back("user.object.acl");
    }
    for (const std::string& name : names) {
        auto value = tree.get(node, name);
        if (value) {
            sort_in(name, *std::move(value), report);
            continue;
        }
        const ErrorKind kind = value.error().kind;
        // An ACL is a right of its own, and a fact that does not apply is absent.
        const bool optional = name.starts_with("user.object.") && kind != ErrorKind::not_found;
        if (!optional && kind != ErrorKind::no_such_attribute) return std::move(value).error();
        if (kind == ErrorKind::access_denied) sort_in(name, "(may not be read)", report);
    }
    if (const auto headers = tree.get(node, "user.xbucket.headers")) {
        add_header_lines(*headers, report.headers);
    }
    return report;
}

std::string_view kind_word(NodeKind kind) {
    switch (kind) {
        case NodeKind::file:
            return "object";
        case NodeKind::directory:
            return "directory";
        case NodeKind::symlink:
            return "symbolic link";
    }
    return "";
}

void add_group(std::string& out, std::string_view title, const Values& values) {
    if (values.empty()) return;
    out += fmt::format("  {}\n", title);
    size_t width = 0;
    for (const auto& [name, value] : values) width = std::max(width, printable(name).size());
    for (const auto& [name, value] : values) {
        out += fmt::format("    {:<{}}  {}\n", printable(name), std::min<size_t>(width, 32),
                           printable(value));
    }
}

std::string text_of(const Report& report) {
    const Node& node = report.node;
    std::string out = fmt::format("{}\n  {}", printable(node.shown), kind_word(node.kind));
    if (node.size && node.kind == NodeKind::file) {
        out += fmt::format(", {} bytes", with_commas(*node.size));
    }
    if (node.modified) out += fmt::format(", {}", format_iso8601(*node.modified));
    out += '\n';
    add_group(out, "facts", report.facts);
    add_group(out, "HTTP headers", report.http);
    add_group(out, "metadata", report.metadata);
    add_group(out, "tags", report.tags);
    add_group(out, "as the service sent it", report.headers);
    return out;
}

Json group_json(const Values& values) {
    Json out = Json::object();
    for (const auto& [name, value] : values) out[printable(name)] = json_of_bytes(value);
    return out;
}

Json json_of(const Report& report) {
    const Node& node = report.node;
    Json out;
    out["path"] = json_of_bytes(node.shown);
    out["kind"] = kind_word(node.kind);
    if (node.size) out["size"] = *node.size;
    if (node.modified) out["modified"] = format_iso8601(*node.modified);
    out["facts"] = group_json(report.facts);
    out["http"] = group_json(report.http);
    out["metadata"] = group_json(report.metadata);
    out["tags"] = group_json(report.tags);
    out["headers"] = group_json(report.headers);
    return out;
}

}  // namespace

ExitCode stat_command(const std::vector<std::string>& words, const Environment& environment) {
    Arguments arguments("stat", Arguments::Takes::service);
    bool json = false;
    unsigned jobs = 0;
    arguments.parser().flag("--json", json);
    arguments.parser().option_between("--jobs", 1, 1024, jobs);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path or URL given");
    if (jobs == 0) jobs = default_jobs(arguments.words(), Work::reads);
    watch_interrupts();

    Outcome outcome;
    Forest forest(environment, arguments.given_settings(), jobs);
    {
        Crew crew(jobs, 1000);
        for (const std::string& word : arguments.words()) {
            if (interrupted()) break;
            auto place = forest.find(word);
            if (!place) {
                arguments.complain(ExitCode::some_failed, place.error().message);
                outcome.not_begun(place.error());
                continue;
            }
            crew.post([&, place = *place]() -> Crew::Delivery {
                if (interrupted()) return {};
                auto report = read_report(*place.tree, place.node);
                return [&, report = std::move(report)] {
                    if (report) {
                        outcome.done();
                        print_out(json ? json_line(json_of(*report)) : text_of(*report));
                        return;
                    }
                    arguments.complain(ExitCode::some_failed, report.error().message);
                    outcome.failed();
                };
            });
        }
        crew.finish();
    }
    return interrupted() ? ExitCode::interrupted : outcome.code();
}

}  // namespace xbucket::app
