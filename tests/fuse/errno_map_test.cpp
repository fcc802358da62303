// SPDX-FileCopyrightText: the xbucket authors
#include "errno_map.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace xbucket::fuse {
namespace {

TEST(ErrnoMap, no_kind_is_success_or_ENOSYS) {
    for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
        const int number = to_errno(static_cast<ErrorKind>(i));
        EXPECT_GT(number, 0) << i;
        EXPECT_NE(number, ENOSYS) << i;
    }
}

TEST(ErrnoMap, attribute_errors_are_those_of_ext4) {
    EXPECT_EQ(to_errno(ErrorKind::no_such_attribute), ENODATA);
    EXPECT_EQ(to_errno(ErrorKind::already_exists), EEXIST);
    EXPECT_EQ(to_errno(ErrorKind::no_attribute_space), ENOSPC);
    EXPECT_EQ(to_errno(ErrorKind::value_too_large), E2BIG);
    EXPECT_EQ(to_errno(ErrorKind::unsupported), EOPNOTSUPP);
    EXPECT_EQ(to_errno(ErrorKind::not_permitted), EPERM);
    EXPECT_EQ(to_errno(ErrorKind::invalid_name), EINVAL);
}

TEST(ErrnoMap, what_a_person_can_act_on_is_never_a_bare_EIO) {
    for (const ErrorKind kind :
         {ErrorKind::archived, ErrorKind::access_denied, ErrorKind::expired_credentials,
          ErrorKind::bad_credentials, ErrorKind::not_permitted, ErrorKind::no_space,
          ErrorKind::stale, ErrorKind::file_too_large, ErrorKind::timed_out}) {
        EXPECT_NE(to_errno(kind), EIO);
        EXPECT_TRUE(deserves_log(Error(kind, "")));
    }
}

TEST(ErrnoMap, what_the_service_refuses_is_explained_in_the_log) {
    Error own(ErrorKind::invalid_argument, "no such class");
    EXPECT_FALSE(deserves_log(own)) << "the caller's, and thousands of them are nobody's business";
    own.http_status = 400;
    EXPECT_TRUE(deserves_log(own));
    Error gone(ErrorKind::not_found, "");
    gone.http_status = 404;
    EXPECT_FALSE(deserves_log(gone));
}

TEST(ErrnoMap, EIO_is_always_explained_in_the_log) {
    for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
        const auto kind = static_cast<ErrorKind>(i);
        if (kind == ErrorKind::not_modified || kind == ErrorKind::bad_range) continue;
        if (to_errno(kind) != EIO) continue;
        EXPECT_TRUE(deserves_log(Error(kind, ""))) << to_string(kind);
    }
}

}  // namespace
}  // namespace xbucket::fuse
