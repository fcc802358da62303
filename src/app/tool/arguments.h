// SPDX-FileCopyrightText: the xbucket authors
// The command line of a command: its own options, the settings that say how to reach a service, and
// its words.
#pragma once

#include "../streams.h"
#include "../word_parser.h"
#include "command.h"

#include "xbucket/base/result.h"

#include <optional>
#include <string>
#include <vector>

namespace xbucket::app {

class Arguments {
  public:
    // Which settings of a mount are options too.
    enum class Takes {
        none,
        service,  // how to reach it and with which key: for words that are URLs
        all,
    };
    // `command` is in the table.
    Arguments(std::string_view command, Takes settings_taken);

    // The command's own options go here, before parse().
    WordParser& parser() { return parser_; }

    // Fills in the targets. A value: what to exit with at once (help was printed, or the command
    // line is wrong, which was said).
    std::optional<ExitCode> parse(std::vector<std::string> words);

    const std::vector<std::string>& words() const { return words_; }
    // The settings as words, for config_of_source().
    std::vector<std::string> given_settings() const;

    // Says "xbucket COMMAND: sentence" on standard error, and gives back `code`.
    ExitCode complain(ExitCode code, std::string_view sentence) const;
    // A wrong command line.
    ExitCode usage(std::string_view sentence) const;

  private:
    const std::string_view command_;
    WordParser parser_;
    bool help_ = false;
    std::vector<std::string> words_;
    std::vector<std::string> mount_options_;
    std::string config_file_;
};

// The exit code for an error that ended a command.
ExitCode exit_code_of(const Error& error);

}  // namespace xbucket::app
