// SPDX-FileCopyrightText: the xbucket authors
// What `xbucket find` looks for: "user.year>=2020 and http.content-type~image/*". Pure.
//
//     expr  = and { ("or" | "||") and }
//     and   = not { ["and" | "&&"] not }
//     not   = ("not" | "!") not | "(" expr ")" | test
//     test  = NAME [ OP VALUE ]                       NAME alone: the attribute is there
//     OP    = "=" "==" "!=" "<" "<=" ">" ">="         numbers, times, else bytes
//           | "~" "!~"                                regular expression (POSIX extended), anywhere
//           | "like"                                  shell pattern over the whole value
//     VALUE = a word up to a blank or parenthesis, or '...' or "..." with \ before what is meant
//
// NAME is path, name, size, mtime, type (d, f, l), or an attribute with or without "user." in
// front. An attribute that is not there makes every test of it false, != and !~ too.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket::app {

// What a NAME stands for.
enum class Subject { path, name, size, mtime, type, attribute };

// One object, as an expression asks about it.
class FoundObject {
  public:
    virtual ~FoundObject() = default;
    // `attribute` is an xattr name ("user.year") and counts for Subject::attribute only; sizes are
    // decimal, times ISO 8601. nullopt: there is none. May block. Errors: what reading it gave.
    virtual Result<std::optional<std::string>> value(Subject subject,
                                                     const std::string& attribute) = 0;
};

class Expression {
  public:
    // Depth and length are bounded. `now` is what "mtime>-7d" counts back from.
    // Errors: invalid_argument with the place in `text` and what would do.
    static Result<Expression> parse(std::string_view text, WallTime now);

    // Asks for no more values than the answer needs, left to right.
    Result<bool> matches(FoundObject& object) const;
    // Whether any attribute may be asked for: without, a listing answers everything.
    bool needs_attributes() const;

    struct Node;
    Expression(Expression&&) noexcept;
    Expression& operator=(Expression&&) noexcept;
    ~Expression();

  private:
    explicit Expression(std::unique_ptr<const Node> root);
    std::unique_ptr<const Node> root_;
};

}  // namespace xbucket::app
