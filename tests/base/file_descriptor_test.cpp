// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/file_descriptor.h"

#include <gtest/gtest.h>

#include <fcntl.h>

namespace xbucket {
namespace {

int open_one() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

TEST(FileDescriptor, closes_when_it_goes) {
    int fd = -1;
    {
        const FileDescriptor held(open_one());
        fd = held.get();
        EXPECT_TRUE(held.is_open());
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
    EXPECT_FALSE(FileDescriptor().is_open());
    EXPECT_FALSE(FileDescriptor(-1).is_open());
}

TEST(FileDescriptor, what_is_moved_or_released_is_closed_once) {
    FileDescriptor first(open_one());
    const int fd = first.get();
    FileDescriptor second(std::move(first));
    EXPECT_EQ(second.get(), fd);
    FileDescriptor third(open_one());
    const int replaced = third.get();
    third = FileDescriptor(second.release());
    EXPECT_FALSE(is_open(replaced));
    EXPECT_EQ(third.get(), fd);
    EXPECT_TRUE(is_open(fd));
}

}  // namespace
}  // namespace xbucket
