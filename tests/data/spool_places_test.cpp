// SPDX-FileCopyrightText: the xbucket authors
// Goal: content reads back as it was written, wherever its chunks found a place, and all memory is
// given back. Method: random writes and resizes against a string, with no, some and plenty of
// memory.
#include "spool_places.h"

#include "spool_file.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

namespace xbucket {
namespace {

using testing::TempDir;

constexpr uint64_t kChunk = SpoolPlaces::kChunkBytes;

std::string all_of(const SpoolPlaces& places, size_t size) {
    std::string buffer(size + 100, 'x');
    buffer.resize(places.read(buffer.data(), buffer.size(), 0).value());
    return buffer;
}

size_t files_in(const std::string& directory) {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                             std::filesystem::directory_iterator()));
}

class SpoolPlacesTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SpoolPlacesTest, content_is_what_was_written_wherever_it_lies) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](uint64_t n) {
        return std::uniform_int_distribution<uint64_t>(0, n - 1)(random);
    };
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, GetParam()));
    auto places = std::make_unique<SpoolPlaces>(*space);
    std::string model;
    for (int i = 0; i < 300; ++i) {
        const uint64_t offset = below(20 * kChunk);
        if (below(6) == 0) {
            ASSERT_TRUE(places->resize(offset));
            model.resize(offset);
        } else {
            const std::string bytes(1 + below(3 * kChunk), static_cast<char>('a' + below(26)));
            ASSERT_EQ(places->write(offset, bytes).value(), bytes.size());
            model.resize(std::max(model.size(), offset + bytes.size()));
            model.replace(offset, bytes.size(), bytes);
        }
        if (i % 8 == 0) {
            ASSERT_EQ(all_of(*places, model.size()), model);
        }
    }
    ASSERT_TRUE(places->to_disk());
    EXPECT_TRUE(space->memory()->reserve(GetParam()));
    space->memory()->release(GetParam());
    EXPECT_EQ(all_of(*places, model.size()), model);
    ASSERT_TRUE(places->write(0, "behind"));
    places.reset();
    EXPECT_TRUE(space->memory()->reserve(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Memory, SpoolPlacesTest,
                         ::testing::Values(0, kChunk, 5 * kChunk + 17, 1000 * kChunk));

TEST(SpoolPlacesMemoryTest, content_that_fits_into_memory_needs_no_disk) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 4 * kChunk));
    std::filesystem::remove_all(dir / "spool");
    SpoolPlaces places(*space);
    ASSERT_TRUE(places.write(10, "memory"));
    EXPECT_EQ(all_of(places, 16), std::string(10, '\0') + "memory");
    // What does not fit any more says why, and what is here stays.
    EXPECT_EQ(places.write(0, std::string(8 * kChunk, 'x')).value(), 4 * kChunk);
    EXPECT_EQ(places.write(4 * kChunk, "more").error().kind, ErrorKind::io);
    ASSERT_TRUE(places.resize(3));
    EXPECT_EQ(all_of(places, 3), "xxx");
    ASSERT_TRUE(places.write(3 * kChunk, "room again"));
}

TEST(SpoolPlacesMemoryTest, a_file_that_nothing_could_be_written_to_is_told_at_once) {
    const TempDir dir;
    const auto none = std::move(*SpoolSpace::create(dir / "spool", 0, kChunk - 1));
    const auto some = std::move(*SpoolSpace::create(dir / "spool", 0, kChunk));
    std::filesystem::remove_all(dir / "spool");
    EXPECT_EQ(FileContent::create(*none, {}).error().kind, ErrorKind::io);
    EXPECT_TRUE(FileContent::create(*some, {}));
    EXPECT_TRUE(some->memory()->reserve(kChunk)) << "nothing was written";
}

TEST(SpoolPlacesMemoryTest, content_in_memory_is_kept_on_the_disk) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 2 * kChunk));
    const std::string text(3 * kChunk + 5, 'k');
    SpoolFile file(*space);
    ASSERT_TRUE(file.write(0, text));
    const auto path = file.keep(space->directory(), text.size(), WallTime(), "{}");
    ASSERT_TRUE(path) << path.error().describe();
    std::ifstream kept(*path, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), text);
    EXPECT_EQ(files_in(dir / "spool/recovery"), 2u);
    EXPECT_EQ(file.read(0, text.size()).value(), text);
}

}  // namespace
}  // namespace xbucket
