// SPDX-FileCopyrightText: the xbucket authors
// The grammar of command lines: which words are options, which are values of options, and which
// are neither. CLI11 does it; only this file's .cpp sees it, because it takes long to compile.
#pragma once

#include "xbucket/base/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xbucket::app {

struct Setting;

// Options are named as in "-q,--quiet". Of one that is given twice the later value holds. Targets
// must outlive parse().
class WordParser {
  public:
    WordParser();
    ~WordParser();
    WordParser(const WordParser&) = delete;
    WordParser& operator=(const WordParser&) = delete;

    void flag(const std::string& names, bool& target);
    // A name without hyphens: a word that is no option, in the order of these calls.
    void option(const std::string& names, std::string& target);
    void option(const std::string& names, unsigned& target);
    void option(const std::string& names, uint64_t& target);
    void option(const std::string& names, double& target);
    // Both bounds are allowed.
    void option_between(const std::string& names, unsigned min, unsigned max, unsigned& target);
    // Every value, of an option that takes one each time.
    void option_each(const std::string& names, std::vector<std::string>& targets);
    // All words that are no options.
    void words(std::vector<std::string>& targets);
    // --NAME, and its short name where it has one.
    void setting(const Setting& setting);

    // Fills in the targets. Errors: invalid_argument, with a sentence that says what is wrong.
    Result<void> parse(std::vector<std::string> words);

    // Settings that were given, in the order in which they were named here, with the last value of
    // each ("true" for a flag without one).
    std::vector<std::pair<const Setting*, std::string>> given_settings() const;

  private:
    struct Grammar;
    const std::unique_ptr<Grammar> grammar_;
};

}  // namespace xbucket::app
