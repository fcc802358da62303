// SPDX-FileCopyrightText: the xbucket authors
#include "expression.h"

#include "expression_node.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <fnmatch.h>

namespace xbucket::app {
namespace {

template <class T>
bool holds(Compare compare, const T& left, const T& right) {
    switch (compare) {
        case Compare::equal:
            return left == right;
        case Compare::differs:
            return left != right;
        case Compare::less:
            return left < right;
        case Compare::at_most:
            return left <= right;
        case Compare::more:
            return left > right;
        case Compare::at_least:
            return left >= right;
        case Compare::present:
        case Compare::regex:
        case Compare::no_regex:
        case Compare::like:
            break;
    }
    return false;
}

// Numbers where both sides are, else times where both are, else bytes.
bool compare_values(const Test& test, const std::string& value) {
    if (test.number) {
        if (const auto number = parse_number(value)) {
            return holds(test.compare, *number, *test.number);
        }
    }
    if (test.time) {
        if (const auto time = parse_any_time(value)) return holds(test.compare, *time, *test.time);
    }
    return holds(test.compare, value, test.text);
}

bool judge(const Test& test, const std::string& value) {
    switch (test.compare) {
        case Compare::present:
            return true;
        case Compare::regex:
            return test.regex->matches(value);
        case Compare::no_regex:
            return !test.regex->matches(value);
        case Compare::like:
            return fnmatch(test.text.c_str(), value.c_str(), 0) == 0;
        case Compare::equal:
        case Compare::differs:
        case Compare::less:
        case Compare::at_most:
        case Compare::more:
        case Compare::at_least:
            break;
    }
    return compare_values(test, value);
}

Result<bool> evaluate(const Expression::Node& node, FoundObject& object) {
    switch (node.kind) {
        case Expression::Node::Kind::test: {
            const auto value = TRY(object.value(node.test.subject, node.test.attribute));
            return value && judge(node.test, *value);
        }
        case Expression::Node::Kind::no:
            return !TRY(evaluate(*node.parts.front(), object));
        case Expression::Node::Kind::all:
            for (const auto& part : node.parts) {
                if (!TRY(evaluate(*part, object))) return false;
            }
            return true;
        case Expression::Node::Kind::any:
            for (const auto& part : node.parts) {
                if (TRY(evaluate(*part, object))) return true;
            }
            return false;
    }
    return false;
}

bool asks_attributes(const Expression::Node& node) {
    if (node.kind == Expression::Node::Kind::test) return node.test.subject == Subject::attribute;
    for (const auto& part : node.parts) {
        if (asks_attributes(*part)) return true;
    }
    return false;
}

// What a pattern may repeat in all: the library unrolls "{m,n}", and nested ones multiply.
bool repeats_too_much(const std::string& text) {
    constexpr uint64_t kRepeatsMax = 1000;
    uint64_t product = 1;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '{') continue;
        uint64_t largest = 1;
        uint64_t number = 0;
        for (++i; i < text.size() && text[i] != '}'; ++i) {
            const bool digit = text[i] >= '0' && text[i] <= '9';
            number = digit ? number * 10 + static_cast<uint64_t>(text[i] - '0') : 0;
            largest = std::max(largest, number);
            if (largest > kRepeatsMax) return true;
        }
        product *= largest;
        if (product > kRepeatsMax) return true;
    }
    return false;
}

}  // namespace

Result<std::shared_ptr<const Pattern>> Pattern::compile(const std::string& text) {
    if (text.find('\0') != std::string::npos || repeats_too_much(text)) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("the regular expression '{}' repeats too much", printable(text)));
    }
    auto pattern = std::make_shared<Pattern>();
    const int code = regcomp(&pattern->compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char reason[200];
        regerror(code, &pattern->compiled_, reason, sizeof reason);
        return fail(ErrorKind::invalid_argument,
                    fmt::format("the regular expression '{}': {}", printable(text), reason));
    }
    pattern->valid_ = true;
    return std::shared_ptr<const Pattern>(std::move(pattern));
}

Pattern::~Pattern() {
    if (valid_) regfree(&compiled_);
}

bool Pattern::matches(const std::string& text) const {
    return regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
}

std::optional<long double> parse_number(std::string_view text) {
    // strtold takes more than people mean: blanks, "nan", hexadecimal.
    if (text.empty() || text.size() > 64 ||
        text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
        return std::nullopt;
    }
    const std::string copy(text);
    char* end = nullptr;
    const long double number = std::strtold(copy.c_str(), &end);
    if (end != copy.c_str() + copy.size() || !std::isfinite(number)) return std::nullopt;
    return number;
}

std::optional<WallTime> parse_any_time(std::string_view text) {
    const std::string_view date = "dddd-dd-dd";
    if (text.size() == date.size() && text[4] == '-' && text[7] == '-') {
        return parse_iso8601(fmt::format("{}T00:00:00Z", text));
    }
    if (const auto time = parse_iso8601(text)) return time;
    return parse_http_date(text);
}

Expression::Expression(std::unique_ptr<const Node> root) : root_(std::move(root)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<bool> Expression::matches(FoundObject& object) const { return evaluate(*root_, object); }
bool Expression::needs_attributes() const { return asks_attributes(*root_); }

}  // namespace xbucket::app
