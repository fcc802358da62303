// SPDX-FileCopyrightText: the xbucket authors
#include "word_parser.h"

#include "options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {

struct WordParser::Grammar {
    CLI::App app;
    std::vector<std::pair<const Setting*, CLI::Option*>> settings;

    // Takes words as they are, where CLI11's conversion to a list reads "{}" as none.
    CLI::Option* list(const std::string& names, std::vector<std::string>& targets) {
        return app
            .add_option(names,
                        [&targets](const CLI::results_t& given) {
                            targets = given;
                            return true;
                        })
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
};

WordParser::WordParser() : grammar_(std::make_unique<Grammar>()) {
    grammar_->app.set_help_flag();
    grammar_->app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

WordParser::~WordParser() = default;

void WordParser::flag(const std::string& names, bool& target) {
    grammar_->app.add_flag(names, target);
}

void WordParser::option(const std::string& names, std::string& target) {
    grammar_->app.add_option(names, target);
}

void WordParser::option(const std::string& names, unsigned& target) {
    grammar_->app.add_option(names, target);
}

void WordParser::option(const std::string& names, uint64_t& target) {
    grammar_->app.add_option(names, target);
}

void WordParser::option(const std::string& names, double& target) {
    grammar_->app.add_option(names, target);
}

void WordParser::option_between(const std::string& names, unsigned min, unsigned max,
                                unsigned& target) {
    grammar_->app.add_option(names, target)->check(CLI::Range(min, max));
}

void WordParser::option_each(const std::string& names, std::vector<std::string>& targets) {
    grammar_->list(names, targets)->expected(1);
}

void WordParser::words(std::vector<std::string>& targets) {
    // As many as never come: where any number is allowed, CLI11 takes a word "[a,b]" apart.
    grammar_->list("WORDS", targets)->expected(CLI::detail::expected_max_vector_size - 1);
}

void WordParser::setting(const Setting& setting) {
    std::string names = fmt::format("--{}", setting.name);
    if (setting.name == "foreground") names += ",-f";
    if (setting.name == "debug") names += ",-d";
    CLI::App& app = grammar_->app;
    grammar_->settings.emplace_back(
        &setting, setting.value.empty() ? app.add_flag(names) : app.add_option(names));
}

Result<void> WordParser::parse(std::vector<std::string> words) {
    // CLI11 takes its words from the back.
    std::reverse(words.begin(), words.end());
    try {
        grammar_->app.parse(words);
    } catch (const CLI::ParseError& error) {
        return fail(ErrorKind::invalid_argument, error.what());
    }
    return {};
}

std::vector<std::pair<const Setting*, std::string>> WordParser::given_settings() const {
    std::vector<std::pair<const Setting*, std::string>> given;
    for (const auto& [setting, option] : grammar_->settings) {
        if (option->count() > 0) given.emplace_back(setting, option->results().back());
    }
    return given;
}

}  // namespace xbucket::app
