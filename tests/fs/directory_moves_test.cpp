// SPDX-FileCopyrightText: the xbucket authors
#include "directory_moves.h"

#include "inode_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

namespace xbucket {
namespace {

class DirectoryMovesTest : public ::testing::Test {
  protected:
    InodePtr node(const std::string& key, NodeType type) {
        return table_.look_up(ObjectKey(key), type);
    }
    void wait_until_one_waits() {
        while (moves_.waiting() == 0) std::this_thread::yield();
    }
    InodeTable table_;
    DirectoryMoves moves_;
};

TEST_F(DirectoryMovesTest, a_change_waits_for_the_move_and_goes_to_the_new_key) {
    const InodePtr directory = node("d/sub/", NodeType::directory);
    std::optional<DirectoryMoves::Move> move(std::in_place, moves_, ObjectKey("d/"));
    std::atomic<bool> changed{false};
    std::thread changer([&] {
        const DirectoryMoves::Change change(moves_, directory);
        changed = true;
        EXPECT_EQ(directory->current_key().str(), "n/sub/");
    });
    wait_until_one_waits();
    EXPECT_FALSE(changed);
    table_.move_below(ObjectKey("d/"), ObjectKey("n/"));
    move.reset();
    changer.join();
}

TEST_F(DirectoryMovesTest, a_move_waits_for_the_change_that_is_under_way) {
    const InodePtr directory = node("d/sub/", NodeType::directory);
    std::optional<DirectoryMoves::Change> change(std::in_place, moves_, directory);
    std::atomic<bool> moving{false};
    std::thread mover([&] {
        const DirectoryMoves::Move move(moves_, ObjectKey("d/"));
        moving = true;
    });
    wait_until_one_waits();
    EXPECT_FALSE(moving);
    change.reset();
    mover.join();
}

TEST_F(DirectoryMovesTest, files_and_what_lies_elsewhere_wait_for_nothing) {
    const DirectoryMoves::Move move(moves_, ObjectKey("d/"));
    const DirectoryMoves::Change file(moves_, node("d/f", NodeType::file));
    const DirectoryMoves::Change beside(moves_, node("d-x/", NodeType::directory));
    const DirectoryMoves::Change above(moves_, node("", NodeType::directory));
    const DirectoryMoves::Move elsewhere(moves_, ObjectKey("e/"));
    EXPECT_EQ(moves_.waiting(), 0U);
}

}  // namespace
}  // namespace xbucket
