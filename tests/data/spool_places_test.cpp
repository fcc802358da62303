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
#include <sys/stat.h>
#include <unistd.h>

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

// Of this process.
size_t memory_bytes() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

TEST(SpoolPlacesMemoryTest, byte_far_behind_the_others_costs_no_more_than_they_do) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 2 * kChunk));
    auto places = std::make_unique<SpoolPlaces>(*space);
    constexpr uint64_t kFar = uint64_t{10} << 40;
    ASSERT_TRUE(places->write(0, "a"));
    const size_t before = memory_bytes();
    ASSERT_EQ(places->write(kFar, "z").value(), 1u);
    EXPECT_LT(memory_bytes(), before + (8U << 20));
    char last = 0;
    EXPECT_EQ(places->read(&last, 1, kFar).value(), 1u);
    EXPECT_EQ(last, 'z');
    ASSERT_TRUE(places->resize(kFar));
    EXPECT_TRUE(space->memory()->reserve(kChunk)) << "what was cut off has given its memory back";
    space->memory()->release(kChunk);
    places.reset();
    EXPECT_TRUE(space->memory()->reserve(2 * kChunk));
}

TEST(SpoolPlacesMemoryTest, content_that_fits_into_memory_stays_there) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 4 * kChunk));
    SpoolPlaces places(*space);
    ASSERT_TRUE(places.write(10, "memory"));
    EXPECT_EQ(all_of(places, 16), std::string(10, '\0') + "memory");
    EXPECT_FALSE(space->memory()->reserve(4 * kChunk));
    EXPECT_EQ(places.write(0, std::string(8 * kChunk, 'x')).value(), 8 * kChunk);
    EXPECT_EQ(all_of(places, 8 * kChunk), std::string(8 * kChunk, 'x'));
    EXPECT_FALSE(space->memory()->reserve(1));
    ASSERT_TRUE(places.resize(3));
    EXPECT_EQ(all_of(places, 3), "xxx");
    EXPECT_TRUE(space->memory()->reserve(3 * kChunk));
    space->memory()->release(3 * kChunk);
}

TEST(SpoolPlacesMemoryTest, memory_takes_only_what_the_disk_has_room_for) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 4 * kChunk));
    std::filesystem::remove_all(dir / "spool");
    SpoolPlaces places(*space);
    EXPECT_EQ(places.write(0, "nowhere to be kept").error().kind, ErrorKind::io);
    EXPECT_TRUE(space->memory()->reserve(4 * kChunk));
}

TEST(SpoolPlacesMemoryTest, room_is_set_aside_in_steps_and_used_again) {
    const TempDir dir;
    DiskFiles files(dir.path());
    DiskFile file = std::move(*files.take());
    for (uint64_t at = 0; at < 8 * kChunk; at += kChunk) {
        ASSERT_TRUE(file.make_room({at, at + kChunk}));
    }
    struct stat now {};
    ASSERT_EQ(fstat(file.fd(), &now), 0);
    EXPECT_GE(static_cast<uint64_t>(now.st_blocks) * 512, 8 * kChunk);
    EXPECT_EQ(file.room_bytes(), 8 * kChunk);
    files.give_back(std::move(file));
    DiskFile again = std::move(*files.take());
    EXPECT_TRUE(again.has_room({0, 8 * kChunk}));
    // In the middle of nowhere there is no step; at the end of what was asked for last there is.
    ASSERT_TRUE(again.make_room({1000 * kChunk, 1001 * kChunk}));
    EXPECT_EQ(again.room_bytes(), 9 * kChunk);
    ASSERT_TRUE(again.make_room({1001 * kChunk, 1002 * kChunk}));
    EXPECT_GT(again.room_bytes(), 10 * kChunk);
    ASSERT_TRUE(again.cut(4 * kChunk));
    EXPECT_EQ(again.room_bytes(), 4 * kChunk);
    files.give_back(std::move(again));
    EXPECT_TRUE(files.drop_idle());
    EXPECT_FALSE(files.drop_idle());
}

TEST(SpoolPlacesMemoryTest, nothing_of_a_file_that_is_gone_is_in_the_next_one) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 2 * kChunk));
    for (const uint64_t chunks : {uint64_t{4}, uint64_t{2}}) {
        auto places = std::make_unique<SpoolPlaces>(*space);
        ASSERT_TRUE(places->write(0, std::string(chunks * kChunk, 'x')));
        places.reset();
        SpoolPlaces next(*space);
        std::string model(3 * kChunk + 100, '\0');
        for (const uint64_t at : {uint64_t{7}, kChunk + 7, 2 * kChunk + 7, 3 * kChunk + 99}) {
            ASSERT_TRUE(next.write(at, "y"));
            model[at] = 'y';
        }
        EXPECT_TRUE(all_of(next, model.size()) == model) << chunks;
    }
}

TEST(SpoolPlacesMemoryTest, what_was_cut_off_and_grows_again_is_zeros_on_the_disk_too) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, kChunk));
    SpoolFile file(*space);
    ASSERT_TRUE(file.write(0, std::string(3 * kChunk, 'x')));
    ASSERT_TRUE(file.resize(kChunk / 2));
    ASSERT_TRUE(file.resize(3 * kChunk));
    std::string model(kChunk / 2, 'x');
    model.resize(3 * kChunk);
    EXPECT_TRUE(file.read(0, model.size()).value() == model);
    const auto kept =
        file.keep(space->directory(), WallTime(), [](const std::string&) { return "{}"; });
    ASSERT_TRUE(kept) << kept.error().describe();
    std::ifstream content(kept->path, std::ios::binary);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(content), {}) == model);
}

TEST(SpoolPlacesMemoryTest, a_file_that_nothing_could_be_written_to_is_told_at_once) {
    const TempDir dir;
    const auto none = std::move(*SpoolSpace::create(dir / "spool", 0, kChunk - 1));
    const auto some = std::move(*SpoolSpace::create(dir / "spool", 0, kChunk));
    EXPECT_TRUE(FileContent::create(*some, {}));
    std::filesystem::remove_all(dir / "spool");
    some->files()->drop_idle();
    EXPECT_EQ(FileContent::create(*none, {}).error().kind, ErrorKind::io);
    EXPECT_EQ(FileContent::create(*some, {}).error().kind, ErrorKind::io);
    EXPECT_TRUE(some->memory()->reserve(kChunk)) << "nothing was written";
}

TEST(SpoolPlacesMemoryTest, content_in_memory_is_kept_on_the_disk) {
    const TempDir dir;
    const auto space = std::move(*SpoolSpace::create(dir / "spool", 0, 2 * kChunk));
    const std::string text(3 * kChunk + 5, 'k');
    SpoolFile file(*space);
    ASSERT_TRUE(file.write(0, text));
    const auto kept =
        file.keep(space->directory(), WallTime(), [](const std::string&) { return "{}"; });
    ASSERT_TRUE(kept) << kept.error().describe();
    EXPECT_EQ(kept->damage, "");
    std::ifstream content(kept->path, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(content), {}), text);
    EXPECT_EQ(files_in(dir / "spool/recovery"), 2u);
    EXPECT_EQ(file.read(0, text.size()).value(), text);
}

}  // namespace
}  // namespace xbucket
