// SPDX-FileCopyrightText: the xbucket authors
#include "inode_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ObjectKey kA("a");
const ObjectKey kB("b");

TEST(InodeTable, key_keeps_its_number_in_every_mount) {
    InodeTable one;
    InodeTable other;
    other.look_up(kB, NodeType::file);
    EXPECT_EQ(one.look_up(kA, NodeType::file)->ino, other.look_up(kA, NodeType::file)->ino);
    EXPECT_EQ(one.number_for(kB), other.number_for(kB));
}

TEST(InodeTable, key_keeps_its_number_after_it_was_forgotten) {
    InodeTable table;
    const InodeNumber first = table.look_up(kA, NodeType::file)->ino;
    table.forget(first, 1);
    EXPECT_EQ(table.find(first), nullptr);
    EXPECT_EQ(table.look_up(kA, NodeType::file)->ino, first);
}

TEST(InodeTable, inode_goes_with_its_last_lookup) {
    InodeTable table;
    const InodeNumber ino = table.look_up(kA, NodeType::file)->ino;
    table.look_up(kA, NodeType::file);
    table.forget(ino, 1);
    EXPECT_NE(table.find(ino), nullptr);
    table.forget(ino, 1);
    EXPECT_EQ(table.find(ino), nullptr);
    EXPECT_EQ(table.find_key(kA), nullptr);
    table.forget(ino, 1);  // of a kernel that counts otherwise: nothing happens
}

TEST(InodeTable, pinned_inode_outlives_its_lookups) {
    InodeTable table;
    const InodePtr inode = table.look_up(kA, NodeType::file);
    {
        const Pin pin(table, inode);
        table.forget(inode->ino, 1);
        EXPECT_EQ(table.find(inode->ino), inode);
    }
    EXPECT_EQ(table.find(inode->ino), nullptr);
}

TEST(InodeTable, unlinked_file_and_its_successor_have_different_numbers) {
    InodeTable table;
    const InodePtr old = table.look_up(kA, NodeType::file);
    table.remove(old);
    const InodePtr next = table.look_up(kA, NodeType::file);
    EXPECT_NE(old->ino, next->ino);
    EXPECT_EQ(table.find(old->ino), old);
    EXPECT_EQ(table.find_key(kA), next);
    table.forget(old->ino, 1);
    EXPECT_EQ(table.find_key(kA), next);
}

TEST(InodeTable, renamed_inode_keeps_its_number_and_removes_what_was_there) {
    InodeTable table;
    const InodePtr a = table.look_up(kA, NodeType::file);
    const InodePtr b = table.look_up(kB, NodeType::file);
    table.move(a, kB);
    EXPECT_EQ(table.find_key(kB), a);
    EXPECT_EQ(table.find_key(kA), nullptr);
    EXPECT_EQ(a->current_key(), kB);
    LockGuard lock(b->mutex);
    EXPECT_TRUE(b->removed);
}

TEST(InodeTable, new_file_at_a_renamed_ones_key_gets_another_number) {
    InodeTable table;
    const InodePtr a = table.look_up(kA, NodeType::file);
    table.move(a, kB);
    EXPECT_NE(table.look_up(kA, NodeType::file)->ino, a->ino);
    EXPECT_EQ(table.find(a->ino), a);
}

TEST(InodeTable, moving_a_directory_moves_everything_below_it) {
    InodeTable table;
    const InodePtr directory = table.look_up(ObjectKey("d/"), NodeType::directory);
    const InodePtr inner = table.look_up(ObjectKey("d/e/"), NodeType::directory);
    const InodePtr file = table.look_up(ObjectKey("d/e/f"), NodeType::file);
    const InodePtr neighbour = table.look_up(ObjectKey("d-x"), NodeType::file);
    const InodePtr local = table.create_local(ObjectKey("d/new"));
    table.move_below(ObjectKey("d/"), ObjectKey("x/y/"));
    EXPECT_EQ(directory->current_key().str(), "x/y/");
    EXPECT_EQ(inner->current_key().str(), "x/y/e/");
    EXPECT_EQ(file->current_key().str(), "x/y/e/f");
    EXPECT_EQ(neighbour->current_key().str(), "d-x");
    EXPECT_THAT(table.local_in(ObjectKey("x/y/")), ElementsAre(ObjectKey("x/y/new")));
    EXPECT_THAT(table.local_below("d/"), IsEmpty());
}

TEST(InodeTable, change_of_type_makes_a_new_inode) {
    InodeTable table;
    const InodePtr file = table.look_up(kA, NodeType::file);
    const InodePtr link = table.look_up(kA, NodeType::symlink);
    EXPECT_NE(file, link);
    EXPECT_NE(file->ino, link->ino);
}

TEST(InodeTable, local_file_stays_until_it_is_settled) {
    InodeTable table;
    const InodePtr inode = table.create_local(kA);
    table.forget(inode->ino, 1);
    EXPECT_EQ(table.find_key(kA), inode);
    EXPECT_THAT(table.local_in(ObjectKey("")), ElementsAre(kA));
    table.settle(inode);
    EXPECT_EQ(table.find_key(kA), nullptr);
    EXPECT_THAT(table.local_in(ObjectKey("")), IsEmpty());
}

TEST(InodeTable, local_in_gives_one_level_and_local_below_all) {
    InodeTable table;
    table.create_local(ObjectKey("d/f"));
    table.create_local(ObjectKey("d/e/g"));
    EXPECT_THAT(table.local_in(ObjectKey("d/")), ElementsAre(ObjectKey("d/f")));
    EXPECT_EQ(table.local_below("d/").size(), 2u);
    EXPECT_THAT(table.local_in(ObjectKey("")), IsEmpty());
}

TEST(InodeTable, candidates_go_round_and_leave_out_what_is_in_use) {
    InodeTable table;
    const InodePtr pinned = table.look_up(kA, NodeType::file);
    const Pin pin(table, pinned);
    table.look_up(kB, NodeType::file);
    table.look_up(ObjectKey("c"), NodeType::file);
    table.look_up(ObjectKey("d/"), NodeType::directory);
    table.create_local(ObjectKey("e"));
    EXPECT_THAT(table.candidates(1), ElementsAre(kB));
    EXPECT_THAT(table.candidates(1), ElementsAre(ObjectKey("c")));
    EXPECT_THAT(table.candidates(1), ElementsAre(kB));
}

TEST(InodeTable, numbers_spare_zero_and_the_root) {
    for (int i = 0; i < 1000; ++i) {
        const uint64_t number = inode_number_of("key" + std::to_string(i));
        EXPECT_GT(number, 1u);
        EXPECT_LE(number, uint64_t{1} << 63);
    }
}

}  // namespace
}  // namespace xbucket
