// SPDX-FileCopyrightText: the xbucket authors
// Files with write-behind: who is told of what could not be sent, and what goes with a file that is
// replaced.
#include "fs_fixture.h"
#include "support/temp_dir.h"

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using testing::StoreCall;

class JournaledTest : public FsTest {
  protected:
    JournaledTest() {
        MetaConfig config;
        config.durability = Durability::timed;
        config.journal_directory = journals_.path();
        config.journal_survives_power_loss = false;
        config.commit_delay = std::chrono::hours(1);
        mount(config_, config);
        EXPECT_TRUE(meta_->start());
    }
    // A change of it that can never be sent, and of which nobody is told yet.
    void make_conflict(const std::string& path) {
        ASSERT_TRUE(setxattr(path, "user.x", "ours"));
        put(path, body_of(path), {.user = {{"x", "theirs"}}});
        ASSERT_TRUE(meta_->send_below(path));
        EXPECT_THAT(meta_->failures_json(ObjectKey(path)), HasSubstr(R"("reported":false)"));
    }

    const testing::TempDir journals_;
};

TEST_F(JournaledTest, what_waits_for_a_file_goes_when_a_link_takes_its_place) {
    put("f", "body");
    put("d/f", "body");
    put("native", "theirs");
    put("top", "theirs");
    ASSERT_TRUE(symlink("link", "f"));
    ASSERT_TRUE(symlink("d/link", "../f"));
    for (const char* file : {"native", "top"}) ASSERT_TRUE(setxattr(file, "user.x", "1"));
    ASSERT_TRUE(rename("link", "native"));
    ASSERT_TRUE(rename("d/link", "top"));  // no native one can be there
    EXPECT_THAT(meta_->stats_json(), HasSubstr(R"("changes":0,"failures":0)"));
    ASSERT_TRUE(meta_->flush_below(""));
    EXPECT_EQ(metadata_of("native").count("x") + metadata_of("top").count("x"), 0U);
}

TEST_F(JournaledTest, close_of_a_deleted_file_takes_no_error_of_the_new_one_of_its_name) {
    put("f", "old");
    const OpenedFile old = open_old("f");
    ASSERT_TRUE(unlink("f"));
    put("f", "new");
    clock_.advance(std::chrono::minutes(5));
    ASSERT_NO_FATAL_FAILURE(make_conflict("f"));
    EXPECT_TRUE(close_file(old));
    const OpenedFile file = open_old("f");
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::io);
}

TEST_F(JournaledTest, fsync_of_a_directory_whose_upload_fails_leaves_conflicts_to_be_told) {
    put("d/f", "body");
    ASSERT_NO_FATAL_FAILURE(make_conflict("d/f"));
    const OpenedFile dirty = open_new("d/dirty");
    ASSERT_TRUE(write(dirty, 0, "content"));
    faulty_.fail(StoreCall::put, Error(ErrorKind::access_denied, "injected"));
    EXPECT_EQ(fs_->sync_below(ino("d")).error().kind, ErrorKind::access_denied);
    EXPECT_EQ(fs_->sync_below(ino("d")).error().kind, ErrorKind::io);
    EXPECT_TRUE(fs_->sync_below(ino("d")));
    EXPECT_TRUE(close_file(dirty));
}

TEST_F(JournaledTest, a_conflict_is_not_told_by_the_end_of_a_file_system) {
    put("f", "body");
    ASSERT_NO_FATAL_FAILURE(make_conflict("f"));
    EXPECT_TRUE(fs_->shutdown());
    EXPECT_EQ(meta_->take_failure(ObjectKey("f")).error().kind, ErrorKind::io);
}

}  // namespace
}  // namespace xbucket
