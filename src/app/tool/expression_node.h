// SPDX-FileCopyrightText: the xbucket authors
// The tree that a parsed expression is; made by expression_parse.cpp, judged by expression.cpp.
#pragma once

#include "expression.h"

#include <memory>
#include <regex.h>
#include <vector>

namespace xbucket::app {

enum class Compare {
    present,
    equal,
    differs,
    less,
    at_most,
    more,
    at_least,
    regex,
    no_regex,
    like
};

// POSIX extended, compiled; matches anywhere in the text.
class Pattern {
  public:
    // Errors: invalid_argument with the library's reason.
    static Result<std::shared_ptr<const Pattern>> compile(const std::string& text);
    Pattern() = default;
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;
    ~Pattern();
    bool matches(const std::string& text) const;

  private:
    regex_t compiled_{};
    bool valid_ = false;
};

struct Test {
    Subject subject = Subject::attribute;
    std::string attribute;  // with "user."
    Compare compare = Compare::present;
    std::string text;
    std::optional<long double> number;     // `text`, where it is one
    std::optional<WallTime> time;          // the same
    std::shared_ptr<const Pattern> regex;  // regex and no_regex
};

struct Expression::Node {
    enum class Kind { all, any, no, test };
    Kind kind = Kind::test;
    std::vector<std::unique_ptr<const Node>> parts;  // all, any: one or more; no: one
    Test test;
};

std::optional<long double> parse_number(std::string_view text);
// ISO 8601 (a date alone is its midnight, UTC) or an HTTP date.
std::optional<WallTime> parse_any_time(std::string_view text);

}  // namespace xbucket::app
