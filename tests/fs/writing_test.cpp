// SPDX-FileCopyrightText: the xbucket authors
// Large files: parts that go up while a program writes, big objects that are changed without being
// downloaded, and what becomes of attributes meanwhile.
#include "fs_fixture.h"

#include <thread>

namespace xbucket {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using testing::StoreCall;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kPart = 128U << 10;

class WritingTest : public FsTest {
  protected:
    WritingTest() {
        FsConfig config = config_;
        config.part_bytes = kPart;
        mount(config);
    }
    // As cp does: in order, some at a time.
    void write_in_order(const OpenedFile& file, const std::string& bytes, size_t piece = 50'000) {
        for (size_t at = 0; at < bytes.size(); at += piece) {
            ASSERT_TRUE(write(file, at, bytes.substr(at, piece)));
        }
    }
    void wait_for(StoreCall call, size_t times) {
        while (store_.count(call) < times) std::this_thread::yield();
    }
    Result<void> truncate(const OpenedFile& file, uint64_t size) {
        SetAttr change;
        change.size = size;
        TRY(fs_->setattr(file.ino, change, file.handle));
        return {};
    }
    uint64_t size_of(const std::string& path) { return stat(path)->size; }
    size_t uploads_open() { return other_.list_uploads("")->size(); }
};

TEST_F(WritingTest, parts_go_up_while_the_program_writes) {
    const std::string bytes = content_of(6 * kPart + 100);
    const OpenedFile file = open_new("f");
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 6);
    EXPECT_FALSE(in_bucket("f"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(count(StoreCall::upload_part), 7u);
    EXPECT_EQ(count(StoreCall::create_upload), 1u);
    EXPECT_EQ(count(StoreCall::put), 0u);
    EXPECT_EQ(uploads_open(), 0u);
}

TEST_F(WritingTest, part_that_was_sent_and_written_to_again_is_sent_again) {
    std::string bytes = content_of(4 * kPart);
    const OpenedFile file = open_new("f");
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(write(file, 10, "header"));
    bytes.replace(10, 6, "header");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(count(StoreCall::upload_part), 5u);
}

TEST_F(WritingTest, file_truncated_while_it_goes_up_is_what_is_left) {
    const std::string bytes = content_of(6 * kPart);
    const OpenedFile file = open_new("f");
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 5);
    ASSERT_TRUE(truncate(file, 4 * kPart + 7));
    ASSERT_TRUE(truncate(file, 5 * kPart));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes.substr(0, 4 * kPart + 7) + std::string(kPart - 7, '\0'));
}

TEST_F(WritingTest, file_emptied_while_it_goes_up_starts_anew) {
    const OpenedFile file = open_new("f");
    write_in_order(file, content_of(4 * kPart));
    wait_for(StoreCall::upload_part, 3);
    ASSERT_TRUE(truncate(file, 0));
    ASSERT_TRUE(write(file, 0, "short"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "short");
    unmount();
    EXPECT_EQ(uploads_open(), 0u);
}

TEST_F(WritingTest, attributes_set_while_it_goes_up_are_there_when_close_returns) {
    const std::string bytes = content_of(4 * kPart);
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(setxattr("f", "user.before", "1"));
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(setxattr("f", "user.after", "2"));
    ASSERT_TRUE(setxattr("f", "user.http.cache-control", "no-cache"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    const auto object = store_.bucket()->peek(ObjectKey("f"));
    EXPECT_EQ(object->attributes.user.at("before"), "1");
    EXPECT_EQ(object->attributes.user.at("after"), "2");
    EXPECT_EQ(object->attributes[HttpField::cache_control], "no-cache");
    EXPECT_EQ(count(StoreCall::upload_part), 4u);
}

TEST_F(WritingTest, tags_set_while_it_goes_up_begin_the_upload_anew) {
    const std::string bytes = content_of(4 * kPart);
    const OpenedFile file = open_new("f");
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(setxattr("f", "user.tag.team", "blue"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(getxattr("f", "user.tag.team").value(), "blue");
    EXPECT_EQ(uploads_open(), 0u);
}

TEST_F(WritingTest, times_set_while_it_goes_up_are_recorded) {
    const OpenedFile file = open_new("f");
    write_in_order(file, content_of(4 * kPart));
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(touch("f", WallTime::from_seconds(1'000'000'000)));
    ASSERT_TRUE(fs_->fsync(file.ino, file.handle));
    EXPECT_EQ(metadata_of("f").at("mtime"), "1000000000");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(stat("f")->mtime, WallTime::from_seconds(1'000'000'000));
}

TEST_F(WritingTest, mode_recorded_while_it_goes_up_is_there_when_close_returns) {
    put("f", "old");
    ASSERT_TRUE(chmod("f", 0640));
    ASSERT_TRUE(meta_->flush(ObjectKey("f")));
    const std::string bytes = content_of(4 * kPart);
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(chmod("f", 0600));
    ASSERT_TRUE(meta_->flush(ObjectKey("f")));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(count(StoreCall::upload_part), 4u);
    EXPECT_EQ(metadata_of("f").at("mode"), std::to_string(S_IFREG | 0600));
    EXPECT_EQ(stat("f")->mode & 07777u, 0600u);
}

TEST_F(WritingTest, mode_and_times_of_a_new_file_that_goes_up_are_one_update) {
    const OpenedFile file = open_new("f");
    write_in_order(file, content_of(4 * kPart));
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(chmod("f", 0600));
    ASSERT_TRUE(touch("f", WallTime::from_seconds(1'000'000'000)));
    ASSERT_TRUE(close_file(file));
    ASSERT_TRUE(meta_->flush(ObjectKey("f")));
    EXPECT_EQ(metadata_of("f").at("mode"), std::to_string(S_IFREG | 0600));
    EXPECT_EQ(metadata_of("f").at("mtime"), "1000000000");
    EXPECT_EQ(count(StoreCall::copy), 1u);
}

// As cp -p does: the file is nobody else's until it is whole.
TEST_F(WritingTest, defaults_set_again_while_it_goes_up_are_recorded) {
    const auto created = create("f", false, 0600);
    const OpenedFile file{created->entry.attr.ino, created->opened.handle};
    SetAttr change{.uid = 7, .gid = 8};
    ASSERT_TRUE(fs_->setattr(file.ino, change, file.handle));
    write_in_order(file, content_of(4 * kPart));
    wait_for(StoreCall::upload_part, 4);
    change = {.mode = config_.file_mode, .uid = config_.uid, .gid = config_.gid};
    ASSERT_TRUE(fs_->setattr(file.ino, change, file.handle));
    ASSERT_TRUE(fs_->fsync(file.ino, file.handle));
    EXPECT_EQ(count(StoreCall::upload_part), 4u);
    ASSERT_TRUE(close_file(file));
    mount();
    EXPECT_EQ(stat("f")->mode & 07777u, config_.file_mode);
    EXPECT_EQ(stat("f")->uid, config_.uid);
    EXPECT_EQ(stat("f")->gid, config_.gid);
}

TEST_F(WritingTest, edit_by_others_while_it_goes_up_survives) {
    put("f", "old");
    const std::string bytes = content_of(4 * kPart);
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    write_in_order(file, bytes);
    wait_for(StoreCall::upload_part, 4);
    ObjectAttributes theirs;
    theirs.user["theirs"] = "1";
    put("f", "old", theirs);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(metadata_of("f").at("theirs"), "1");
}

TEST_F(WritingTest, big_object_is_changed_in_place_without_being_downloaded) {
    std::string bytes = content_of(16 * kPart);
    put("f", bytes);
    store_.clear_log();
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 5 * kPart, content_of(kPart, 9)));
    bytes.replace(5 * kPart, kPart, content_of(kPart, 9));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(count(StoreCall::get), 0u);
    EXPECT_EQ(count(StoreCall::upload_part), 1u);
    EXPECT_EQ(count(StoreCall::upload_part_copy), 2u);
}

TEST_F(WritingTest, append_to_a_big_object_copies_what_was_there) {
    const std::string bytes = content_of(16 * kPart);
    put("f", bytes);
    store_.clear_log();
    ASSERT_TRUE(append_file("f", "tail"));
    EXPECT_EQ(body_of("f"), bytes + "tail");
    EXPECT_EQ(count(StoreCall::upload_part_copy), 1u);
    EXPECT_EQ(count(StoreCall::get), 0u);
}

TEST_F(WritingTest, big_object_is_cut_and_grown_without_being_downloaded) {
    const std::string bytes = content_of(16 * kPart);
    put("f", bytes);
    store_.clear_log();
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(truncate(file, 12 * kPart));
    ASSERT_TRUE(truncate(file, 14 * kPart));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes.substr(0, 12 * kPart) + std::string(2 * kPart, '\0'));
    EXPECT_EQ(count(StoreCall::get), 0u);
}

TEST_F(WritingTest, changed_big_object_reads_as_it_will_be) {
    std::string bytes = content_of(16 * kPart);
    put("f", bytes);
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 3 * kPart + 5, "new"));
    bytes.replace(3 * kPart + 5, 3, "new");
    EXPECT_EQ(read(file, 3 * kPart, kPart).value(), bytes.substr(3 * kPart, kPart));
    EXPECT_EQ(read(file, 9 * kPart, 100).value(), bytes.substr(9 * kPart, 100));
    EXPECT_EQ(read(file, 0, bytes.size() + 10).value(), bytes);
    ASSERT_TRUE(close_file(file));
}

TEST_F(WritingTest, fsync_makes_an_object_and_writing_goes_on) {
    const std::string first = content_of(5 * kPart);
    const std::string more = content_of(3 * kPart, 3);
    const OpenedFile file = open_new("f");
    write_in_order(file, first);
    ASSERT_TRUE(fs_->fsync(file.ino, file.handle));
    EXPECT_EQ(body_of("f"), first);
    ASSERT_TRUE(write(file, first.size(), more));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), first + more);
    EXPECT_EQ(count(StoreCall::upload_part), 8u);  // none of the first twice
    EXPECT_EQ(count(StoreCall::upload_part_copy), 1u);
}

TEST_F(WritingTest, own_edit_of_attributes_while_a_big_object_is_changed) {
    std::string bytes = content_of(16 * kPart);
    ASSERT_TRUE(write_file("f", bytes));  // a multipart object: an edit gives it another ETag
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 0, "start"));
    bytes.replace(0, 5, "start");
    ASSERT_TRUE(setxattr("f", "user.year", "2021"));
    EXPECT_EQ(read(file, 9 * kPart, 100).value(), bytes.substr(9 * kPart, 100));
    ASSERT_TRUE(write(file, 2 * kPart, "middle"));
    bytes.replace(2 * kPart, 6, "middle");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(metadata_of("f").at("year"), "2021");
}

TEST_F(WritingTest, object_replaced_under_changes_is_stale_and_their_data_stays) {
    put("f", content_of(16 * kPart));
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 0, "mine"));
    const std::string theirs = content_of(16 * kPart, 4);
    put("f", theirs);
    EXPECT_EQ(read(file, 9 * kPart, 10).error().kind, ErrorKind::stale);
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(body_of("f"), theirs);
    EXPECT_EQ(recovered_files().size(), 2u);
}

TEST_F(WritingTest, file_renamed_while_it_goes_up_arrives_under_its_new_name) {
    const std::string bytes = content_of(6 * kPart);
    const OpenedFile file = open_new("tmp");
    write_in_order(file, bytes.substr(0, 4 * kPart));
    wait_for(StoreCall::upload_part, 4);
    ASSERT_TRUE(rename("tmp", "final"));
    ASSERT_TRUE(write(file, 4 * kPart, bytes.substr(4 * kPart)));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("final"), bytes);
    EXPECT_FALSE(in_bucket("tmp"));
    unmount();
    EXPECT_EQ(uploads_open(), 0u);
}

TEST_F(WritingTest, file_deleted_while_it_goes_up_leaves_nothing) {
    const OpenedFile file = open_new("f");
    write_in_order(file, content_of(4 * kPart));
    wait_for(StoreCall::upload_part, 3);
    ASSERT_TRUE(unlink("f"));
    ASSERT_TRUE(write(file, 4 * kPart, "more"));
    ASSERT_TRUE(close_file(file));
    unmount();
    EXPECT_FALSE(in_bucket("f"));
    EXPECT_EQ(uploads_open(), 0u);
}

TEST_F(WritingTest, big_changed_object_that_is_deleted_stays_readable) {
    const std::string bytes = content_of(16 * kPart);
    put("f", bytes);
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 0, "X"));
    ASSERT_TRUE(unlink("f"));
    EXPECT_EQ(read(file, 0, bytes.size()).value(), "X" + bytes.substr(1));
    ASSERT_TRUE(close_file(file));
    EXPECT_FALSE(in_bucket("f"));
}

TEST_F(WritingTest, failed_begin_of_an_upload_is_made_up_for_at_close) {
    const std::string bytes = content_of(4 * kPart);
    faulty_.fail(StoreCall::create_upload, Error(ErrorKind::server_error, "injected"));
    const OpenedFile file = open_new("f");
    write_in_order(file, bytes);
    while (faulty_.faults_left() != 0) std::this_thread::yield();
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
}

TEST_F(WritingTest, lost_reply_of_complete_is_resolved_by_looking) {
    const std::string bytes = content_of(4 * kPart);
    faulty_.lose_reply(StoreCall::complete_upload);
    ASSERT_TRUE(write_file("f", bytes));
    EXPECT_EQ(body_of("f"), bytes);
    EXPECT_EQ(count(StoreCall::complete_upload), 1u);
}

TEST_F(WritingTest, lost_request_of_complete_is_sent_again) {
    const std::string bytes = content_of(4 * kPart);
    faulty_.lose_request(StoreCall::complete_upload);
    ASSERT_TRUE(write_file("f", bytes));
    EXPECT_EQ(body_of("f"), bytes);
}

TEST_F(WritingTest, failed_close_of_a_big_file_can_be_tried_again) {
    const std::string bytes = content_of(4 * kPart);
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, bytes));
    faulty_.fail(StoreCall::complete_upload, Error(ErrorKind::server_error, "injected"));
    EXPECT_EQ(fs_->flush(file.ino, file.handle).error().kind, ErrorKind::server_error);
    EXPECT_EQ(uploads_open(), 0u);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), bytes);
}

TEST_F(WritingTest, full_spool_is_no_space_and_the_old_object_stands) {
    put("f", "old");
    FsConfig config = config_;
    config.part_bytes = kPart;
    config.spool_bytes_max = 3 * kPart;
    mount(config);
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(write(file, 0, content_of(3 * kPart)));
    EXPECT_EQ(write(file, 3 * kPart, "more").error().kind, ErrorKind::no_space);
    EXPECT_EQ(body_of("f"), "old");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f").size(), 3 * kPart);
}

TEST_F(WritingTest, sparse_file_is_zeros_where_nobody_wrote) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 5 * kPart, "end"));
    EXPECT_EQ(read(file, 5 * kPart - 2, 10).value(), std::string("\0\0end", 5));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), std::string(5 * kPart, '\0') + "end");
}

// OSS's appendable objects
class AppendableTest : public WritingTest {
  protected:
    void make_appendable(const std::string& key, const std::string& bytes) {
        const auto body = testing::body_of(bytes);
        ASSERT_TRUE(other_.append(ObjectKey(key), 0, body));
        ASSERT_TRUE(stat(key));
        store_.clear_log();
    }
    ObjectType type_of(const std::string& key) const {
        return store_.bucket()->peek(ObjectKey(key))->type;
    }
};

TEST_F(AppendableTest, appending_keeps_it_appendable_and_sends_only_the_end) {
    make_appendable("log", "first\n");
    ASSERT_TRUE(append_file("log", "second\n"));
    ASSERT_TRUE(append_file("log", "third\n"));
    EXPECT_EQ(body_of("log"), "first\nsecond\nthird\n");
    EXPECT_EQ(type_of("log"), ObjectType::appendable);
    EXPECT_EQ(count(StoreCall::append), 2u);
    EXPECT_EQ(count(StoreCall::get) + count(StoreCall::put), 0u);
    EXPECT_EQ(read_file("log").value(), "first\nsecond\nthird\n");
}

TEST_F(AppendableTest, it_stays_appendable_when_its_lookup_is_long_ago) {
    make_appendable("log", "a");
    for (const char* bytes : {"b", "c"}) {
        const OpenedFile file = open_old("log", {.write = true, .append = true});
        clock_.advance(std::chrono::seconds(61));
        ASSERT_TRUE(append(file, bytes));
        ASSERT_TRUE(close_file(file));
    }
    EXPECT_EQ(body_of("log"), "abc");
    EXPECT_EQ(type_of("log"), ObjectType::appendable);
    EXPECT_EQ(count(StoreCall::get) + count(StoreCall::put), 0u);
}

TEST_F(AppendableTest, it_stays_appendable_when_much_is_appended) {
    make_appendable("log", "first\n");
    const std::string bytes = content_of(6 * kPart);
    const OpenedFile file = open_old("log", {.write = true, .append = true});
    for (size_t at = 0; at < bytes.size(); at += kPart / 2) {
        ASSERT_TRUE(append(file, bytes.substr(at, kPart / 2)));
    }
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("log"), "first\n" + bytes);
    EXPECT_EQ(type_of("log"), ObjectType::appendable);
    EXPECT_EQ(count(StoreCall::append), 1u);
    EXPECT_EQ(count(StoreCall::create_upload), 0u);
}

TEST_F(AppendableTest, every_fsync_appends_what_is_new) {
    make_appendable("log", "a");
    const OpenedFile file = open_old("log", {.write = true, .append = true});
    ASSERT_TRUE(append(file, "b"));
    ASSERT_TRUE(fs_->fsync(file.ino, file.handle));
    EXPECT_EQ(body_of("log"), "ab");
    ASSERT_TRUE(append(file, "c"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("log"), "abc");
    EXPECT_EQ(count(StoreCall::append), 2u);
}

TEST_F(AppendableTest, other_changes_rewrite_it) {
    make_appendable("log", "abc");
    const OpenedFile file = open_old("log", {.write = true});
    ASSERT_TRUE(write(file, 1, "X"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("log"), "aXc");
    EXPECT_EQ(type_of("log"), ObjectType::normal);
}

TEST_F(AppendableTest, append_by_others_in_between_is_stale_and_undoes_nothing) {
    make_appendable("log", "abc");
    const OpenedFile file = open_old("log", {.write = true, .append = true});
    ASSERT_TRUE(append(file, "mine"));
    ASSERT_TRUE(other_.append(ObjectKey("log"), 3, testing::body_of("theirs")));
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(body_of("log"), "abctheirs");
}

TEST_F(AppendableTest, lost_reply_of_an_append_is_not_sent_twice) {
    make_appendable("log", "abc");
    faulty_.lose_reply(StoreCall::append);
    ASSERT_TRUE(append_file("log", "def"));
    EXPECT_EQ(body_of("log"), "abcdef");
}

class AppendLimitTest : public FsTest {
  protected:
    AppendLimitTest() : FsTest(with_small_puts()) {}
    static testing::MemoryService with_small_puts() {
        testing::MemoryService service = testing::MemoryService::oss();
        service.traits.put_bytes_max = 3 * kPart;
        return service;
    }
};

TEST_F(AppendLimitTest, what_no_append_can_hold_is_rewritten) {
    const std::string bytes = content_of(4 * kPart);
    ASSERT_TRUE(other_.append(ObjectKey("log"), 0, testing::body_of(bytes.substr(0, 2 * kPart))));
    ASSERT_TRUE(append_file("log", bytes.substr(2 * kPart)));
    EXPECT_EQ(body_of("log"), bytes);
    EXPECT_NE(store_.bucket()->peek(ObjectKey("log"))->type, ObjectType::appendable);
}

}  // namespace
}  // namespace xbucket
