// SPDX-FileCopyrightText: the xbucket authors
#include "forest.h"

#include "../daemonize.h"
#include "../options.h"
#include "bucket_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace xbucket::app {
namespace {

std::string absolute(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::absolute(path.empty() ? "." : path, ignored).string();
}

// The address of a folder's own server differs from run to run.
std::string place_of_config(const Config& config) {
    const Source& source = config.source;
    return fmt::format("{}\n{}\n{}\n{}",
                       source.local                         ? "local"
                       : source.dialect == DialectKind::oss ? "oss"
                                                            : "s3",
                       source.local ? absolute(source.directory) : config.endpoint,
                       source.local ? "" : config.region, source.bucket);
}

}  // namespace

Result<Config> config_of_source(const std::string& source, const std::vector<std::string>& service,
                                const Environment& environment) {
    // Nothing is mounted, but all else is as for a mount, configuration files included.
    std::vector<std::string> words = {source, "/"};
    words.insert(words.end(), service.begin(), service.end());
    return TRY(parse_mount_command(words, environment)).config;
}

void prepare_process(const Config& config) {
    harden_process();
    // A person reads results here, not a log.
    const bool given = config.given.count("log-level") != 0;
    set_log_levels(given ? config.log_levels
                         : LogLevels{.base = LogLevel::warning, .components = {}});
}

unsigned default_jobs(const std::vector<std::string>& words, Work work) {
    if (work == Work::changes) return 384;
    const bool urls = std::any_of(words.begin(), words.end(),
                                  [](const std::string& word) { return is_object_url(word); });
    return urls ? 256 : 64;
}

Result<Tree*> Forest::tree_of(const std::string& word) {
    if (!is_object_url(word)) {
        auto& mounts = trees_[""];
        if (!mounts) mounts = make_mount_tree();
        return mounts.get();
    }
    // Below a bucket that is known '#' is a letter like any other.
    for (const auto& [source, tree] : trees_) {
        const bool bucket_named = bucket_mark(source) != std::string::npos;
        if (tree && bucket_named && word.starts_with(source + "/")) return tree.get();
    }
    const std::string source = TRY(parse_object_url(word)).source;
    if (const auto failed = unreachable_.find(source); failed != unreachable_.end()) {
        return failed->second;
    }
    auto& tree = trees_[source];
    if (!tree) {
        auto opened = open(source);
        if (!opened) {
            unreachable_.emplace(source, opened.error());
            return std::move(opened).error();
        }
        tree = *std::move(opened);
    }
    return tree.get();
}

Result<std::unique_ptr<Tree>> Forest::open(const std::string& source) {
    Config config = TRY(config_of_source(source, service_, environment_));
    config.workers = std::max(config.workers, jobs_);
    prepare_process(config);
    raise_open_files_limit();
    auto bucket = TRY(Bucket::open(std::move(config), environment_));
    places_.insert_or_assign(source, place_of_config(bucket->config()));
    TRY(bucket->reach());
    return make_bucket_tree(std::move(bucket), source);
}

std::string Forest::place_of(const std::string& word) {
    if (!is_object_url(word)) return absolute(word);
    static_cast<void>(tree_of(word).has_value());
    const auto url = parse_object_url(word);
    const auto place = url ? places_.find(url->source) : places_.end();
    return place == places_.end() ? word : fmt::format("{}\n{}", place->second, url->key);
}

Result<Place> Forest::find(const std::string& word) {
    Tree* const tree = TRY(tree_of(word));
    return Place{tree, TRY(tree->look(word))};
}

Result<void> Forest::finish() {
    Result<void> first;
    for (auto& [source, tree] : trees_) {
        if (!tree) continue;
        auto done = tree->finish();
        if (!done && first) first = std::move(done);
    }
    return first;
}

}  // namespace xbucket::app
