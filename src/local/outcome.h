// SPDX-FileCopyrightText: the xbucket authors
// What a handler gives: a Reply, or a Refusal that becomes an error reply in the caller's dialect.
// Refusals are made where the rule is broken, with the service's own code and status (protocol.md
// 8); how they are spelled on the wire (XML body, x-oss-err on HEAD) is reply.cpp's business.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/http/message.h"

#include <tl/expected.hpp>

#include <string>
#include <utility>
#include <vector>

namespace xbucket::local {

struct Refusal {
    int status = 500;
    std::string code;
    std::string message;
    std::string ec;  // OSS's fine-grained code, "" where none is known
    std::vector<std::pair<std::string, std::string>> details;  // further elements of <Error>
    std::vector<Header> headers;
    bool bare = false;  // status only, no body, connection closed (header block overflow)

    Refusal() = default;
    Refusal(int s, std::string c, std::string m, std::string e = {})
        : status(s), code(std::move(c)), message(std::move(m)), ec(std::move(e)) {}
    // Database and file errors: 500 InternalError with the reason, which only a local user sees.
    explicit Refusal(const Error& error)
        : status(500), code("InternalError"), message(error.describe()) {}

    Refusal detail(std::string name, std::string value) && {
        details.emplace_back(std::move(name), std::move(value));
        return std::move(*this);
    }
    Refusal header(std::string name, std::string value) && {
        headers.push_back({std::move(name), std::move(value)});
        return std::move(*this);
    }
};

template <class T>
class [[nodiscard]] Outcome : public tl::expected<T, Refusal> {
  public:
    using Base = tl::expected<T, Refusal>;
    using Base::Base;
    Outcome(Refusal refusal) : Base(tl::unexpected<Refusal>(std::move(refusal))) {}  // NOLINT
    Outcome(Result<T> result)                                                        // NOLINT
        : Base(result ? from(std::move(result))
                      : Base(tl::unexpected<Refusal>(Refusal(result.error())))) {}
    Outcome(const Error& error) : Base(tl::unexpected<Refusal>(Refusal(error))) {}  // NOLINT

  private:
    static Base from(Result<T>&& result) {
        if constexpr (std::is_void_v<T>) {
            return Base();
        } else {
            return Base(std::move(result).value());
        }
    }
};

template <class T>
T unwrap_outcome(tl::expected<T, Refusal>&& outcome) {
    if constexpr (!std::is_void_v<T>) return std::move(outcome).value();
}
template <class T>
T unwrap_outcome(tl::expected<T, Error>&& outcome) {
    if constexpr (!std::is_void_v<T>) return std::move(outcome).value();
}

}  // namespace xbucket::local

#define XB_ASK_NAMED(expr, name)                           \
    __extension__({                                        \
        auto name = (expr);                                \
        if (!name) return std::move(name).error();         \
        ::xbucket::local::unwrap_outcome(std::move(name)); \
    })
// TRY for Outcomes: the value of an Outcome or Result expression, or return its refusal or error
// from a function that gives an Outcome.
#define ASK(expr) XB_ASK_NAMED(expr, XB_CONCAT(xb_ask_, __COUNTER__))
