// SPDX-FileCopyrightText: the xbucket authors
#include "metrics.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace xbucket::app {
namespace {

using Json = nlohmann::ordered_json;

// Numbers that go up and down; everything else counts what happened.
const std::set<std::string_view> kGauges = {
    "uptime_seconds", "spool_bytes",   "in_flight",   "cache_entries", "cache_bytes",
    "updates_queued", "posix_pending", "files_dirty", "inodes",        "memory_bytes",
    "objects",        "changes",       "failures",
};
const std::set<std::string_view> kNoMetrics = {"pid"};

// What may stand in a label's value.
std::string label(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string metric_name(std::string_view path) {
    std::string out = "xbucket_";
    for (const char c : to_lower(path)) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        out += plain ? c : '_';
    }
    return out;
}

class Writer {
  public:
    explicit Writer(std::string source) : source_(std::move(source)) {}

    void object(const Json& json, const std::string& prefix) {
        for (const auto& [name, value] : json.items()) {
            const std::string path = prefix.empty() ? name : prefix + "." + name;
            if (path == "requests" && value.is_object()) {
                requests(value);
            } else if (value.is_object()) {
                object(value, path);
            } else if (value.is_number() && kNoMetrics.count(path) == 0) {
                number(path, name, value.dump());
            } else if (value.is_boolean()) {
                line(metric_name(path), "gauge", "", value.get<bool>() ? "1" : "0");
            }
        }
    }
    void line(const std::string& name, std::string_view type, const std::string& labels,
              std::string_view value) {
        if (name != last_) text_ += fmt::format("# TYPE {} {}\n", name, type);
        last_ = name;
        text_ += fmt::format("{}{{source=\"{}\"{}}} {}\n", name, label(source_), labels, value);
    }
    std::string take() { return std::move(text_); }

  private:
    void number(const std::string& path, const std::string& name, std::string_view value) {
        const bool gauge = kGauges.count(name) != 0;
        line(metric_name(path) + (gauge ? "" : "_total"), gauge ? "gauge" : "counter", "", value);
    }
    void requests(const Json& kinds) {
        for (const auto& [kind, count] : kinds.items()) {
            if (!count.is_number()) continue;
            line("xbucket_requests_total", "counter", fmt::format(",kind=\"{}\"", label(kind)),
                 count.dump());
        }
    }

    const std::string source_;
    std::string last_;
    std::string text_;
};

std::string member(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<std::string> metrics_text(std::string_view stats_json) {
    const Json json = Json::parse(stats_json, nullptr, false);
    if (!json.is_object()) return fail(ErrorKind::invalid_argument, "no JSON object");
    Writer writer(member(json, "source"));
    writer.line("xbucket_info", "gauge",
                fmt::format(",version=\"{}\"", label(member(json, "version"))), "1");
    writer.object(json, "");
    return writer.take();
}

Result<MetricsPlace> parse_metrics_place(std::string_view text) {
    if (text.starts_with('/'))
        return MetricsPlace{.address = {}, .port = 0, .file = std::string(text)};
    const size_t colon = text.rfind(':');
    std::string host = "127.0.0.1";
    if (colon != std::string_view::npos) host = text.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    if (host == "[::1]") host = "::1";
    const auto port = parse_u64(colon == std::string_view::npos ? text : text.substr(colon + 1));
    const bool loopback = host == "::1" || (host.starts_with("127.") &&
                                            host.find_first_not_of("0123456789.") == host.npos);
    if (!port || *port > 65535 || !loopback) {
        return fail(
            ErrorKind::invalid_argument,
            fmt::format("'{}' is neither a port of this machine (9123, 127.0.0.1:9123) nor "
                        "the absolute path of a file; metrics are not encrypted and stay on "
                        "this machine",
                        printable(text)));
    }
    return MetricsPlace{host, static_cast<uint16_t>(*port), ""};
}

}  // namespace xbucket::app
