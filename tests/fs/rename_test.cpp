// SPDX-FileCopyrightText: the xbucket authors
#include "fs_fixture.h"
#include "support/temp_dir.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <sys/stat.h>
#include <thread>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StoreCall;
using ::testing::UnorderedElementsAre;

class RenameTest : public FsTest {
  protected:
    static ObjectAttributes with(const std::string& name, const std::string& value) {
        ObjectAttributes attributes;
        attributes.user[name] = value;
        return attributes;
    }
    // "d" with 40 files, whose rename to "n" stops when some have moved.
    void fill_and_break_off() {
        for (int i = 0; i < 40; ++i) put(fmt::format("d/{:02}", i), std::to_string(i));
        faulty_.fail(StoreCall::copy, Error(ErrorKind::access_denied, "injected"))
            .on("n/20")
            .always();
        const Result<void> renamed = rename("d", "n");
        EXPECT_EQ(renamed.error().kind, ErrorKind::access_denied);
        EXPECT_THAT(renamed.error().message, ::testing::HasSubstr("stopped after"));
        faulty_.clear_faults();
        EXPECT_TRUE(in_bucket("d/20"));
    }
};

TEST_F(RenameTest, file_moves_with_its_content_and_metadata) {
    put("a", "body", with("year", "2021"));
    const InodeNumber number = ino("a");
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_FALSE(in_bucket("a"));
    EXPECT_EQ(body_of("b"), "body");
    EXPECT_EQ(metadata_of("b").at("year"), "2021");
    EXPECT_EQ(ino("b"), number);
    EXPECT_EQ(look_up("a").error().kind, ErrorKind::not_found);
}

TEST_F(RenameTest, rename_over_replaces_content_and_metadata_of_the_target) {
    put("a", "A", with("a", "1"));
    put("b", "B", with("b", "1"));
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(body_of("b"), "A");
    EXPECT_EQ(metadata_of("b").count("b"), 0u);
    EXPECT_EQ(metadata_of("b").at("a"), "1");
    EXPECT_EQ(read_file("b").value(), "A");
}

TEST_F(RenameTest, no_replace_refuses_an_existing_target_and_changes_nothing) {
    put("a", "A");
    put("b", "B");
    EXPECT_EQ(rename("a", "b", true).error().kind, ErrorKind::already_exists);
    EXPECT_EQ(body_of("a"), "A");
    EXPECT_EQ(body_of("b"), "B");
    ASSERT_TRUE(rename("a", "c", true));
    EXPECT_EQ(body_of("c"), "A");
}

TEST_F(RenameTest, no_replace_of_a_new_file_refuses_what_others_made_meanwhile) {
    const auto file = create("a");
    const InodeNumber number = file->entry.attr.ino;
    ASSERT_TRUE(fs_->write(number, file->opened.handle, 0, "mine"));
    EXPECT_EQ(look_up("b").error().kind, ErrorKind::not_found);
    put("b", "theirs");
    EXPECT_EQ(rename("a", "b", true).error().kind, ErrorKind::already_exists);
    ASSERT_TRUE(close(number, file->opened.handle));
    EXPECT_EQ(body_of("a"), "mine");
    EXPECT_EQ(body_of("b"), "theirs");
}

TEST_F(RenameTest, no_replace_of_a_directory_refuses_what_others_made_of_its_new_files) {
    put("d/old", "O");
    const auto file = create("d/f");
    ASSERT_TRUE(fs_->write(file->entry.attr.ino, file->opened.handle, 0, "mine"));
    faulty_.before(StoreCall::copy, [&] { put("n/f", "theirs"); });
    EXPECT_EQ(rename("d", "n", true).error().kind, ErrorKind::already_exists);
    ASSERT_TRUE(close(file->entry.attr.ino, file->opened.handle));
    EXPECT_EQ(body_of("n/f"), "theirs");
    EXPECT_EQ(body_of("d/f"), "mine");
}

TEST_F(RenameTest, a_file_that_went_up_after_its_directory_was_listed_can_be_renamed) {
    const FileSystem::Created file = *create("part");
    ASSERT_TRUE(fs_->write(file.entry.attr.ino, file.opened.handle, 0, "body"));
    EXPECT_THAT(*names_in(""), ElementsAre("part"));
    ASSERT_TRUE(fs_->flush(file.entry.attr.ino, file.opened.handle));
    fs_->release(file.entry.attr.ino, file.opened.handle);
    ASSERT_TRUE(rename("part", "whole"));
    EXPECT_EQ(body_of("whole"), "body");
}

TEST_F(RenameTest, missing_source_is_not_found) {
    EXPECT_EQ(rename("nope", "b").error().kind, ErrorKind::not_found);
}

TEST_F(RenameTest, rename_to_itself_does_nothing) {
    put("a", "A");
    ASSERT_TRUE(look_up("a"));
    store_.clear_log();
    ASSERT_TRUE(rename("a", "a"));
    EXPECT_EQ(count(StoreCall::copy), 0u);
    EXPECT_EQ(body_of("a"), "A");
}

TEST_F(RenameTest, new_file_that_is_still_open_moves_without_a_request) {
    const auto created = create("a");
    const InodeNumber number = created->entry.attr.ino;
    ASSERT_TRUE(fs_->write(number, created->opened.handle, 0, "data"));
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(count(StoreCall::put), 0u);
    EXPECT_EQ(count(StoreCall::copy), 0u);
    EXPECT_THAT(*names_in(""), ElementsAre("b"));
    ASSERT_TRUE(close(number, created->opened.handle));
    EXPECT_EQ(body_of("b"), "data");
    EXPECT_FALSE(in_bucket("a"));
}

TEST_F(RenameTest, content_type_of_a_new_file_follows_its_last_name) {
    const auto created = create("download.part");
    ASSERT_TRUE(rename("download.part", "page.html"));
    ASSERT_TRUE(close(created->entry.attr.ino, created->opened.handle));
    const auto version = store_.bucket()->peek(ObjectKey("page.html"));
    EXPECT_EQ(version->attributes[HttpField::content_type],
              AttributeModel::default_content_type(ObjectKey("page.html")));
}

TEST_F(RenameTest, new_file_renamed_over_an_object_does_not_inherit_its_metadata) {
    put("b", "B", with("b", "1"));
    const auto created = create("a");
    ASSERT_TRUE(fs_->write(created->entry.attr.ino, created->opened.handle, 0, "new"));
    ASSERT_TRUE(rename("a", "b"));
    ASSERT_TRUE(close(created->entry.attr.ino, created->opened.handle));
    EXPECT_EQ(body_of("b"), "new");
    EXPECT_EQ(metadata_of("b").count("b"), 0u);
    EXPECT_FALSE(in_bucket("a"));
}

TEST_F(RenameTest, dirty_file_moves_with_what_was_written) {
    put("a", "0123456789");
    const Opened opened = *open("a", {.write = true});
    const InodeNumber number = ino("a");
    ASSERT_TRUE(fs_->write(number, opened.handle, 0, "XX"));
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(fs_->read(number, opened.handle, 0, 100).value(), "XX23456789");
    ASSERT_TRUE(close(number, opened.handle));
    EXPECT_EQ(body_of("b"), "XX23456789");
    EXPECT_FALSE(in_bucket("a"));
}

TEST_F(RenameTest, open_reader_goes_on_reading_after_a_rename) {
    put("a", std::string(1U << 20, 'a'));
    const Opened opened = *open("a", {});
    const InodeNumber number = ino("a");
    EXPECT_EQ(fs_->read(number, opened.handle, 0, 10)->size(), 10u);
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(fs_->read(number, opened.handle, 1'000'000, 10).value(), "aaaaaaaaaa");
    fs_->release(number, opened.handle);
}

TEST_F(RenameTest, open_target_of_a_rename_stays_readable) {
    put("a", "A");
    put("b", "B is still read");
    const Opened opened = *open("b", {});
    const InodeNumber number = ino("b");
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(fs_->read(number, opened.handle, 0, 100).value(), "B is still read");
    EXPECT_EQ(read_file("b").value(), "A");
    EXPECT_NE(ino("b"), number);
    fs_->release(number, opened.handle);
}

TEST_F(RenameTest, recorded_state_that_is_pending_moves_along) {
    put("a", "A");
    ASSERT_TRUE(touch("a", WallTime::from_seconds(1'600'000'000)));
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(stat("b")->mtime.seconds(), 1'600'000'000);
    EXPECT_EQ(metadata_of("b").at("mtime"), "1600000000");
}

TEST_F(RenameTest, directory_moves_with_everything_below_it) {
    ASSERT_TRUE(mkdir("d"));
    ASSERT_TRUE(setxattr("d", "user.mark", "kept"));
    put("d/f", "F", with("year", "2021"));
    put("d/e/g", "G");
    put("d-x", "neighbour");
    const InodeNumber file = ino("d/f");
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(body_of("n/f"), "F");
    EXPECT_EQ(body_of("n/e/g"), "G");
    EXPECT_EQ(metadata_of("n/f").at("year"), "2021");
    EXPECT_EQ(getxattr("n", "user.mark").value(), "kept");
    EXPECT_EQ(body_of("d-x"), "neighbour");
    EXPECT_EQ(store_.bucket()->object_count(), 4u);
    EXPECT_EQ(ino("n/f"), file);
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
    EXPECT_THAT(*names_in("n"), UnorderedElementsAre("e/", "f"));
}

TEST_F(RenameTest, directory_of_many_objects_moves_completely) {
    for (int i = 0; i < 1300; ++i) put(fmt::format("d/{:04}", i), std::to_string(i));
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(store_.bucket()->object_count(), 1300u);
    EXPECT_EQ(body_of("n/1234"), "1234");
}

TEST_F(RenameTest, directory_moves_with_its_open_dirty_and_new_files) {
    put("d/old", "0123");
    const Opened old_file = *open("d/old", {.write = true});
    const InodeNumber old_number = ino("d/old");
    ASSERT_TRUE(fs_->write(old_number, old_file.handle, 0, "X"));
    const auto created = create("d/new");
    ASSERT_TRUE(fs_->write(created->entry.attr.ino, created->opened.handle, 0, "N"));
    ASSERT_TRUE(rename("d", "n"));
    ASSERT_TRUE(close(old_number, old_file.handle));
    ASSERT_TRUE(close(created->entry.attr.ino, created->opened.handle));
    EXPECT_EQ(body_of("n/old"), "X123");
    EXPECT_EQ(body_of("n/new"), "N");
    EXPECT_EQ(store_.bucket()->object_count(), 2u);
}

TEST_F(RenameTest, directory_moves_with_what_is_closed_in_it_meanwhile) {
    put("d/a", "A");
    const auto created = create("d/new");
    const InodeNumber number = created->entry.attr.ino;
    ASSERT_TRUE(fs_->write(number, created->opened.handle, 0, "N"));
    faulty_.before(StoreCall::copy, [&] {
        EXPECT_TRUE(close(number, created->opened.handle));
        put("d/0", "made behind the listing's back");
    });
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(body_of("n/a"), "A");
    EXPECT_EQ(body_of("n/new"), "N");
    EXPECT_EQ(body_of("n/0"), "made behind the listing's back");
    EXPECT_EQ(store_.bucket()->object_count(), 3u);
    EXPECT_EQ(ino("n/new"), number);
}

// Until another thread has begun, and then as long as it is not through: for the time in which one
// that does not wait for us would be.
template <typename Beginning, typename Going>
void yield_while(const Beginning& beginning, const Going& going) {
    while (beginning()) std::this_thread::yield();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    while (going() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

// Behind the last look at the old name everything that is there would stay there.
TEST_F(RenameTest, what_is_closed_or_made_while_the_rename_ends_goes_to_the_new_name) {
    put("d/a", "A");
    const OpenedFile open = open_new("d/open");
    ASSERT_TRUE(write(open, 0, "O"));
    const InodeNumber directory = ino("d");
    std::atomic<bool> begun{false};
    std::atomic<bool> done{false};
    std::thread maker;
    const auto make = [&] {
        begun = true;
        EXPECT_TRUE(close_file(open));
        const auto made = fs_->create(directory, "new", 0644, true, {.write = true}, kUser);
        ASSERT_TRUE(made.has_value());
        EXPECT_TRUE(close(made->entry.attr.ino, made->opened.handle));
        EXPECT_TRUE(fs_->mkdir(directory, "sub", 0755, kUser));
        EXPECT_TRUE(fs_->symlink(directory, "link", "a", kUser));
        done = true;
    };
    const auto on_listed = [&] {
        if (!in_bucket("n/a") || maker.joinable()) return;
        maker = std::thread(make);
        // Who does not wait is through by then.
        yield_while([&] { return !begun; }, [&] { return !done; });
    };
    faulty_.after(StoreCall::list, on_listed).on("d/").always();
    ASSERT_TRUE(rename("d", "n"));
    maker.join();
    EXPECT_EQ(body_of("n/open"), "O");
    for (const char* const key : {"n/a", "n/new", "n/sub/", "n/link"}) EXPECT_TRUE(in_bucket(key));
    EXPECT_EQ(store_.bucket()->object_count(), 5u);
    EXPECT_THAT(*names_in("n"), UnorderedElementsAre("a", "open", "new", "sub/", "link"));
}

TEST_F(RenameTest, an_upload_that_is_under_way_moves_when_it_is_done) {
    put("d/a", "A");
    const OpenedFile file = open_new("d/new");
    ASSERT_TRUE(write(file, 0, "N"));
    const auto gate = faulty_.hold(StoreCall::put, "d/new");
    std::thread closer([&] { EXPECT_TRUE(close_file(file)); });
    gate->wait_until_reached();
    faulty_.after(StoreCall::copy, [&] { gate->release(); });
    EXPECT_TRUE(rename("d", "n"));
    closer.join();
    EXPECT_EQ(body_of("n/new"), "N");
    EXPECT_EQ(store_.bucket()->object_count(), 2u);
    EXPECT_EQ(ino("n/new"), file.ino);
}

TEST_F(RenameTest, a_rename_into_a_directory_that_moves_goes_to_its_new_name) {
    put("d/a", "A");
    put("f", "F");
    const InodeNumber directory = ino("d");
    ino("f");
    std::atomic<bool> begun{false};
    std::thread mover;
    const auto on_listed = [&] {
        if (!in_bucket("n/a") || mover.joinable()) return;
        mover = std::thread([&] {
            begun = true;
            EXPECT_TRUE(fs_->rename(kRootInode, "f", directory, "f", false));
        });
        yield_while([&] { return !begun; }, [&] { return in_bucket("f"); });
    };
    faulty_.after(StoreCall::list, on_listed).on("d/").always();
    ASSERT_TRUE(rename("d", "n"));
    mover.join();
    EXPECT_EQ(body_of("n/f"), "F");
    EXPECT_EQ(store_.bucket()->object_count(), 2u);
}

// The service copies it when it goes up, which must not wait for the move that waits for it.
TEST_F(RenameTest, a_copy_of_what_moves_last_is_made_before_it_moves) {
    put("d/a", "A");
    put("d/copy", "old");
    OpenedFile copy;
    const std::string body(1U << 20, 'S');
    const auto begin_copy = [&] {
        put("d/source", body);
        const OpenedFile source = open_old("d/source");
        EXPECT_EQ(fs_->copy_range(source.handle, 0, copy.handle, 0, body.size()).value(),
                  body.size());
        EXPECT_TRUE(close_file(source));
    };
    copy = open_old("d/copy", {.write = true, .truncate = true});
    faulty_.before(StoreCall::copy, begin_copy).on("n/a");
    ASSERT_TRUE(rename("d", "n"));
    ASSERT_TRUE(close_file(copy));
    EXPECT_EQ(body_of("n/source"), body);
    EXPECT_EQ(body_of("n/copy"), body);
    EXPECT_EQ(store_.bucket()->object_count(), 3u);
}

TEST_F(RenameTest, directory_that_others_keep_filling_is_not_said_to_have_moved) {
    put("d/a", "A");
    std::atomic<int> made{0};
    faulty_.before(StoreCall::copy, [&] { put("d/" + std::to_string(++made), "one more"); })
        .always();
    EXPECT_EQ(rename("d", "n").error().kind, ErrorKind::busy);
    EXPECT_EQ(body_of("n/a"), "A");
    EXPECT_EQ(body_of("d/" + std::to_string(made)), "one more");
    EXPECT_THAT(*names_in("d"), ::testing::SizeIs(1));
}

TEST_F(RenameTest, directory_takes_the_place_of_none_that_others_filled_meanwhile) {
    put("d/f", "F");
    EXPECT_EQ(look_up("n").error().kind, ErrorKind::not_found);
    put("n/theirs", "T");
    ino("d");
    EXPECT_EQ(fs_->rename(kRootInode, "d", kRootInode, "n", false).error().kind,
              ErrorKind::directory_not_empty);
    EXPECT_EQ(body_of("d/f"), "F");
    EXPECT_FALSE(in_bucket("n/f"));
}

TEST_F(RenameTest, directory_takes_the_place_of_an_empty_one_only) {
    put("d/f", "F");
    ASSERT_TRUE(mkdir("empty"));
    ASSERT_TRUE(setxattr("empty", "user.mark", "theirs"));
    put("full/x", "X");
    EXPECT_EQ(rename("d", "full").error().kind, ErrorKind::directory_not_empty);
    ASSERT_TRUE(rename("d", "empty"));
    EXPECT_EQ(body_of("empty/f"), "F");
    EXPECT_EQ(getxattr("empty", "user.mark").error().kind, ErrorKind::no_such_attribute);
}

TEST_F(RenameTest, directory_cannot_move_into_itself) {
    put("d/e/f", "F");
    EXPECT_EQ(rename("d", "d/e/x").error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(body_of("d/e/f"), "F");
}

TEST_F(RenameTest, kinds_do_not_replace_each_other) {
    put("d/f", "F");
    put("file", "1");
    EXPECT_EQ(rename("d", "file").error().kind, ErrorKind::not_directory);
    EXPECT_EQ(rename("file", "d").error().kind, ErrorKind::is_directory);
}

TEST_F(RenameTest, failure_half_way_loses_nothing_and_a_second_try_finishes) {
    ASSERT_TRUE(mkdir("d"));
    ASSERT_TRUE(setxattr("d", "user.mark", "kept"));
    fill_and_break_off();
    EXPECT_EQ(store_.bucket()->object_count(), 41u);
    ASSERT_TRUE(rename("d", "n"));
    for (int i = 0; i < 40; ++i) EXPECT_EQ(body_of(fmt::format("n/{:02}", i)), std::to_string(i));
    EXPECT_EQ(store_.bucket()->object_count(), 41u);
    EXPECT_EQ(getxattr("n", "user.mark").value(), "kept");
    EXPECT_EQ(look_up("d").error().kind, ErrorKind::not_found);
    EXPECT_THAT(*names_in("n"), ::testing::SizeIs(40));
}

TEST_F(RenameTest, what_failed_half_way_moves_file_by_file_after_the_next_mount) {
    fill_and_break_off();
    unmount();
    mount();
    EXPECT_EQ(rename("d", "n").error().kind, ErrorKind::directory_not_empty);
    const std::vector<std::string> left = *names_in("d");
    for (const std::string& name : left) ASSERT_TRUE(rename("d/" + name, "n/" + name));
    for (int i = 0; i < 40; ++i) EXPECT_EQ(body_of(fmt::format("n/{:02}", i)), std::to_string(i));
}

TEST_F(RenameTest, what_failed_half_way_is_seen_at_both_names_at_once) {
    put("d/40", "40");
    EXPECT_EQ(look_up("n").error().kind, ErrorKind::not_found);
    EXPECT_THAT(*names_in(""), ElementsAre("d/"));
    fill_and_break_off();
    EXPECT_THAT(notifier_.entries(), UnorderedElementsAre("d", "n"));
    EXPECT_TRUE(look_up("n"));
    EXPECT_THAT(*names_in(""), UnorderedElementsAre("d/", "n/"));
    EXPECT_EQ(names_in("d")->size() + names_in("n")->size(), 41u);
}

TEST_F(RenameTest, a_second_try_replaces_nothing_that_came_to_the_new_name_meanwhile) {
    fill_and_break_off();
    put("n/20", "theirs");
    EXPECT_EQ(rename("d", "n").error().kind, ErrorKind::already_exists);
    EXPECT_EQ(body_of("n/20"), "theirs");
    EXPECT_EQ(body_of("d/20"), "20");
    ASSERT_TRUE(unlink("n/20"));
    const OpenedFile open = open_new("n/20");
    EXPECT_EQ(rename("d", "n").error().kind, ErrorKind::already_exists) << "not sent yet";
    EXPECT_EQ(body_of("d/20"), "20");
    ASSERT_TRUE(close_file(open));
    ASSERT_TRUE(unlink("n/20"));
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(body_of("n/20"), "20");
}

TEST_F(RenameTest, a_second_try_is_none_where_the_directory_was_made_anew) {
    fill_and_break_off();
    const std::vector<std::string> left = *names_in("d");
    for (const std::string& name : left) ASSERT_TRUE(unlink("d/" + name));
    clock_.advance(config_.entry_life);
    ASSERT_TRUE(mkdir("d"));
    EXPECT_EQ(rename("d", "n").error().kind, ErrorKind::directory_not_empty);
}

TEST_F(RenameTest, what_is_recorded_for_a_directory_and_cannot_be_sent_stops_the_rename) {
    put("d/sub/f", "F");
    ASSERT_TRUE(chmod("d/sub", 0700));
    faulty_.fail(StoreCall::put, Error(ErrorKind::server_error, "injected")).always();
    const Result<void> renamed = rename("d", "n");
    EXPECT_EQ(renamed.error().kind, ErrorKind::server_error);
    EXPECT_THAT(renamed.error().message, ::testing::HasSubstr("'d/' was not renamed"));
    EXPECT_EQ(body_of("d/sub/f"), "F");
    EXPECT_EQ(store_.bucket()->object_count(), 1u);
    faulty_.clear_faults();
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(stat("n/sub")->mode & 07777, 0700u);
    unmount();
    EXPECT_EQ(metadata_of("n/sub/").count("mode"), 1u);
    EXPECT_FALSE(in_bucket("d/sub/"));
}

TEST_F(RenameTest, a_journaled_change_of_a_directory_that_others_overtook_stops_the_rename_once) {
    const testing::TempDir journals;
    MetaConfig config;
    config.durability = Durability::timed;
    config.journal_directory = journals.path();
    config.journal_survives_power_loss = false;
    config.commit_delay = std::chrono::hours(1);
    mount(config_, config);
    ASSERT_TRUE(meta_->start());
    put("d/one/", "", with("x", "before"));
    put("d/two/", "", with("x", "before"));
    put("d/one/f", "F");
    ASSERT_TRUE(setxattr("d/one", "user.x", "ours"));
    ASSERT_TRUE(setxattr("d/two", "user.x", "ours"));
    put("d/one/", "", with("x", "theirs"));
    const Result<void> renamed = rename("d", "n");
    EXPECT_EQ(renamed.error().kind, ErrorKind::io);
    EXPECT_EQ(metadata_of("d/one/").at("x"), "theirs");
    EXPECT_EQ(metadata_of("d/two/").at("x"), "ours") << "what can be sent is";
    EXPECT_EQ(body_of("d/one/f"), "F");
    EXPECT_THAT(getxattr("d", "user.xbucket.failures").value(), ::testing::HasSubstr("ours"));
    ASSERT_TRUE(rename("d", "n")) << "it is told";
    EXPECT_EQ(metadata_of("n/one/").at("x"), "theirs");
    EXPECT_EQ(metadata_of("n/two/").at("x"), "ours");
    EXPECT_EQ(body_of("n/one/f"), "F");
}

// "d/sub" has no object of its own: what is sent to its old key would make it there again.
TEST_F(RenameTest, a_change_of_a_directory_that_moves_goes_to_its_new_name) {
    put("d/sub/f", "F");
    const InodeNumber sub = ino("d/sub");
    const auto gate = faulty_.hold(StoreCall::copy, "n/sub/f");
    std::thread mover([&] { EXPECT_TRUE(rename("d", "n")); });
    gate->wait_until_reached();
    std::atomic<bool> begun{false};
    std::thread changer([&] {
        SetAttr change;
        change.mode = 0700;
        begun = true;
        EXPECT_TRUE(fs_->setattr(sub, change, std::nullopt));
        EXPECT_TRUE(fs_->setxattr(sub, "user.mark", "kept", SetFlag::any));
    });
    while (!begun) std::this_thread::yield();
    gate->release();
    mover.join();
    changer.join();
    EXPECT_EQ(getxattr("n/sub", "user.mark").value(), "kept");
    EXPECT_EQ(stat("n/sub")->mode & 07777, 0700u);
    unmount();
    EXPECT_EQ(metadata_of("n/sub/").count("mode"), 1u);
    EXPECT_FALSE(in_bucket("d/sub/"));
}

TEST_F(RenameTest, keys_that_would_be_too_long_stop_the_rename) {
    const std::string deep(250, 'x');
    put("d/" + deep + "/" + deep + "/" + deep + "/" + deep, "1");
    EXPECT_EQ(rename("d", std::string(100, 'n')).error().kind, ErrorKind::name_too_long);
    EXPECT_EQ(store_.bucket()->object_count(), 1u);
}

}  // namespace
}  // namespace xbucket
