// SPDX-FileCopyrightText: the xbucket authors
// What others have put in an object's place meanwhile is not undone, not mixed with what was there,
// and shown.
#include "fs_fixture.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace xbucket {
namespace {

using testing::StoreCall;

constexpr uint64_t kPart = 128U << 10;

class ReplacedTest : public FsTest {
  protected:
    ReplacedTest() {
        FsConfig config = config_;
        config.part_bytes = kPart;
        mount(config);
    }
    // As fopen(f, "wx") and dd conv=excl open it.
    OpenedFile open_exclusive(const std::string& name) {
        const auto created =
            fs_->create(kRootInode, name, 0644, true, {.write = true, .truncate = true}, kUser);
        EXPECT_TRUE(created);
        return {created->entry.attr.ino, created->opened.handle};
    }
};

// An edit of attributes goes on top of what is in the bucket, which may be other content than this
// mount has shown.
TEST_F(ReplacedTest, own_edit_of_a_replaced_object_shows_its_content_and_no_old_page) {
    put("f", "mine");
    const InodeNumber number = ino("f");
    fs_->release(number, open("f", {})->handle);
    EXPECT_TRUE(fs_->open(number, {})->keep_cache);
    clock_.advance(std::chrono::seconds(5));
    put("f", "ours");
    const WallTime replaced = clock_.wall_now();
    clock_.advance(std::chrono::seconds(5));
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    EXPECT_EQ(notifier_.inodes_with_data(), 1u);
    EXPECT_FALSE(fs_->open(number, {})->keep_cache);
    EXPECT_GE(stat("f")->mtime.seconds(), replaced.seconds());
    EXPECT_EQ(read_file("f").value(), "ours");
}

// The guard's times are whole seconds: who edits twice in one goes on top of what came between.
TEST_F(ReplacedTest, own_edits_around_a_replacement_in_one_second_show_its_content) {
    put("f", "mine");
    const InodeNumber number = ino("f");
    fs_->release(number, open("f", {})->handle);
    clock_.advance(std::chrono::seconds(5));
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    EXPECT_TRUE(fs_->open(number, {})->keep_cache);
    put("f", "ours");
    ASSERT_TRUE(setxattr("f", "user.a", "2"));
    EXPECT_EQ(notifier_.inodes_with_data(), 1u);
    EXPECT_FALSE(fs_->open(number, {})->keep_cache);
    EXPECT_EQ(read_file("f").value(), "ours");
}

TEST_F(ReplacedTest, own_edit_of_a_replaced_object_lets_no_reader_go_on_in_it) {
    put("f", std::string(1U << 20, 'a'));
    const OpenedFile file = open_old("f");
    EXPECT_EQ(read(file, 0, 4096).value(), std::string(4096, 'a'));
    put("f", std::string(1U << 20, 'b'));
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    EXPECT_EQ(read(file, 900'000, 4096).error().kind, ErrorKind::stale);
    ASSERT_TRUE(close_file(file));
}

// What is kept for readers of a deleted file is what they have read, or nothing.
TEST_F(ReplacedTest, deletion_of_a_replaced_object_lets_no_reader_go_on_in_it) {
    for (const size_t bytes : {1U << 20, 4U << 20}) {
        put("f", std::string(bytes, 'a'));
        clock_.advance(std::chrono::seconds(61));
        const OpenedFile file = open_old("f");
        EXPECT_EQ(read(file, 0, 4096).value(), std::string(4096, 'a'));
        put("f", std::string(bytes, 'b'));
        ASSERT_TRUE(unlink("f"));
        EXPECT_EQ(read(file, 900'000, 4096).error().kind, ErrorKind::stale);
        ASSERT_TRUE(close_file(file));
    }
}

TEST_F(ReplacedTest, own_edit_of_a_replaced_object_lets_no_writer_undo_it) {
    const std::vector<std::function<void()>> edits = {
        [&] { ASSERT_TRUE(setxattr("f", "user.a", "1")); },
        [&] { ASSERT_TRUE(rename("f", "g")); },
        [&] {
            ASSERT_TRUE(chmod("f", 0600));
            ASSERT_TRUE(meta_->flush_below(""));
        },
    };
    for (size_t i = 0; i < edits.size(); ++i) {
        put("f", "base");
        clock_.advance(std::chrono::seconds(61));
        const OpenedFile file = open_old("f", {.write = true});
        ASSERT_TRUE(write(file, 0, "X"));
        put("f", "them");
        edits[i]();
        const std::string name = i == 1 ? "g" : "f";
        EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale) << i;
        EXPECT_EQ(body_of(name), "them") << i;
        EXPECT_EQ(recovered_files().size(), 2 * (i + 1));
    }
}

TEST_F(ReplacedTest, own_edit_of_a_replaced_big_object_lays_no_changes_into_it) {
    put("f", std::string(16 * kPart, 'a'));
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 0, "mine"));
    const std::string theirs = std::string(16 * kPart, 'b');
    put("f", theirs);
    ASSERT_TRUE(setxattr("f", "user.year", "2021"));
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(body_of("f"), theirs);
    EXPECT_EQ(metadata_of("f").at("year"), "2021");
}

TEST_F(ReplacedTest, pages_of_an_upload_are_not_those_of_what_replaced_it_at_once) {
    faulty_.after(StoreCall::put, [&] { put("f", "them"); });
    ASSERT_TRUE(write_file("f", "mine"));
    EXPECT_FALSE(open("f", {})->keep_cache);
    EXPECT_EQ(read_file("f").value(), "them");
}

// Between a lookup that found nothing and the close, somebody else makes an object of that name.
TEST_F(ReplacedTest, new_file_undoes_no_object_that_somebody_made_meanwhile) {
    EXPECT_FALSE(look_up("f"));
    put("f", "theirs");
    const auto created = create("f");
    ASSERT_TRUE(created);
    const OpenedFile file{created->entry.attr.ino, created->opened.handle};
    ASSERT_TRUE(write(file, 0, "mine"));
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(body_of("f"), "theirs");
    EXPECT_EQ(recovered_files().size(), 2u);
    EXPECT_EQ(read_file("f").value(), "theirs");
}

TEST_F(ReplacedTest,
       new_file_that_is_truncated_or_moved_there_replaces_what_somebody_made_meanwhile) {
    put("f", "theirs");
    std::string name;
    const InodeNumber parent = parent_of("f", &name);
    const auto created =
        fs_->create(parent, name, 0644, false, {.write = true, .truncate = true}, kUser);
    ASSERT_TRUE(created);
    const OpenedFile file{created->entry.attr.ino, created->opened.handle};
    ASSERT_TRUE(write(file, 0, "mine"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "mine");

    const OpenedFile moved = open_new("tmp");
    ASSERT_TRUE(write(moved, 0, "moved"));
    put("g", "theirs");
    ASSERT_TRUE(rename("tmp", "g"));
    ASSERT_TRUE(close_file(moved));
    EXPECT_EQ(body_of("g"), "moved");
}

TEST_F(ReplacedTest, exclusive_file_undoes_no_object_that_somebody_made_meanwhile) {
    for (const bool cut : {false, true}) {
        const std::string name = cut ? "cut" : "whole";
        const OpenedFile file = open_exclusive(name);
        ASSERT_TRUE(write(file, 0, "mine"));
        put(name, "theirs");
        SetAttr nothing;
        nothing.size = 0;
        if (cut) {
            ASSERT_TRUE(fs_->setattr(file.ino, nothing, file.handle));
        }
        EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
        EXPECT_EQ(body_of(name), "theirs");
        EXPECT_EQ(read_file(name).value(), "theirs");
    }
    EXPECT_EQ(recovered_files().size(), 4u);
}

TEST_F(ReplacedTest, exclusive_file_that_is_moved_replaces_what_is_there) {
    const OpenedFile file = open_exclusive("tmp");
    ASSERT_TRUE(write(file, 0, "moved"));
    put("f", "theirs");
    ASSERT_TRUE(rename("tmp", "f"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "moved");
}

// Between the upload's last look and its request.
TEST_F(ReplacedTest, exclusive_file_is_refused_by_the_service_where_somebody_was_faster) {
    put("source", "source");
    for (const StoreCall call : {StoreCall::put, StoreCall::copy}) {
        const OpenedFile file = open_exclusive("f");
        if (call == StoreCall::put) {
            ASSERT_TRUE(write(file, 0, "mine"));
        } else {
            const OpenedFile source = open_old("source");
            ASSERT_EQ(fs_->copy_range(source.handle, 0, file.handle, 0, 6).value(), 6u);
            ASSERT_TRUE(close_file(source));
        }
        faulty_.before(call, [&] { put("f", "theirs"); });
        EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
        EXPECT_EQ(faulty_.faults_left(), 0u);
        EXPECT_EQ(body_of("f"), "theirs");
        ASSERT_TRUE(unlink("f"));
    }
}

TEST_F(ReplacedTest, exclusive_file_that_the_service_refuses_for_its_own_success_is_done) {
    const OpenedFile file = open_exclusive("f");
    ASSERT_TRUE(write(file, 0, "mine"));
    testing::Fault repeated;
    repeated.call = StoreCall::put;
    repeated.error = Error(ErrorKind::already_exists, "answer to the repetition");
    faulty_.add(std::move(repeated));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "mine");
    EXPECT_EQ(count(StoreCall::put), 1u);
}

// The first fsync could not find out what became of its request; the next one meets the result.
TEST_F(ReplacedTest, exclusive_file_in_doubt_is_its_own_and_never_takes_what_others_made) {
    for (const bool theirs : {false, true}) {
        const std::string name = theirs ? "theirs" : "ours";
        const OpenedFile file = open_exclusive(name);
        ASSERT_TRUE(write(file, 0, "mine"));
        faulty_.lose_reply(StoreCall::put);
        faulty_.before(StoreCall::put, [&] {
            faulty_.fail(StoreCall::head, Error(ErrorKind::server_error, "injected"));
        });
        EXPECT_TRUE(fs_->fsync(file.ino, file.handle).error().outcome_unknown);
        EXPECT_EQ(faulty_.faults_left(), 0u);
        if (theirs) put(name, "them");
        const Result<void> closed = close_file(file);
        EXPECT_EQ(closed.has_value(), !theirs);
        EXPECT_EQ(body_of(name), theirs ? "them" : "mine");
    }
}

// The parts take their time.
TEST_F(ReplacedTest, new_file_in_parts_undoes_no_object_that_somebody_made_meanwhile) {
    const OpenedFile file = open_new("f");
    for (uint64_t part = 4; part-- != 0;)
        ASSERT_TRUE(write(file, part * kPart, std::string(kPart, 'm')));
    faulty_.before(StoreCall::upload_part, [&] { put("f", "theirs"); });
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(faulty_.faults_left(), 0u);
    EXPECT_EQ(body_of("f"), "theirs");
}

TEST_F(ReplacedTest, new_file_whose_upload_is_in_doubt_is_no_object_of_somebody_else) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    const auto late = faulty_.apply_late(StoreCall::put);
    faulty_.after(StoreCall::head, [&] { late->deliver(); }).nth(2);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "data");
}

}  // namespace
}  // namespace xbucket
