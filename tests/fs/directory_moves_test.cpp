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

TEST_F(DirectoryMovesTest, an_arrival_waits_only_where_a_move_ends_and_goes_to_the_new_key) {
    const InodePtr directory = node("d/sub/", NodeType::directory);
    std::optional<DirectoryMoves::Move> move(std::in_place, moves_, ObjectKey("d/"));
    { const DirectoryMoves::Arrival early(moves_, directory); }
    move->hold_back();
    const DirectoryMoves::Arrival beside(moves_, node("d-x/f", NodeType::file));
    std::thread maker([&] {
        const DirectoryMoves::Arrival late(moves_, directory, node("e/", NodeType::directory));
        EXPECT_EQ(directory->current_key().str(), "n/sub/");
    });
    wait_until_one_waits();
    EXPECT_TRUE(move->close());
    table_.move_below(ObjectKey("d/"), ObjectKey("n/"));
    move.reset();
    maker.join();
}

TEST_F(DirectoryMovesTest, the_end_of_a_move_waits_for_what_arrives) {
    const InodePtr file = node("d/f", NodeType::file);
    DirectoryMoves::Move move(moves_, ObjectKey("d/"));
    std::optional<DirectoryMoves::Arrival> arrival(std::in_place, moves_, file);
    std::atomic<bool> ending{false};
    std::thread mover([&] {
        move.hold_back();
        ending = true;
    });
    wait_until_one_waits();
    EXPECT_FALSE(ending);
    arrival.reset();
    mover.join();
}

TEST_F(DirectoryMovesTest, what_is_urgent_arrives_at_the_end_and_is_looked_for_again) {
    const InodePtr file = node("d/f", NodeType::file);
    std::optional<DirectoryMoves::Move> move(std::in_place, moves_, ObjectKey("d/"));
    move->hold_back();
    { const DirectoryMoves::Arrival urgent(moves_, file, DirectoryMoves::Haste::urgent); }
    EXPECT_FALSE(move->close());
    move->hold_back();
    EXPECT_TRUE(move->close());
    std::thread late([&] {
        const DirectoryMoves::Arrival urgent(moves_, file, DirectoryMoves::Haste::urgent);
        EXPECT_EQ(file->current_key().str(), "n/f");
    });
    wait_until_one_waits();
    table_.move_below(ObjectKey("d/"), ObjectKey("n/"));
    move.reset();
    late.join();
}

TEST_F(DirectoryMovesTest, what_was_broken_off_is_known_until_one_of_both_becomes_another) {
    const ObjectKey from("d/");
    const ObjectKey to("n/");
    for (const char* const changed : {"d/", "n/"}) {
        moves_.note_broken_off(from, {to, true});
        EXPECT_FALSE(moves_.broken_off(from, ObjectKey("x/")));
        EXPECT_FALSE(moves_.broken_off(to, from));
        moves_.forget_broken_off(ObjectKey("d/e/"));
        ASSERT_TRUE(moves_.broken_off(from, to));
        EXPECT_TRUE(moves_.broken_off(from, to)->marker_moved);
        moves_.forget_broken_off(ObjectKey(changed));
        EXPECT_FALSE(moves_.broken_off(from, to));
    }
}

}  // namespace
}  // namespace xbucket
