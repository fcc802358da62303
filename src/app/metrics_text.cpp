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

struct Meaning {
    std::string_view path;  // in user.xbucket.stats
    bool gauge;             // goes up and down; else it counts what happened
    std::string_view help;
};
constexpr Meaning kMeanings[] = {
    {"bytes_in", false, "Bytes of replies received from the service."},
    {"bytes_out", false, "Bytes of requests sent to the service."},
    {"cache_bytes", true, "Memory that cached metadata takes."},
    {"cache_entries", true, "Objects whose metadata is cached."},
    {"cache_hits", false, "Questions about metadata answered from the cache."},
    {"cache_misses", false, "Questions about metadata that had to ask the service."},
    {"files_dirty", true, "Files that are written and not uploaded."},
    {"in_flight", true, "Requests under way."},
    {"inodes", true, "Files and directories that the kernel knows."},
    {"journal.changes", true, "Changes of attributes in the journal, not sent yet."},
    {"journal.failures", true, "Changes that were acknowledged and could not be sent."},
    {"journal.objects", true, "Objects with changes in the journal."},
    {"posix_pending", true, "Objects whose mode, owner or times are still to be recorded."},
    {"prefetched", false, "Objects whose metadata was fetched ahead."},
    {"requests", false, "Requests sent to the service, by kind."},
    {"retries", false, "Requests that were sent again."},
    {"service.acls_hidden", true, "1 where the key may not read ACLs."},
    {"service.compares_finer", true, "1 where dates are compared finer than they are told."},
    {"service.destination_if_match", true, "1 where copies honour a condition on their target."},
    {"spool_bytes", true, "Disk space that files being written take."},
    {"updates.conflicts", false, "Updates that began again, as another client was faster."},
    {"updates.content_replaced", false, "Objects found replaced while they were being updated."},
    {"updates.copies", false, "Copies in place that updates sent."},
    {"updates.merged", false, "Changes that went along with another change of their object."},
    {"updates.posix_sent", false, "Records of mode, owner and times that were sent."},
    {"updates.put_back", false, "Updates of which something was lost and sent again."},
    {"updates.run", false, "Updates of metadata."},
    {"updates.settling", false, "Updates that waited for an object's time to be told apart."},
    {"updates.unchanged", false, "Updates that had nothing to send."},
    {"updates.unknown_outcomes", false, "Requests whose reply was lost and looked for."},
    {"updates.verified", false, "Updates that were read back and compared."},
    {"updates.version_merges", false, "Updates merged with a version in between."},
    {"updates_queued", true, "Updates of metadata that wait or are under way."},
    {"uptime_seconds", true, "Time since the mount."},
};
const Meaning* meaning_of(std::string_view path) {
    const auto* const found = std::find_if(std::begin(kMeanings), std::end(kMeanings),
                                           [path](const Meaning& m) { return m.path == path; });
    return found == std::end(kMeanings) ? nullptr : found;
}
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
                number(path, value.dump());
            } else if (value.is_boolean()) {
                line(metric_name(path), "gauge", help_of(path), "", value.get<bool>() ? "1" : "0");
            }
        }
    }
    void line(const std::string& name, std::string_view type, std::string_view help,
              const std::string& labels, std::string_view value) {
        if (name != last_) {
            if (!help.empty()) text_ += fmt::format("# HELP {} {}\n", name, help);
            text_ += fmt::format("# TYPE {} {}\n", name, type);
        }
        last_ = name;
        text_ += fmt::format("{}{{source=\"{}\"{}}} {}\n", name, label(source_), labels, value);
    }
    std::string take() { return std::move(text_); }

  private:
    static std::string_view help_of(std::string_view path) {
        const Meaning* const known = meaning_of(path);
        return known == nullptr ? "" : known->help;
    }
    void number(const std::string& path, std::string_view value) {
        const Meaning* const known = meaning_of(path);
        const bool gauge = known != nullptr && known->gauge;
        line(metric_name(path) + (gauge ? "" : "_total"), gauge ? "gauge" : "counter",
             help_of(path), "", value);
    }
    void requests(const Json& kinds) {
        for (const auto& [kind, count] : kinds.items()) {
            if (!count.is_number()) continue;
            line("xbucket_requests_total", "counter", help_of("requests"),
                 fmt::format(",kind=\"{}\"", label(kind)), count.dump());
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
    writer.line("xbucket_info", "gauge", "Always 1; the labels say what is running.",
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
