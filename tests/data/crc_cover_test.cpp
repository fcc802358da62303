// SPDX-FileCopyrightText: the xbucket authors
// The CRC64 of an object that comes in pieces.
#include "crc_cover.h"

#include "xbucket/base/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace xbucket {
namespace {

std::string some_text(size_t bytes) {
    std::string text;
    for (size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i * i);
    text.resize(bytes);
    return text;
}

TEST(CrcCover, pieces_in_any_order_make_the_crc_of_the_whole) {
    const std::string text = some_text(10'000);
    const uint64_t seed = std::random_device()();
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 50; ++round) {
        std::vector<size_t> cuts = {0, text.size()};
        for (int i = 0; i < 20; ++i) cuts.push_back(random() % text.size());
        std::sort(cuts.begin(), cuts.end());
        cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
        std::vector<size_t> order(cuts.size() - 1);
        for (size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::shuffle(order.begin(), order.end(), random);
        CrcCover cover;
        for (const size_t i : order) {
            EXPECT_FALSE(cover.whole(text.size()));
            const std::string piece = text.substr(cuts[i], cuts[i + 1] - cuts[i]);
            cover.add(cuts[i], piece.size(), crc64(piece));
        }
        EXPECT_EQ(cover.whole(text.size()), crc64(text));
        EXPECT_EQ(cover.bytes(), text.size());
    }
}

TEST(CrcCover, what_was_covered_before_does_not_count_twice) {
    const std::string text = some_text(100);
    CrcCover cover;
    cover.add(0, 60, crc64(text.substr(0, 60)));
    cover.add(50, 50, crc64(text.substr(50)));
    cover.add(0, 100, crc64(text));
    EXPECT_FALSE(cover.whole(100));
    cover.add(60, 40, crc64(text.substr(60)));
    EXPECT_EQ(cover.whole(100), crc64(text));
}

TEST(CrcCover, a_gap_is_no_whole) {
    CrcCover cover;
    cover.add(1, 99, 5);
    EXPECT_FALSE(cover.whole(100));
}

TEST(CrcCover, too_many_pieces_end_the_check_and_cost_no_memory) {
    CrcCover cover;
    for (uint64_t i = 0; i < 100'000; ++i) cover.add(2 * i, 1, 1);
    EXPECT_EQ(cover.bytes(), 0u);
    EXPECT_FALSE(cover.whole(200'000));
}

}  // namespace
}  // namespace xbucket
