// SPDX-FileCopyrightText: the xbucket authors
// Files: what open, read, write, close and fsync promise.
#include "fs_fixture.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StoreCall;
using ::testing::UnorderedElementsAre;

class FilesTest : public FsTest {};

TEST_F(FilesTest, what_was_written_is_in_the_bucket_when_close_returns) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "hello"));
    EXPECT_FALSE(in_bucket("f"));
    ASSERT_TRUE(flush(file));
    EXPECT_EQ(body_of("f"), "hello");
    fs_->release(file.ino, file.handle);
    EXPECT_EQ(read_file("f").value(), "hello");
    EXPECT_EQ(count(StoreCall::put), 1u);
}

TEST_F(FilesTest, created_and_closed_without_data_is_an_empty_object) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "");
    EXPECT_EQ(count(StoreCall::put), 1u);
}

TEST_F(FilesTest, failed_upload_of_an_empty_file_is_reported_by_close) {
    const OpenedFile file = open_new("f");
    faulty_.fail(StoreCall::put, Error(ErrorKind::server_error, "injected"));
    EXPECT_EQ(flush(file).error().kind, ErrorKind::server_error);
    fs_->release(file.ino, file.handle);
}

TEST_F(FilesTest, new_file_is_visible_before_it_is_in_the_bucket) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "12345"));
    EXPECT_EQ(stat("f")->size, 5u);
    EXPECT_THAT(*names_in(""), ElementsAre("f"));
    EXPECT_EQ(read_file("f").value(), "12345");
    ASSERT_TRUE(close_file(file));
    EXPECT_THAT(*names_in(""), ElementsAre("f"));
}

TEST_F(FilesTest, flush_of_a_clean_handle_costs_nothing) {
    put("f", "body");
    const OpenedFile file = open_old("f", {.write = true});
    store_.clear_log();
    ASSERT_TRUE(flush(file));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(count(StoreCall::put), 0u);
    EXPECT_EQ(count(StoreCall::head), 0u);
}

TEST_F(FilesTest, readers_close_does_not_upload_what_a_writer_has_not_finished) {
    const OpenedFile writer = open_new("f");
    ASSERT_TRUE(write(writer, 0, "half"));
    const OpenedFile reader = open_old("f");
    ASSERT_TRUE(close_file(reader));
    EXPECT_EQ(count(StoreCall::put), 0u);
    ASSERT_TRUE(close_file(writer));
}

TEST_F(FilesTest,
       close_of_a_handle_that_wrote_nothing_does_not_send_what_another_has_not_finished) {
    put("f", "old");
    const OpenedFile writer = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(write(writer, 0, "half"));
    const OpenedFile other = open_old("f", {.write = true});
    ASSERT_TRUE(close_file(other));
    EXPECT_EQ(body_of("f"), "old");
    const OpenedFile second = open_old("f", {.write = true});
    ASSERT_TRUE(write(second, 4, " and half"));
    ASSERT_TRUE(flush(second));
    EXPECT_EQ(body_of("f"), "half and half") << "two that write share one file";
    ASSERT_TRUE(write(writer, 0, "more"));
    ASSERT_TRUE(close_file(second));
    EXPECT_EQ(body_of("f"), "half and half") << "its own is sent already";
    ASSERT_TRUE(close_file(writer));
    EXPECT_EQ(body_of("f"), "more and half");

    const OpenedFile maker = open_new("new");
    ASSERT_TRUE(close_file(open_old("new", {.write = true})));
    EXPECT_FALSE(in_bucket("new"));
    ASSERT_TRUE(close_file(maker));
    EXPECT_EQ(body_of("new"), "");
}

TEST_F(FilesTest, close_of_any_handle_sends_pages_of_a_mapping_and_sizes_set_through_it) {
    put("f", "old");
    const OpenedFile writer = open_old("f", {.write = true});
    const OpenedFile other = open_old("f", {.write = true});
    ASSERT_TRUE(fs_->write_pages(writer.ino, writer.handle, 0, "map"));
    ASSERT_TRUE(flush(other));
    EXPECT_EQ(body_of("f"), "map");
    ASSERT_TRUE(fs_->setattr(other.ino, {.size = 2}, other.handle));
    ASSERT_TRUE(close_file(other));
    EXPECT_EQ(body_of("f"), "ma");
    ASSERT_TRUE(close_file(writer));
}

TEST_F(FilesTest, two_handles_of_one_file_share_one_dirty_state) {
    put("f", "abcdef");
    const OpenedFile one = open_old("f", {.write = true});
    const OpenedFile two = open_old("f", {.write = true});
    ASSERT_TRUE(write(one, 0, "X"));
    EXPECT_EQ(read(two, 0, 10).value(), "Xbcdef");
    ASSERT_TRUE(write(two, 5, "YZ"));
    EXPECT_EQ(read(one, 0, 10).value(), "XbcdeYZ");
    EXPECT_EQ(size_of(one), 7u);
    ASSERT_TRUE(close_file(one));
    ASSERT_TRUE(close_file(two));
    EXPECT_EQ(body_of("f"), "XbcdeYZ");
}

TEST_F(FilesTest, write_into_an_object_keeps_the_rest_of_its_content) {
    put("f", "0123456789");
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 3, "abc"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "012abc6789");
}

TEST_F(FilesTest, size_that_no_object_can_have_is_refused_at_once) {
    const OpenedFile file = open_new("f");
    const uint64_t max = 10'000 * (uint64_t{5} << 30);
    EXPECT_EQ(write(file, uint64_t{1} << 50, "x").error().kind, ErrorKind::file_too_large);
    EXPECT_EQ(write(file, max, "x").error().kind, ErrorKind::file_too_large);
    SetAttr change;
    change.size = max + 1;
    EXPECT_EQ(fs_->setattr(file.ino, change, file.handle).error().kind, ErrorKind::file_too_large);
    EXPECT_EQ(size_of(file), 0u);
    ASSERT_TRUE(write(file, 0, "small"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "small");
}

TEST_F(FilesTest, truncating_open_downloads_nothing) {
    put("f", "old content");
    ASSERT_TRUE(write_file("f", "new"));
    EXPECT_EQ(body_of("f"), "new");
    EXPECT_EQ(count(StoreCall::get), 0u);
}

TEST_F(FilesTest, truncating_open_without_a_write_empties_the_object) {
    put("f", "old content");
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "");
}

TEST_F(FilesTest, truncating_open_for_reading_empties_the_object_too) {
    put("f", "old content");
    const OpenedFile file = open_old("f", {.truncate = true});
    EXPECT_EQ(size_of(file), 0u);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "");
}

TEST_F(FilesTest, append_after_an_early_flush_appends) {
    put("f", "one\n");
    ASSERT_TRUE(append_file("f", "two\n"));
    EXPECT_EQ(body_of("f"), "one\ntwo\n");
}

TEST_F(FilesTest, append_goes_to_the_end_of_what_other_handles_wrote) {
    put("f", "12");
    const OpenedFile file = open_old("f", {.write = true, .append = true});
    const OpenedFile other = open_old("f", {.write = true});
    ASSERT_TRUE(append(file, "3"));
    ASSERT_TRUE(write(other, 3, "4"));
    ASSERT_TRUE(append(file, "5"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "12345");
    ASSERT_TRUE(close_file(other));
}

TEST_F(FilesTest, page_of_a_mapping_goes_to_its_place_though_the_handle_appends) {
    put("f", "12345");
    const OpenedFile file = open_old("f", {.write = true, .append = true});
    ASSERT_TRUE(write(file, 0, "ABCDE"));
    EXPECT_EQ(size_of(file), 5u);
    ASSERT_TRUE(append(file, "6"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "ABCDE6");
}

TEST_F(FilesTest, truncate_by_path_is_in_the_bucket_when_it_returns) {
    put("f", "0123456789");
    SetAttr change;
    change.size = 4;
    EXPECT_EQ(fs_->setattr(ino("f"), change, std::nullopt)->size, 4u);
    EXPECT_EQ(body_of("f"), "0123");
    change.size = 6;
    EXPECT_EQ(fs_->setattr(ino("f"), change, std::nullopt)->size, 6u);
    EXPECT_EQ(body_of("f"), std::string("0123\0\0", 6));
}

TEST_F(FilesTest, ftruncate_waits_for_the_close) {
    put("f", "0123456789");
    const OpenedFile file = open_old("f", {.write = true});
    SetAttr change;
    change.size = 2;
    ASSERT_TRUE(fs_->setattr(file.ino, change, file.handle));
    EXPECT_EQ(body_of("f"), "0123456789");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "01");
}

TEST_F(FilesTest, rewriting_content_keeps_metadata_headers_and_tags) {
    ObjectAttributes attributes;
    attributes.user["year"] = "2021";
    attributes[HttpField::cache_control] = "max-age=60";
    attributes[HttpField::content_type] = "text/x-odd";
    put("f", "old", attributes);
    ASSERT_TRUE(write_file("f", "new"));
    const auto now = store_.bucket()->peek(ObjectKey("f"));
    EXPECT_EQ(*now->body, "new");
    EXPECT_EQ(now->attributes.user.at("year"), "2021");
    EXPECT_EQ(now->attributes[HttpField::cache_control], "max-age=60");
    EXPECT_EQ(now->attributes[HttpField::content_type], "text/x-odd");
}

TEST_F(FilesTest, failed_close_keeps_the_data_and_the_next_one_retries) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    faulty_.fail(StoreCall::put, Error(ErrorKind::server_error, "injected"));
    EXPECT_FALSE(flush(file).has_value());
    EXPECT_FALSE(in_bucket("f"));
    EXPECT_EQ(read(file, 0, 10).value(), "data");
    ASSERT_TRUE(fs_->fsync(file.ino, file.handle));
    EXPECT_EQ(body_of("f"), "data");
    ASSERT_TRUE(close_file(file));
}

TEST_F(FilesTest, data_whose_close_failed_for_good_is_in_the_recovery_folder) {
    const OpenedFile file = open_new("f x");
    ASSERT_TRUE(write(file, 0, "precious"));
    faulty_.fail(StoreCall::put, Error(ErrorKind::server_error, "injected")).always();
    EXPECT_FALSE(close_file(file).has_value());
    std::string data;
    std::string note;
    for (const auto& path : recovered_files()) {
        std::ifstream in(path);
        std::string& text = path.extension() == ".json" ? note : data;
        text.assign(std::istreambuf_iterator<char>(in), {});
    }
    EXPECT_EQ(data, "precious");
    EXPECT_THAT(note, ::testing::HasSubstr("\"key\": \"f%20x\""));
    EXPECT_THAT(note, ::testing::HasSubstr("injected")) << "why";
    EXPECT_EQ(look_up("f x").error().kind, ErrorKind::not_found);
    EXPECT_THAT(notifier_.entries(), ElementsAre("f x"));
}

TEST_F(FilesTest, failed_overwrite_shows_the_old_object_again_after_the_last_close) {
    put("f", "old");
    const WallTime modified = stat("f")->mtime;
    clock_.advance(std::chrono::seconds(10));
    size_t kept = 0;
    for (const char* content : {"replacement", "new"}) {  // of another size, and of the same
        const OpenedFile file = open_old("f", {.write = true, .truncate = true});
        ASSERT_TRUE(write(file, 0, content));
        faulty_.fail(StoreCall::put, Error(ErrorKind::access_denied, "injected")).always();
        EXPECT_EQ(close_file(file).error().kind, ErrorKind::access_denied);
        faulty_.clear_faults();
        EXPECT_EQ(stat("f")->size, 3u);
        EXPECT_EQ(stat("f")->mtime, modified);
        EXPECT_EQ(read_file("f").value(), "old");
        EXPECT_EQ(recovered_files().size(), kept += 2);
    }
}

TEST_F(FilesTest, lost_reply_of_a_put_is_resolved_by_looking_not_by_sending_again) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    faulty_.lose_reply(StoreCall::put);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "data");
    EXPECT_EQ(count(StoreCall::put), 1u);
}

TEST_F(FilesTest, lost_request_of_a_put_is_sent_again) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    faulty_.lose_request(StoreCall::put);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "data");
}

TEST_F(FilesTest, edit_of_an_object_that_somebody_replaced_is_stale_and_undoes_nothing) {
    put("f", "base");
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(write(file, 0, "X"));
    put("f", "theirs");
    EXPECT_EQ(close_file(file).error().kind, ErrorKind::stale);
    EXPECT_EQ(body_of("f"), "theirs");
    EXPECT_EQ(recovered_files().size(), 2u);
}

TEST_F(FilesTest, object_replaced_while_it_is_read_is_stale_never_a_mixture) {
    put("f", std::string(1U << 20, 'a'));
    const OpenedFile file = open_old("f");
    EXPECT_EQ(read(file, 0, 4096).value(), std::string(4096, 'a'));
    put("f", std::string(1U << 20, 'b'));
    EXPECT_EQ(read(file, 900'000, 4096).error().kind, ErrorKind::stale);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(read_file("f").value(), std::string(1U << 20, 'b'));
}

TEST_F(FilesTest, object_replaced_between_lookup_and_first_read_is_read_as_it_is_now) {
    put("f", "old");
    const OpenedFile file = open_old("f");
    put("f", "longer than before");
    EXPECT_EQ(read(file, 0, 100).value(), "longer than before");
    EXPECT_EQ(size_of(file), 18u);
    EXPECT_GE(notifier_.inodes_with_data(), 1u);
}

TEST_F(FilesTest, page_cache_is_kept_while_the_content_stands) {
    put("f", "body");
    const InodeNumber number = ino("f");
    EXPECT_FALSE(fs_->open(number, {})->keep_cache);
    EXPECT_TRUE(fs_->open(number, {})->keep_cache);
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    EXPECT_TRUE(fs_->open(number, {})->keep_cache);
    put("f", "other");
    clock_.advance(std::chrono::seconds(61));
    ASSERT_TRUE(stat("f"));
    EXPECT_FALSE(fs_->open(number, {})->keep_cache);
}

TEST_F(FilesTest, unlinked_file_stays_readable_and_writable_and_is_never_uploaded) {
    put("f", "still here");
    const OpenedFile file = open_old("f", {.write = true});
    ASSERT_TRUE(unlink("f"));
    EXPECT_FALSE(in_bucket("f"));
    EXPECT_EQ(read(file, 0, 100).value(), "still here");
    ASSERT_TRUE(write(file, 0, "STILL"));
    EXPECT_EQ(read(file, 0, 100).value(), "STILL here");
    EXPECT_EQ(fs_->getattr(file.ino, file.handle)->nlink, 0u);
    ASSERT_TRUE(close_file(file));
    EXPECT_FALSE(in_bucket("f"));
    EXPECT_THAT(recovered_files(), IsEmpty());
}

TEST_F(FilesTest, new_file_unlinked_before_its_close_makes_no_request) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "temporary"));
    store_.clear_log();
    ASSERT_TRUE(unlink("f"));
    EXPECT_EQ(read(file, 0, 100).value(), "temporary");
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(store_.count(), 0u);
    EXPECT_THAT(*names_in(""), IsEmpty());
}

TEST_F(FilesTest, file_made_by_mknod_waits_for_its_open_and_takes_attributes_along) {
    // tar: mknod, setxattr, open, write, close
    ASSERT_TRUE(fs_->mknod(kRootInode, "f", 0100644, kUser));
    ASSERT_TRUE(setxattr("f", "user.a", "1"));
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(write(file, 0, "data"));
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), "data");
    EXPECT_EQ(metadata_of("f").at("a"), "1");
    EXPECT_EQ(count(StoreCall::put), 1u);
    EXPECT_EQ(count(StoreCall::copy), 0u);
}

TEST_F(FilesTest, file_made_by_mknod_goes_up_by_itself) {
    ASSERT_TRUE(fs_->mknod(kRootInode, "f", 0100644, kUser));
    EXPECT_FALSE(in_bucket("f"));
    EXPECT_THAT(*names_in(""), ElementsAre("f"));
    ASSERT_TRUE(fs_->fsyncdir(kRootInode));
    EXPECT_EQ(body_of("f"), "");
}

TEST_F(FilesTest, fsync_of_a_directory_leaves_open_files_alone_and_sync_sends_them) {
    ASSERT_TRUE(mkdir("d"));
    const OpenedFile file = open_new("d/f");
    const OpenedFile other = open_new("other");
    ASSERT_TRUE(write(file, 0, "half"));
    ASSERT_TRUE(write(other, 0, "half"));
    ASSERT_TRUE(fs_->fsyncdir(ino("d")));
    EXPECT_FALSE(in_bucket("d/f"));
    ASSERT_TRUE(fs_->sync_below(ino("d")));
    EXPECT_EQ(body_of("d/f"), "half");
    EXPECT_FALSE(in_bucket("other"));
    ASSERT_TRUE(close_file(file));
    ASSERT_TRUE(close_file(other));
}

TEST_F(FilesTest, pipes_and_devices_cannot_be_made) {
    EXPECT_EQ(fs_->mknod(kRootInode, "p", 0010644, kUser).error().kind, ErrorKind::not_permitted);
}

TEST_F(FilesTest, big_file_goes_up_in_parts_and_comes_back_whole) {
    FsConfig config = config_;
    config.part_bytes = 128U << 10;
    mount(config);
    std::string content;
    for (size_t i = 0; content.size() < 1'000'000; ++i) content += std::to_string(i * i) + ",";
    ASSERT_TRUE(write_file("big", content));
    EXPECT_EQ(count(StoreCall::create_upload), 1u);
    EXPECT_EQ(count(StoreCall::complete_upload), 1u);
    EXPECT_EQ(count(StoreCall::put), 0u);
    EXPECT_EQ(body_of("big"), content);
    EXPECT_EQ(read_file("big").value(), content);
}

TEST_F(FilesTest, failed_part_fails_the_close_and_leaves_no_upload_behind) {
    FsConfig config = config_;
    config.part_bytes = 128U << 10;
    mount(config);
    faulty_.fail(StoreCall::upload_part, Error(ErrorKind::server_error, "injected"))
        .nth(2)
        .always();
    EXPECT_EQ(write_file("big", std::string(700'000, 'x')).error().kind, ErrorKind::server_error);
    EXPECT_FALSE(in_bucket("big"));
    EXPECT_THAT(*other_.list_uploads(""), IsEmpty());
}

TEST_F(FilesTest, sequential_read_takes_few_requests_and_random_reads_take_what_they_ask) {
    std::string content(6U << 20, '\0');
    for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 / 5);
    put("f", content);
    EXPECT_EQ(read_file("f").value(), content);
    EXPECT_LE(count(StoreCall::get), 8u);
    store_.clear_log();
    const OpenedFile file = open_old("f");
    EXPECT_EQ(read(file, 5'000'000, 100).value(), content.substr(5'000'000, 100));
    EXPECT_EQ(read(file, 3'000'000, 100).value(), content.substr(3'000'000, 100));
    EXPECT_EQ(count(StoreCall::get), 2u);
    ASSERT_TRUE(close_file(file));
}

TEST_F(FilesTest, read_at_and_past_the_end_gives_what_there_is) {
    put("f", "12345");
    const OpenedFile file = open_old("f");
    EXPECT_EQ(read(file, 3, 100).value(), "45");
    EXPECT_EQ(read(file, 5, 100).value(), "");
    EXPECT_EQ(read(file, 500, 100).value(), "");
    ASSERT_TRUE(close_file(file));
}

TEST_F(FilesTest, spool_over_its_quota_is_no_space_and_loses_nothing_written_before) {
    FsConfig config = config_;
    config.spool_bytes_max = 1000;
    mount(config);
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, std::string(900, 'a')));
    EXPECT_EQ(write(file, 900, std::string(200, 'b')).error().kind, ErrorKind::no_space);
    EXPECT_EQ(size_of(file), 900u);
    ASSERT_TRUE(close_file(file));
    EXPECT_EQ(body_of("f"), std::string(900, 'a'));
    // The quota is given back.
    ASSERT_TRUE(write_file("g", std::string(900, 'c')));
}

// The kernel takes a page as written whole or not at all, and keeps none that failed.
TEST_F(FilesTest, pages_of_a_mapping_that_find_no_room_are_an_error_and_the_old_object_stands) {
    FsConfig config = config_;
    config.spool_bytes_max = 1000;
    mount(config);
    put("f", "old");
    const OpenedFile file = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(fs_->write_pages(file.ino, file.handle, 0, std::string(900, 'a')));
    EXPECT_EQ(fs_->write_pages(file.ino, file.handle, 900, std::string(200, 'b')).error().kind,
              ErrorKind::no_space);
    EXPECT_EQ(fs_->fsync(file.ino, file.handle).error().kind, ErrorKind::no_space);
    ASSERT_TRUE(write(file, 0, "more"));
    EXPECT_EQ(flush(file).error().kind, ErrorKind::no_space) << "it still lacks them";
    fs_->release(file.ino, file.handle);
    EXPECT_EQ(body_of("f"), "old");
    EXPECT_EQ(recovered_files().size(), 2u) << "the content and its note";

    const OpenedFile anew = open_old("f", {.write = true, .truncate = true});
    ASSERT_TRUE(fs_->write_pages(anew.ino, anew.handle, 0, std::string(900, 'a')));
    ASSERT_FALSE(fs_->write_pages(anew.ino, anew.handle, 900, std::string(200, 'b')));
    ASSERT_TRUE(fs_->setattr(anew.ino, {.size = 0}, anew.handle));
    ASSERT_TRUE(fs_->write_pages(anew.ino, anew.handle, 0, "anew"));
    ASSERT_TRUE(close_file(anew));
    EXPECT_EQ(body_of("f"), "anew");
}

TEST_F(FilesTest, sync_is_no_success_where_the_kernel_may_hold_pages_and_sends_the_rest) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    notifier_.be_slow();
    EXPECT_EQ(fs_->sync_below(kRootInode).error().kind, ErrorKind::busy);
    EXPECT_EQ(body_of("f"), "data");
    notifier_.be_slow(false);
    notifier_.be_full();
    EXPECT_EQ(fs_->sync_below(kRootInode).error().kind, ErrorKind::busy) << "it was not told";
    notifier_.be_full(false);
    EXPECT_TRUE(fs_->sync_below(kRootInode));
}

TEST_F(FilesTest, archived_object_cannot_be_read_and_says_why) {
    put("f", "frozen");
    store_.bucket()->alter(ObjectKey("f"), [](testing::MemoryVersion& version) {
        version.attributes.storage_class = "Archive";
    });
    EXPECT_EQ(read_file("f").error().kind, ErrorKind::archived);
}

TEST_F(FilesTest, what_is_dirty_at_the_end_of_the_mount_goes_up) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    ASSERT_TRUE(fs_->shutdown());
    EXPECT_EQ(body_of("f"), "data");
}

TEST_F(FilesTest, what_cannot_go_up_at_the_end_of_the_mount_is_kept) {
    const OpenedFile file = open_new("f");
    ASSERT_TRUE(write(file, 0, "data"));
    faulty_.fail(StoreCall::put, Error(ErrorKind::network, "injected")).always();
    EXPECT_FALSE(fs_->shutdown().has_value());
    EXPECT_EQ(recovered_files().size(), 2u);
}

TEST_F(FilesTest, read_only_mount_changes_nothing) {
    put("f", "body");
    FsConfig config = config_;
    config.read_only = true;
    mount(config);
    EXPECT_EQ(open("f", {.write = true}).error().kind, ErrorKind::read_only);
    EXPECT_EQ(create("g").error().kind, ErrorKind::read_only);
    EXPECT_EQ(unlink("f").error().kind, ErrorKind::read_only);
    EXPECT_EQ(mkdir("d").error().kind, ErrorKind::read_only);
    EXPECT_EQ(setxattr("f", "user.a", "1").error().kind, ErrorKind::read_only);
    EXPECT_EQ(chmod("f", 0600).error().kind, ErrorKind::read_only);
    EXPECT_EQ(rename("f", "g").error().kind, ErrorKind::read_only);
    EXPECT_EQ(read_file("f").value(), "body");
}

TEST_F(FilesTest, names_over_the_limits_are_too_long) {
    EXPECT_EQ(create(std::string(256, 'n')).error().kind, ErrorKind::name_too_long);
    EXPECT_EQ(look_up(std::string(256, 'n')).error().kind, ErrorKind::name_too_long);
}

}  // namespace
}  // namespace xbucket
