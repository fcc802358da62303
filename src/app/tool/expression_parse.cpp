// SPDX-FileCopyrightText: the xbucket authors
// A recursive-descent parser over the grammar in expression.h.
#include "../config.h"
#include "attribute_word.h"
#include "expression_node.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

constexpr size_t kLengthMax = 64U << 10;
constexpr unsigned kDepthMax = 100;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Operator {
    std::string_view text;
    Compare compare;
};
// Longer ones first.
constexpr Operator kOperators[] = {
    {"==", Compare::equal},    {"!=", Compare::differs},  {"<=", Compare::at_most},
    {">=", Compare::at_least}, {"!~", Compare::no_regex}, {"=~", Compare::regex},
    {"=", Compare::equal},     {"<", Compare::less},      {">", Compare::more},
    {"~", Compare::regex},
};

using NodePtr = std::unique_ptr<const Expression::Node>;

class Parser {
  public:
    Parser(std::string_view text, WallTime now) : text_(text), now_(now) {}

    Result<NodePtr> whole() {
        skip_blanks();
        if (at_end()) return bad("nothing to look for; write such as user.year>=2020");
        NodePtr root = TRY(any());
        skip_blanks();
        if (!at_end()) return bad("a ')' too many");
        return root;
    }

  private:
    Error bad(std::string_view what) const {
        const std::string_view rest = text_.substr(at_, 20);
        return fail(ErrorKind::invalid_argument,
                    fmt::format("expression, character {}{}: {}", at_ + 1,
                                rest.empty() ? std::string(" (its end)")
                                             : fmt::format(" ('{}')", printable(rest)),
                                what));
    }
    bool at_end() const { return at_ == text_.size(); }
    void skip_blanks() {
        while (!at_end() && is_blank(text_[at_])) ++at_;
    }
    bool take(std::string_view token) {
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }
    // A word that ends where it says: "or" is not the beginning of "orange".
    bool take_word(std::string_view word) {
        const std::string_view rest = text_.substr(at_);
        if (!rest.starts_with(word)) return false;
        if (rest.size() > word.size() && !is_blank(rest[word.size()]) && rest[word.size()] != '(')
            return false;
        at_ += word.size();
        return true;
    }

    static NodePtr joined(Expression::Node::Kind kind, std::vector<NodePtr> parts) {
        if (parts.size() == 1) return std::move(parts.front());
        auto node = std::make_unique<Expression::Node>();
        node->kind = kind;
        node->parts = std::move(parts);
        return node;
    }

    Result<NodePtr> any() {
        std::vector<NodePtr> parts;
        do {
            parts.push_back(TRY(all()));
            skip_blanks();
        } while (take("||") || take_word("or"));
        return joined(Expression::Node::Kind::any, std::move(parts));
    }

    Result<NodePtr> all() {
        std::vector<NodePtr> parts;
        for (;;) {
            parts.push_back(TRY(negation()));
            skip_blanks();
            if (take("&&") || take_word("and")) continue;
            if (at_end() || text_[at_] == ')' || text_.substr(at_).starts_with("||")) break;
            const size_t here = at_;
            const bool alternative = take_word("or");
            at_ = here;
            if (alternative) break;
        }
        return joined(Expression::Node::Kind::all, std::move(parts));
    }

    Result<NodePtr> negation() {
        skip_blanks();
        if (at_end()) return bad("a test is missing; write such as user.year>=2020");
        if (depth_ == kDepthMax) return bad("nested too deep");
        ++depth_;
        NodePtr node;
        if (take("!") || take_word("not")) {
            std::vector<NodePtr> parts;
            parts.push_back(TRY(negation()));
            auto no = std::make_unique<Expression::Node>();
            no->kind = Expression::Node::Kind::no;
            no->parts = std::move(parts);
            node = std::move(no);
        } else if (take("(")) {
            node = TRY(any());
            skip_blanks();
            if (!take(")")) return bad("a ')' is missing");
        } else {
            node = TRY(test());
        }
        --depth_;
        return node;
    }

    Result<NodePtr> test() {
        auto node = std::make_unique<Expression::Node>();
        const size_t begin = at_;
        TRY(take_name(node->test));
        const std::string_view name = text_.substr(begin, at_ - begin);
        skip_blanks();
        const auto compare = take_operator();
        if (!compare) TRY(check_alone(node->test, name));
        if (compare) {
            node->test.compare = *compare;
            skip_blanks();
            TRY(take_value(node->test));
        }
        return NodePtr(std::move(node));
    }

    // Other languages' operators would be names of attributes here, which no object has, and the
    // whole silently false.
    Result<void> check_alone(const Test& test, std::string_view name) {
        constexpr std::string_view kCompared =
            "what compares is = != < <= > >= ~ !~ like, and several values are (name=a or name=b)";
        for (const std::string_view word : {"in", "is", "between", "contains", "matches"}) {
            if (name != word) continue;
            at_ = static_cast<size_t>(name.data() - text_.data());
            return bad(fmt::format("there is no '{0}'; {1}. An attribute of that name is user.{0}",
                                   word, kCompared));
        }
        if (test.subject == Subject::attribute) return {};
        return bad(fmt::format("'{}' alone is true of every object; {}", name, kCompared));
    }

    Result<void> take_name(Test& test) {
        const size_t begin = at_;
        while (!at_end() && !is_blank(text_[at_]) &&
               std::string_view("()=!<>~'\"&|").find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        const std::string_view name = text_.substr(begin, at_ - begin);
        if (name.empty()) return bad("a name is missing here; write such as user.year>=2020");
        for (const std::string_view word : {"and", "or", "not", "like"}) {
            if (name == word) return bad("a test is missing here; write such as user.year>=2020");
        }
        // What a shell made of a pattern: more paths, where a test stands.
        if (name.find('/') != name.npos && !name.starts_with("user.")) {
            at_ = begin;
            return bad(
                "this is a path, and one is searched; an attribute of that name is user....");
        }
        struct Known {
            std::string_view name;
            Subject subject;
        };
        for (const Known known : {Known{"path", Subject::path}, Known{"name", Subject::name},
                                  Known{"size", Subject::size}, Known{"mtime", Subject::mtime},
                                  Known{"type", Subject::type}}) {
            if (name != known.name) continue;
            test.subject = known.subject;
            return {};
        }
        test.attribute = with_user_prefix(name);
        return {};
    }

    std::optional<Compare> take_operator() {
        for (const Operator& known : kOperators) {
            if (take(known.text)) return known.compare;
        }
        const size_t here = at_;
        if (take_word("like")) {
            skip_blanks();
            if (!at_end()) return Compare::like;
        }
        at_ = here;
        return std::nullopt;
    }

    Result<void> take_value(Test& test) {
        if (at_end()) return bad("a value is missing; write '' for an empty one");
        const char quote = text_[at_];
        if (quote == '\'' || quote == '"') {
            ++at_;
            for (;;) {
                if (at_end()) return bad(fmt::format("a {} is missing", quote));
                const char c = text_[at_++];
                if (c == quote) break;
                // Of a regular expression's backslashes only those before a quote are ours.
                const bool escaped =
                    c == '\\' && !at_end() &&
                    (text_[at_] == quote || (text_[at_] == '\\' && !is_regex(test)));
                test.text += escaped ? text_[at_++] : c;
            }
        } else {
            while (!at_end() && !is_blank(text_[at_]) && text_[at_] != '(' && text_[at_] != ')') {
                test.text += text_[at_++];
            }
            if (test.text.empty()) {
                return bad("a value with parentheses must stand in quotes");
            }
        }
        return understand(test);
    }

    static bool is_regex(const Test& test) {
        return test.compare == Compare::regex || test.compare == Compare::no_regex;
    }

    // What the value is, by what it is compared with.
    Result<void> understand(Test& test) {
        if (is_regex(test)) {
            auto compiled = Pattern::compile(test.text);
            if (!compiled) return bad(compiled.error().message);
            test.regex = *std::move(compiled);
            return {};
        }
        if (test.compare == Compare::like) return {};
        if (test.subject == Subject::type && test.text != "f" && test.text != "d" &&
            test.text != "l") {
            return bad("a type is f (an object), d (a directory) or l (a symbolic link)");
        }
        test.number = parse_number(test.text);
        test.time = parse_any_time(test.text);
        if (test.subject == Subject::size && !test.number) {
            const auto size = parse_size(test.text);
            if (!size) return bad(size.error().message);
            test.number = static_cast<long double>(*size);
        }
        if (test.subject == Subject::mtime && !test.time) {
            if (test.text.starts_with('-')) {
                const auto ago = parse_duration(std::string_view(test.text).substr(1));
                if (!ago) return bad(ago.error().message);
                test.time = now_ - *ago;
                test.number.reset();
                return {};
            }
            return bad("a time is a date such as 2026-11-25, 2026-11-25T08:00:00Z, or -7d");
        }
        return {};
    }

    const std::string_view text_;
    const WallTime now_;
    size_t at_ = 0;
    unsigned depth_ = 0;
};

}  // namespace

Result<Expression> Expression::parse(std::string_view text, WallTime now) {
    if (text.size() > kLengthMax) {
        return fail(ErrorKind::invalid_argument, "the expression is longer than 64 KiB");
    }
    return Expression(TRY(Parser(text, now).whole()));
}

}  // namespace xbucket::app
