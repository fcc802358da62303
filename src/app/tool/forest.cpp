// SPDX-FileCopyrightText: the xbucket authors
#include "forest.h"

#include "../daemonize.h"
#include "../options.h"
#include "bucket_tree.h"

#include <algorithm>

namespace xbucket::app {

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
    const bool urls = std::any_of(words.begin(), words.end(),
                                  [](const std::string& word) { return is_object_url(word); });
    if (urls) return 256;
    return work == Work::changes ? 192 : 64;
}

Result<Tree*> Forest::tree_of(const std::string& word) {
    if (!is_object_url(word)) {
        auto& mounts = trees_[""];
        if (!mounts) mounts = make_mount_tree();
        return mounts.get();
    }
    const std::string source = TRY(parse_object_url(word)).source;
    auto& tree = trees_[source];
    if (!tree) {
        Config config = TRY(config_of_source(source, service_, environment_));
        config.workers = std::max(config.workers, jobs_);
        prepare_process(config);
        auto bucket = TRY(Bucket::open(std::move(config), environment_));
        TRY(bucket->reach());
        tree = make_bucket_tree(std::move(bucket), source);
    }
    return tree.get();
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
