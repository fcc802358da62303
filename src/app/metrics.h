// SPDX-FileCopyrightText: the xbucket authors
// What a mount has done, for Prometheus: on a loopback port, or in a file for node_exporter's
// textfile collector.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace xbucket::app {

// user.xbucket.stats as Prometheus text (format 0.0.4). Every number becomes a metric
// xbucket_PATH{source="..."}, counters with _total behind; requests are one metric by kind. Pure.
// Errors: invalid_argument (no JSON object).
Result<std::string> metrics_text(std::string_view stats_json);

// Where they go, as --metrics says: "9123", "127.0.0.1:9123", "[::1]:9123" or a path of a file.
struct MetricsPlace {
    std::string address;  // numeric, loopback
    uint16_t port = 0;
    std::string file;  // "" = the port
};
// Errors: invalid_argument (an address that other machines reach; a relative path).
Result<MetricsPlace> parse_metrics_place(std::string_view text);

class Metrics {
  public:
    virtual ~Metrics() = default;  // stops; a file is removed, so that nothing old is believed
};
// `stats` gives user.xbucket.stats; called on threads of its own. A file is written anew every 15
// seconds. Errors: io (port in use, directory cannot be written).
Result<std::unique_ptr<Metrics>> start_metrics(const MetricsPlace& place,
                                               std::function<std::string()> stats, Clock& clock);
// The same for a file.
Result<std::unique_ptr<Metrics>> start_metrics_file(const std::string& path,
                                                    std::function<std::string()> stats,
                                                    Clock& clock);

}  // namespace xbucket::app
