// SPDX-FileCopyrightText: the xbucket authors
// Listing: what readdir gives, in how many requests, and while things change.
#include "fs_fixture.h"

#include <fmt/format.h>

#include <set>
#include <sys/stat.h>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StoreCall;
using ::testing::UnorderedElementsAre;

class DirectoriesTest : public FsTest {
  protected:
    // One readdir call that takes up to `room` entries; offsets and names of what was taken.
    std::vector<DirEntry> read_some(InodeNumber directory, HandleId handle, uint64_t offset,
                                    size_t room, bool plus = false) {
        std::vector<DirEntry> entries;
        const Result<void> done =
            fs_->readdir(directory, handle, offset, plus, [&](const DirEntry& entry) {
                if (entries.size() == room) return false;
                entries.push_back(entry);
                return true;
            });
        EXPECT_TRUE(done.has_value());
        return entries;
    }
    // All of it, as `ls -l` reads it: readdirplus first, then lookups for what came without.
    size_t list_long(const std::string& path) {
        const InodeNumber directory = ino(path);
        const HandleId handle = fs_->opendir(directory)->handle;
        size_t count = 0;
        uint64_t offset = 0;
        for (bool plus = true;; plus = !plus) {
            const auto entries = read_some(directory, handle, offset, 25, plus);
            if (entries.empty()) break;
            for (const DirEntry& entry : entries) {
                offset = entry.next_offset;
                if (entry.name == "." || entry.name == "..") continue;
                ++count;
                if (!entry.counted) {
                    const auto known = fs_->lookup_cached(directory, entry.name);
                    EXPECT_TRUE(known.has_value() && known->has_value()) << entry.name;
                }
            }
        }
        fs_->releasedir(handle);
        return count;
    }
};

TEST_F(DirectoriesTest, names_of_one_level_with_their_types) {
    put("d/a", "1");
    put("d/sub/x", "1");
    put("d/b", "1");
    put("other", "1");
    EXPECT_THAT(*names_in("d"), UnorderedElementsAre("a", "b", "sub/"));
    EXPECT_THAT(*names_in(""), UnorderedElementsAre("d/", "other"));
}

TEST_F(DirectoriesTest, long_listing_of_ten_thousand_objects_is_ten_lists_and_no_head) {
    for (int i = 0; i < 10'000; ++i) put(fmt::format("d/{:05}", i), "x");
    const InodeNumber directory = ino("d");
    (void)directory;
    store_.clear_log();
    EXPECT_EQ(list_long("d"), 10'000u);
    EXPECT_EQ(count(StoreCall::list), 10u);
    EXPECT_EQ(count(StoreCall::head), 0u);
    EXPECT_EQ(store_.count(), 10u);
}

TEST_F(DirectoriesTest, first_entries_come_after_one_page) {
    for (int i = 0; i < 2500; ++i) put(fmt::format("d/{:05}", i), "x");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    store_.clear_log();
    EXPECT_EQ(read_some(directory, handle, 2, 5).size(), 5u);
    EXPECT_EQ(count(StoreCall::list), 1u);
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, offsets_resume_exactly_where_a_full_buffer_ended) {
    for (int i = 0; i < 30; ++i) put(fmt::format("d/{:02}", i), "x");
    const InodeNumber directory = ino("d");
    for (size_t room = 1; room < 12; ++room) {
        const HandleId handle = fs_->opendir(directory)->handle;
        std::vector<std::string> names;
        uint64_t offset = 0;
        for (auto some = read_some(directory, handle, offset, room); !some.empty();
             some = read_some(directory, handle, offset, room)) {
            for (const DirEntry& entry : some) names.push_back(entry.name);
            offset = some.back().next_offset;
        }
        EXPECT_EQ(names.size(), 32u) << room;
        EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 32u) << room;
        fs_->releasedir(handle);
    }
}

TEST_F(DirectoriesTest, seekdir_to_an_earlier_offset_finds_the_same_entries) {
    for (int i = 0; i < 2500; ++i) put(fmt::format("d/{:05}", i), "x");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    uint64_t offset = 0;
    std::map<uint64_t, std::string> at;  // offset before an entry -> its name
    for (auto some = read_some(directory, handle, offset, 400); !some.empty();
         some = read_some(directory, handle, offset, 400)) {
        for (const DirEntry& entry : some) {
            at[offset] = entry.name;
            offset = entry.next_offset;
        }
    }
    for (const uint64_t back : {2400u, 1u, 2u, 1200u, 3u, 2000u}) {
        const auto again = read_some(directory, handle, back, 1);
        ASSERT_EQ(again.size(), 1u) << back;
        EXPECT_EQ(again[0].name, at[back]);
    }
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, seekdir_to_an_earlier_page_is_one_listing_whatever_went_before_it) {
    for (int i = 0; i < 3500; ++i) put(fmt::format("d/{:05}", i), "x");
    const OpenedFile unsent = open_new("d/unsent");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    uint64_t offset = 0;
    std::map<std::string, uint64_t> before;  // name -> offset before it
    for (auto some = read_some(directory, handle, offset, 400); !some.empty();
         some = read_some(directory, handle, offset, 400)) {
        for (const DirEntry& entry : some) {
            before[entry.name] = offset;
            offset = entry.next_offset;
        }
    }
    for (int i = 100; i < 600; ++i) {
        ASSERT_TRUE(other_.remove(ObjectKey(fmt::format("d/{:05}", i))));
    }
    for (const std::string name : {"03200", "01500", "02200"}) {
        store_.clear_log();
        std::vector<std::string> found;
        for (offset = before[name]; found.size() < 1200;) {
            const auto some = read_some(directory, handle, offset, 400);
            if (some.empty()) break;
            for (const DirEntry& entry : some) found.push_back(entry.name);
            offset = some.back().next_offset;
        }
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found.front(), name);
        EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), found.size());
        EXPECT_GE(found.size(), std::min<size_t>(1200, 3500 - std::stoul(name)));
        EXPECT_LE(count(StoreCall::list), 3u);
    }
    // What is deleted stays so for who begins anew.
    EXPECT_EQ(names_in("d")->size(), 3001u);
    fs_->releasedir(handle);
    ASSERT_TRUE(close_file(unsent));
}

TEST_F(DirectoriesTest, rewinddir_shows_what_came_since) {
    put("d/a", "1");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    EXPECT_EQ(read_some(directory, handle, 0, 100).size(), 3u);
    put("d/b", "1");
    EXPECT_EQ(read_some(directory, handle, 0, 100).size(), 4u);
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, file_removed_while_listing_does_not_come_back) {
    for (int i = 0; i < 20; ++i) put(fmt::format("d/{:02}", i), "x");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    const auto first = read_some(directory, handle, 0, 5);
    ASSERT_TRUE(unlink("d/15"));
    std::vector<std::string> rest;
    for (const DirEntry& entry :
         read_some(directory, handle, first.back().next_offset, 100, true)) {
        rest.push_back(entry.name);
    }
    EXPECT_EQ(rest.size(), 16u);
    EXPECT_THAT(rest, ::testing::Not(::testing::Contains("15")));
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, whole_tree_can_be_removed_while_it_is_listed) {
    for (int i = 0; i < 2100; ++i) put(fmt::format("d/{:05}", i), "x");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    uint64_t offset = 0;
    for (auto some = read_some(directory, handle, offset, 300, true); !some.empty();
         some = read_some(directory, handle, offset, 300, true)) {
        for (const DirEntry& entry : some) {
            offset = entry.next_offset;
            if (!entry.counted) continue;
            EXPECT_TRUE(fs_->unlink(directory, entry.name));
        }
    }
    fs_->releasedir(handle);
    EXPECT_EQ(store_.bucket()->object_count(), 0u);
    EXPECT_TRUE(fs_->rmdir(kRootInode, "d"));
}

TEST_F(DirectoriesTest, new_file_is_listed_once_before_and_after_its_upload) {
    put("d/a", "1");
    const auto created = create("d/new");
    EXPECT_THAT(*names_in("d"), UnorderedElementsAre("a", "new"));
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    const auto first = read_some(directory, handle, 0, 3);
    EXPECT_EQ(first.back().name, "new");
    ASSERT_TRUE(close(created->entry.attr.ino, created->opened.handle));
    const auto rest = read_some(directory, handle, first.back().next_offset, 100);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].name, "a");
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, unshowable_keys_are_left_out) {
    put("d/ok", "1");
    put("d//x", "1");
    put("d/./x", "1");
    put("d/../x", "1");
    put("d/" + std::string(256, 'n'), "1");
    EXPECT_THAT(*names_in("d"), ElementsAre("ok"));
}

TEST_F(DirectoriesTest, directory_hides_the_file_of_its_name_everywhere) {
    put("a", "file");
    put("a-b", "1");
    put("a/x", "1");
    EXPECT_THAT(*names_in(""), UnorderedElementsAre("a-b", "a/"));
    EXPECT_TRUE(S_ISDIR(stat("a")->mode));
    mount();  // and where no listing went before
    EXPECT_TRUE(S_ISDIR(stat("a")->mode));
}

TEST_F(DirectoriesTest, readdirplus_counts_each_lookup_once) {
    put("d/a", "1");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    // Refused by a full buffer, then taken.
    EXPECT_EQ(read_some(directory, handle, 2, 0, true).size(), 0u);
    const auto taken = read_some(directory, handle, 2, 10, true);
    ASSERT_EQ(taken.size(), 1u);
    ASSERT_TRUE(taken[0].counted);
    const InodeNumber number = taken[0].entry.attr.ino;
    EXPECT_TRUE(fs_->getattr(number, std::nullopt).has_value());
    fs_->forget(number, 1);
    EXPECT_EQ(fs_->getattr(number, std::nullopt).error().kind, ErrorKind::stale);
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, entry_number_is_the_one_that_a_lookup_gives) {
    put("d/a", "1");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    const auto entries = read_some(directory, handle, 0, 10);
    EXPECT_EQ(entries[0].entry.attr.ino, directory);
    EXPECT_EQ(entries[1].entry.attr.ino, kRootInode);
    EXPECT_EQ(entries[2].entry.attr.ino, ino("d/a"));
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, names_that_a_complete_listing_lacks_need_no_request) {
    put("d/a", "1");
    EXPECT_THAT(*names_in("d"), ElementsAre("a"));
    store_.clear_log();
    EXPECT_EQ(look_up("d/nope").error().kind, ErrorKind::not_found);
    EXPECT_EQ(look_up("d/a")->attr.size, 1u);
    EXPECT_EQ(store_.count(), 0u);
    clock_.advance(std::chrono::seconds(6));
    EXPECT_EQ(look_up("d/nope").error().kind, ErrorKind::not_found);
    EXPECT_GT(store_.count(), 0u);
}

TEST_F(DirectoriesTest, failed_page_is_an_error_never_a_short_listing) {
    for (int i = 0; i < 1500; ++i) put(fmt::format("d/{:05}", i), "x");
    ASSERT_TRUE(look_up("d"));
    faulty_.fail(StoreCall::list, Error(ErrorKind::bad_reply, "injected")).nth(2);
    EXPECT_EQ(names_in("d").error().kind, ErrorKind::bad_reply);
}

TEST_F(DirectoriesTest, table_over_its_cap_gives_plain_names_and_tells_the_kernel_to_forget) {
    FsConfig config = config_;
    config.inodes_max = 10;
    mount(config);
    for (int i = 0; i < 50; ++i) put(fmt::format("d/{:02}", i), "x");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    size_t counted = 0;
    const auto entries = read_some(directory, handle, 0, 100, true);
    for (const DirEntry& entry : entries) counted += entry.counted ? 1 : 0;
    EXPECT_EQ(entries.size(), 52u);
    EXPECT_LE(counted, 10u);
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, stat_meta_shows_recorded_state_from_one_request_each) {
    ObjectAttributes attributes;
    attributes.user["mode"] = "33184";  // 0100640
    attributes.user["mtime"] = "1600000000";
    for (int i = 0; i < 20; ++i) put(fmt::format("d/{:02}", i), "x", attributes);
    FsConfig config = config_;
    config.stat_mode = StatMode::meta;
    mount(config);
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    store_.clear_log();
    const auto entries = read_some(directory, handle, 2, 100, true);
    ASSERT_EQ(entries.size(), 20u);
    for (const DirEntry& entry : entries) {
        EXPECT_EQ(entry.entry.attr.mode & 07777, 0640u);
        EXPECT_EQ(entry.entry.attr.mtime.seconds(), 1'600'000'000);
    }
    EXPECT_EQ(count(StoreCall::head), 20u);
    fs_->releasedir(handle);
}

TEST_F(DirectoriesTest, handle_that_is_closed_is_stale) {
    put("d/a", "1");
    const InodeNumber directory = ino("d");
    const HandleId handle = fs_->opendir(directory)->handle;
    fs_->releasedir(handle);
    const Result<void> read =
        fs_->readdir(directory, handle, 0, false, [](const auto&) { return true; });
    EXPECT_EQ(read.error().kind, ErrorKind::stale);
}

TEST_F(DirectoriesTest, file_cannot_be_opened_as_a_directory) {
    put("f", "1");
    EXPECT_EQ(fs_->opendir(ino("f")).error().kind, ErrorKind::not_directory);
}

}  // namespace
}  // namespace xbucket
