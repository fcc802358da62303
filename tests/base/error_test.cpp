// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/error.h"

#include "xbucket/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace xbucket {
namespace {

Result<int> half(int n) {
    if (n % 2 != 0) return fail(ErrorKind::invalid_argument, "odd number");
    return n / 2;
}
Result<int> quarter(int n) { return TRY(half(TRY(half(n)))); }
Result<void> must_be_even(int n) {
    TRY(half(n));
    return {};
}
Result<int> half_if_even(int n) {
    TRY(must_be_even(n));
    return n / 2;
}
Result<std::unique_ptr<int>> boxed(int n) { return std::make_unique<int>(TRY(half(n))); }
Result<int> unboxed(int n) { return *TRY(boxed(n)); }

TEST(ErrorKind, every_kind_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    const int last = static_cast<int>(ErrorKind::internal);
    for (int kind = 0; kind <= last; ++kind) {
        const std::string_view name = to_string(static_cast<ErrorKind>(kind));
        EXPECT_NE(name, "unknown") << kind;
        EXPECT_TRUE(names.insert(name).second) << name;
    }
    EXPECT_EQ(to_string(ErrorKind::not_found), "not_found");
    EXPECT_EQ(to_string(ErrorKind::checksum_mismatch), "checksum_mismatch");
}

TEST(Error, describes_what_the_service_said) {
    Error error(ErrorKind::not_found, "reading a/b: no such key");
    error.http_status = 404;
    error.code = "NoSuchKey";
    error.request_id = "5C3D9175B6FC201293AD4890";
    EXPECT_EQ(error.describe(),
              "reading a/b: no such key (kind=not_found http=404 code=NoSuchKey "
              "request_id=5C3D9175B6FC201293AD4890)");
}

TEST(Error, describes_only_what_is_known) {
    EXPECT_EQ(Error(ErrorKind::no_space, "spool is full").describe(),
              "spool is full (kind=no_space)");
}

TEST(Error, description_is_one_line_whatever_the_service_sends) {
    Error error(ErrorKind::server_error, "listing");
    error.code = "Bad\nline";
    EXPECT_EQ(error.describe().find('\n'), std::string::npos);
}

TEST(Error, context_goes_in_front_and_the_rest_stays) {
    Error error(ErrorKind::throttled, "slow down");
    error.http_status = 503;
    error.outcome_unknown = true;
    const Error wrapped = std::move(error).with_context("updating a/b").with_context("flush");
    EXPECT_EQ(wrapped.message, "flush: updating a/b: slow down");
    EXPECT_EQ(wrapped.kind, ErrorKind::throttled);
    EXPECT_EQ(wrapped.http_status, 503);
    EXPECT_TRUE(wrapped.outcome_unknown);
}

TEST(Result, try_unwraps_values_nested_void_and_move_only) {
    EXPECT_EQ(quarter(12).value(), 3);
    EXPECT_EQ(half_if_even(8).value(), 4);
    EXPECT_EQ(unboxed(8).value(), 4);
}

TEST(Result, try_returns_the_first_error) {
    EXPECT_EQ(quarter(6).error().message, "odd number");
    EXPECT_EQ(half_if_even(3).error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(unboxed(3).error().kind, ErrorKind::invalid_argument);
}

TEST(CheckDeathTest, failed_check_names_the_condition) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(CHECK(1 + 1 == 3), "CHECK failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace xbucket
