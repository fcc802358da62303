// SPDX-FileCopyrightText: the xbucket authors
// The budget of memory for bytes of objects.
#include "block_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace xbucket {
namespace {

class BlockMemoryTest : public ::testing::Test {
  protected:
    unsigned released_ = 0;
    BlockMemory memory_{4 * kBlockBytes, [this] { ++released_; }};
};

TEST_F(BlockMemoryTest, bytes_are_set_aside_up_to_the_limit_and_no_further) {
    EXPECT_TRUE(memory_.reserve(3 * kBlockBytes, 3 * kBlockBytes));
    EXPECT_FALSE(memory_.reserve(1, 3 * kBlockBytes));
    EXPECT_TRUE(memory_.reserve(kBlockBytes, memory_.bytes_max()));
    EXPECT_FALSE(memory_.reserve(1, memory_.bytes_max()));
    for (int i = 0; i < 4; ++i) memory_.take(kBlockBytes);
    EXPECT_EQ(memory_.used(), 0u);
    EXPECT_EQ(released_, 4u);
}

TEST_F(BlockMemoryTest, a_limit_below_what_is_asked_for_is_no_overflow) {
    EXPECT_FALSE(memory_.reserve(kBlockBytes, 10));
    EXPECT_FALSE(memory_.reserve(UINT64_MAX, memory_.bytes_max()));
    EXPECT_EQ(memory_.used(), 0u);
}

TEST_F(BlockMemoryTest, blocks_are_used_again) {
    ASSERT_TRUE(memory_.reserve(kBlockBytes, memory_.bytes_max()));
    char* first = nullptr;
    {
        const Block block = memory_.take(kBlockBytes);
        first = block.data();
        first[0] = first[kBlockBytes - 1] = 'x';
    }
    ASSERT_TRUE(memory_.reserve(kBlockBytes, memory_.bytes_max()));
    EXPECT_EQ(memory_.take(kBlockBytes).data(), first);
}

TEST_F(BlockMemoryTest, small_blocks_have_just_the_bytes_asked_for) {
    ASSERT_TRUE(memory_.reserve(100, memory_.bytes_max()));
    {
        const Block block = memory_.take(100);
        EXPECT_EQ(block.size(), 100u);
        block.data()[99] = 'x';
        EXPECT_EQ(memory_.used(), 100u);
    }
    EXPECT_EQ(memory_.used(), 0u);
}

TEST(BlockMemoryPagesTest, pages_go_back_to_the_machine_when_nobody_is_left_who_reads) {
    constexpr size_t kBlocks = 16;
    BlockMemory memory(kBlocks * kBlockBytes, [] {});
    const auto count_written = [&] {
        EXPECT_TRUE(memory.reserve(kBlocks * kBlockBytes, memory.bytes_max()));
        std::vector<Block> blocks;
        size_t written = 0;
        for (size_t i = 0; i < kBlocks; ++i) {
            blocks.push_back(memory.take(kBlockBytes));
            written += blocks.back().data()[0] == 'x' ? 1 : 0;
            blocks.back().data()[0] = 'x';
        }
        return written;
    };
    memory.enter();
    EXPECT_EQ(count_written(), 0u);
    EXPECT_EQ(count_written(), kBlocks);
    memory.leave();
    EXPECT_EQ(count_written(), 0u);
}

}  // namespace
}  // namespace xbucket
