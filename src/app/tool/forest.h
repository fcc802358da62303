// SPDX-FileCopyrightText: the xbucket authors
// The trees that a command's words point into: mounts, and buckets by URL, each opened once.
#pragma once

#include "../config.h"
#include "tree.h"

#include "xbucket/base/environment.h"

#include <map>
#include <string>
#include <vector>

namespace xbucket::app {

struct Place {
    Tree* tree = nullptr;
    Node node;
};

class Forest {
  public:
    // `service` holds words such as "--region=cn-hangzhou" for URLs; `jobs` work at a time.
    Forest(const Environment& environment, std::vector<std::string> service, unsigned jobs)
        : environment_(environment), service_(std::move(service)), jobs_(jobs) {}

    // Opens what `word`, a path or a URL, needs, and looks at it.
    // Errors: invalid_argument, not_found, and those of opening a bucket.
    Result<Place> find(const std::string& word);
    // Only opens. Not thread-safe; the tree lives as long as this. The same errors.
    Result<Tree*> tree_of(const std::string& word);
    // What `word` stands for with these settings, for a run that another must agree with: the same
    // words can mean another folder or another service. "" is the current directory. Opens what
    // URLs need; errors are told when it is used.
    std::string place_of(const std::string& word);
    // The first error of all trees' finish().
    Result<void> finish();

  private:
    Result<std::unique_ptr<Tree>> open(const std::string& source);

    const Environment& environment_;
    const std::vector<std::string> service_;
    const unsigned jobs_;
    std::map<std::string, std::unique_ptr<Tree>> trees_;  // by source; "" is the mounts'
    std::map<std::string, std::string> places_;           // of sources that could be opened
    std::map<std::string, Error> unreachable_;            // sources; tried once
};

enum class Work { reads, changes };
// How many objects to work on at a time where the user does not say: in a mount as many as leave
// some of its threads for its other users; more where nobody else waits.
unsigned default_jobs(const std::vector<std::string>& words, Work work);

// The configuration of a URL's bucket: as a mount of it would have. Errors: invalid_argument.
Result<Config> config_of_source(const std::string& source, const std::vector<std::string>& service,
                                const Environment& environment);
// What a process must be before it holds keys: no core dump, nothing read by others; and its log is
// quiet unless the settings say otherwise.
void prepare_process(const Config& config);

}  // namespace xbucket::app
