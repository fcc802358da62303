// SPDX-FileCopyrightText: the xbucket authors
// Result<T>: a value or an Error, never dropped unnoticed. tl::expected is not [[nodiscard]] in
// Debian 12's version, so a thin derived class adds that. TRY unwraps or returns the error.
#pragma once

#include "xbucket/base/error.h"

#include <tl/expected.hpp>

#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace xbucket {

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  public:
    using Base = tl::expected<T, Error>;
    using Base::Base;
    Result(Error error)
        : Base(tl::unexpected<Error>(std::move(error))) {}  // NOLINT: implicit on purpose
    Result(Base other) : Base(std::move(other)) {}          // NOLINT
};

namespace detail {
template <class T>
T unwrap(Result<T>&& result) {
    if constexpr (!std::is_void_v<T>) return std::move(result).value();
}
}  // namespace detail

// Makes an error result: `return fail(ErrorKind::not_found, "...")`.
inline Error fail(ErrorKind kind, std::string message) { return Error(kind, std::move(message)); }

}  // namespace xbucket

#define XB_CONCAT2(a, b) a##b
#define XB_CONCAT(a, b) XB_CONCAT2(a, b)
#define XB_TRY_NAMED(expr, name)                    \
    __extension__({                                 \
        auto name = (expr);                         \
        if (!name) return std::move(name).error();  \
        ::xbucket::detail::unwrap(std::move(name)); \
    })
// Value of a Result expression, or return its Error from the enclosing function (which must return
// a Result or an Error). Not for use inside coroutines; there are none here.
#define TRY(expr) XB_TRY_NAMED(expr, XB_CONCAT(xb_try_, __COUNTER__))

// Programmer errors end the process with a message; always on.
#define CHECK(cond)                                                                       \
    do {                                                                                  \
        if (!(cond)) {                                                                    \
            std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #cond); \
            std::abort();                                                                 \
        }                                                                                 \
    } while (false)
