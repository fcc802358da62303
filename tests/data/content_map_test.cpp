// SPDX-FileCopyrightText: the xbucket authors
// Where the bytes of a changed file are: sets of ranges, cells of parts, and the map itself against
// a plain string.
#include "part_grid.h"
#include "range_set.h"
#include "support/temp_dir.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/data/file_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>
#include <sstream>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempDir;

TEST(RangeSetTest, neighbours_become_one_and_holes_split) {
    RangeSet set;
    set.add({10, 20});
    set.add({30, 40});
    set.add({20, 30});
    EXPECT_THAT(set.parts_in({0, 100}), ElementsAre(ByteRange{10, 40}));
    set.remove({15, 25});
    EXPECT_THAT(set.parts_in({0, 100}), ElementsAre(ByteRange{10, 15}, ByteRange{25, 40}));
    EXPECT_THAT(set.gaps_in({12, 30}), ElementsAre(ByteRange{15, 25}));
    EXPECT_EQ(set.covered({14, 26}), 2u);
    EXPECT_FALSE(set.overlaps({15, 25}));
    EXPECT_THAT(set.gaps_in({5, 5}), IsEmpty());
}

TEST(RangeSetTest, behaves_like_a_set_of_numbers) {
    std::mt19937 random(1);
    RangeSet set;
    std::set<uint64_t> model;
    for (int i = 0; i < 3000; ++i) {
        const uint64_t begin = random() % 200;
        const ByteRange range{begin, begin + random() % 40};
        if (random() % 2 == 0) {
            set.add(range);
            for (uint64_t n = range.begin; n < range.end; ++n) model.insert(n);
        } else {
            set.remove(range);
            for (uint64_t n = range.begin; n < range.end; ++n) model.erase(n);
        }
        uint64_t covered = 0;
        for (const ByteRange& part : set.parts_in({0, 300})) {
            for (uint64_t n = part.begin; n < part.end; ++n) ASSERT_EQ(model.count(n), 1u) << n;
            covered += part.size();
        }
        ASSERT_EQ(covered, model.size()) << "step " << i;
    }
}

TEST(PartGridTest, even_cells) {
    const PartGrid grid = PartGrid::even(100);
    EXPECT_EQ(grid.cell_of(0), 0u);
    EXPECT_EQ(grid.cell_of(99), 0u);
    EXPECT_EQ(grid.cell_of(100), 1u);
    EXPECT_EQ(grid.cell(7), (ByteRange{700, 800}));
}

TEST(PartGridTest, growing_cells_leave_no_gap_and_reach_far) {
    const uint64_t mib = 1U << 20;
    const PartGrid grid = PartGrid::growing(16 * mib, 5120 * mib);
    uint64_t end = 0;
    for (uint64_t cell = 0; cell < 10000; ++cell) {
        const ByteRange range = grid.cell(cell);
        ASSERT_EQ(range.begin, end);
        ASSERT_LE(range.size(), 5120 * mib);
        ASSERT_EQ(grid.cell_of(range.begin), cell);
        ASSERT_EQ(grid.cell_of(range.end - 1), cell);
        end = range.end;
    }
    EXPECT_EQ(grid.cell(0).size(), 16 * mib);
    EXPECT_GT(end, 5ULL << 40);  // 10,000 parts hold the largest object of S3
}

// A file that starts from an object, and what it should contain.
class FileContentTest : public ::testing::Test {
  protected:
    void start(const std::string& object) {
        object_ = model_ = object;
        content_ = std::move(
            *FileContent::create(*space_, {ETag(object.empty() ? "" : "e"), object.size()}));
    }
    void write(uint64_t offset, const std::string& bytes) {
        ASSERT_EQ(content_->write(offset, bytes).value(), bytes.size());
        if (bytes.empty()) return;
        model_.resize(std::max<size_t>(model_.size(), offset + bytes.size()));
        model_.replace(offset, bytes.size(), bytes);
    }
    void resize(uint64_t size) {
        ASSERT_TRUE(content_->resize(size));
        model_.resize(size);
    }
    void fill(uint64_t begin, uint64_t end) {
        const std::string bytes = object_.substr(begin, end - begin);
        if (!bytes.empty()) {
            ASSERT_TRUE(content_->fill(begin, bytes));
        }
    }
    // As a reader sees it: what is missing comes from the object.
    std::string text() const {
        std::string all;
        for (const FileContent::Piece& piece :
             content_->pieces(0, std::numeric_limits<uint64_t>::max())) {
            const size_t bytes = static_cast<size_t>(piece.range.size());
            all += piece.missing ? object_.substr(piece.range.begin, bytes)
                                 : content_->read(piece.range.begin, bytes).value();
        }
        return all;
    }

    TempDir dir_;
    std::unique_ptr<SpoolSpace> space_ = std::move(*SpoolSpace::create(dir_ / "spool", 0));
    std::string object_;
    std::string model_;
    std::unique_ptr<FileContent> content_;
};

TEST_F(FileContentTest, nothing_of_an_object_is_here_until_it_is_written_or_fetched) {
    start("0123456789");
    EXPECT_THAT(content_->missing({0, 10}), ElementsAre(ByteRange{0, 10}));
    EXPECT_TRUE(content_->is_unchanged({0, 10}));
    write(3, "ab");
    EXPECT_EQ(text(), "012ab56789");
    EXPECT_THAT(content_->missing({0, 10}), ElementsAre(ByteRange{0, 3}, ByteRange{5, 10}));
    EXPECT_FALSE(content_->is_unchanged({0, 4}));
    EXPECT_TRUE(content_->is_unchanged({5, 10}));
    EXPECT_EQ(space_->bytes_used(), 2u);
    fill(0, 10);  // what was written stays
    EXPECT_THAT(content_->missing({0, 10}), IsEmpty());
    EXPECT_EQ(content_->read(0, 100).value(), "012ab56789");
    EXPECT_EQ(content_->crc64().value(), crc64("012ab56789"));
    EXPECT_EQ(content_->md5_hex().value(), hex_encode(md5("012ab56789")));
}

TEST_F(FileContentTest, what_was_cut_off_comes_back_as_zeros) {
    start("0123456789");
    resize(4);
    resize(8);
    EXPECT_EQ(text(), std::string("0123\0\0\0\0", 8));
    EXPECT_THAT(content_->missing({0, 8}), ElementsAre(ByteRange{0, 4}));
    EXPECT_FALSE(content_->is_unchanged({0, 8}));
    EXPECT_FALSE(content_->only_grew());
}

TEST_F(FileContentTest, only_grew_where_everything_of_the_base_is_left) {
    start("abc");
    write(3, "def");
    EXPECT_TRUE(content_->only_grew());
    write(2, "x");
    EXPECT_FALSE(content_->only_grew());
}

TEST_F(FileContentTest, after_an_upload_the_new_object_is_the_base) {
    start("0123456789");
    write(8, "abcd");
    content_->uploaded(ETag("new"));
    object_ = model_;
    EXPECT_TRUE(content_->is_unchanged({0, 12}));
    EXPECT_EQ(content_->base().size, 12u);
    EXPECT_THAT(content_->missing({0, 12}), ElementsAre(ByteRange{0, 8}));
    EXPECT_EQ(text(), "01234567abcd");
}

TEST_F(FileContentTest, spool_quota_counts_what_lies_here_and_is_given_back) {
    space_ = std::move(*SpoolSpace::create(dir_ / "spool", 100));
    start(std::string(1000, 'o'));
    write(0, std::string(60, 'a'));
    write(30, std::string(40, 'b'));
    EXPECT_EQ(space_->bytes_used(), 70u);
    EXPECT_EQ(content_->write(200, std::string(31, 'c')).error().kind, ErrorKind::no_space);
    EXPECT_EQ(text(), model_);
    resize(50);
    EXPECT_EQ(space_->bytes_used(), 50u);
    content_.reset();
    EXPECT_EQ(space_->bytes_used(), 0u);
}

TEST_F(FileContentTest, no_size_and_no_offset_beyond_what_a_file_can_have) {
    start("");
    EXPECT_EQ(content_->write(INT64_MAX - 1, "abc").error().kind, ErrorKind::file_too_large);
    EXPECT_EQ(content_->resize(UINT64_MAX).error().kind, ErrorKind::file_too_large);
}

TEST_F(FileContentTest, note_of_kept_content_names_what_is_missing) {
    start("0123456789");
    write(2, "ab");
    const std::string path =
        content_->keep({"src", ObjectKey("k"), ETag("e"), "why", WallTime::from_seconds(0), {}})
            .value()
            .path;
    std::ifstream note(path + ".json");
    std::stringstream text;
    text << note.rdbuf();
    EXPECT_THAT(text.str(), HasSubstr("\"missing\": [[0, 2], [4, 10]]"));
}

TEST_F(FileContentTest, random_operations_give_what_a_string_gives) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        std::mt19937 random(seed);
        start(std::string(random() % 3000, 'o'));
        for (int step = 0; step < 300; ++step) {
            const uint64_t at = random() % 4000;
            const uint64_t bytes = random() % 500;
            switch (random() % 6) {
                case 0:
                case 1:
                case 2:
                    write(at, std::string(bytes, static_cast<char>('a' + step % 26)));
                    break;
                case 3:
                    resize(at);
                    break;
                case 4:
                    fill(std::min<uint64_t>(at, object_.size()),
                         std::min<uint64_t>(at + bytes, object_.size()));
                    break;
                case 5:
                    if (random() % 5 != 0) break;
                    content_->uploaded(ETag("e" + std::to_string(step)));
                    object_ = model_;
                    break;
            }
            ASSERT_EQ(content_->size(), model_.size()) << "seed " << seed << " step " << step;
            ASSERT_EQ(text(), model_) << "seed " << seed << " step " << step;
            const ByteRange range{at, at + bytes};
            if (content_->is_unchanged(range)) {
                ASSERT_EQ(model_.substr(at, bytes), object_.substr(at, bytes))
                    << "seed " << seed << " step " << step;
            }
        }
    }
}

}  // namespace
}  // namespace xbucket
