// SPDX-FileCopyrightText: the xbucket authors
#include "mountpoint.h"

#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <unistd.h>

namespace xbucket::app {
namespace {

using ::testing::HasSubstr;
using xbucket::testing::TempDir;

constexpr std::string_view kMountinfo =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "40 22 0:35 / /mnt/b rw,nosuid,nodev - fuse.xbucket oss://examplebucket rw,user_id=0\n"
    "41 40 0:36 / /mnt/b rw shared:7 master:2 - tmpfs none rw\n"
    "42 22 0:37 / /mnt/with\\040blank rw - fuse.xbucket local:/x\\134y rw\n"
    "broken line\n";

TEST(FindMount, topmost_mount_at_exactly_that_path) {
    const auto top = find_mount(kMountinfo, "/mnt/b");
    ASSERT_TRUE(top);
    EXPECT_EQ(top->type, "tmpfs");
    EXPECT_EQ(find_mount(kMountinfo, "/")->type, "ext4");
    EXPECT_FALSE(find_mount(kMountinfo, "/mnt"));
    EXPECT_FALSE(find_mount("", "/"));
}

TEST(FindMount, escaped_paths_and_sources_are_decoded) {
    const auto found = find_mount(kMountinfo, "/mnt/with blank");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->type, "fuse.xbucket");
    EXPECT_EQ(found->source, "local:/x\\y");
}

TEST(ResolveMountpoint, relative_paths_and_links_become_what_the_kernel_lists) {
    const TempDir dir;
    dir.write("real/x", "");
    ASSERT_EQ(symlink("real", (dir / "link").c_str()), 0);
    char expected[4096];
    ASSERT_NE(realpath((dir / "real").c_str(), expected), nullptr);
    EXPECT_EQ(*resolve_mountpoint(dir / "link/../link/"), expected);
}

TEST(ResolveMountpoint, missing_and_wrong_kind_say_what_to_do) {
    const TempDir dir;
    EXPECT_THAT(resolve_mountpoint(dir / "none").error().message, HasSubstr("mkdir -p"));
    EXPECT_THAT(resolve_mountpoint(dir.write("f", "")).error().message, HasSubstr("no directory"));
}

TEST(ResolveMountpoint, root_of_the_machine_is_refused) {
    EXPECT_THAT(resolve_mountpoint("/").error().message, HasSubstr("cannot be a mount point"));
    EXPECT_FALSE(resolve_mountpoint("/usr/.."));
}

TEST(ClearMountpoint, ordinary_directory_is_left_alone) {
    const TempDir dir;
    EXPECT_TRUE(clear_mountpoint(dir.path()));
}

}  // namespace
}  // namespace xbucket::app
