// SPDX-FileCopyrightText: the xbucket authors
// Goal: a program that goes through a directory waits for no round trip a file, each object is
// asked for once, and a program that goes nowhere in particular causes nothing. Method: a file
// system over a memory store; HEADs sent ahead are told by their class of request. Requests are
// counted after unmounting, when nothing is under way any more.
#include "walk_ahead.h"

#include "fs_fixture.h"
#include "inode_table.h"
#include "support/temp_dir.h"

#include <algorithm>
#include <thread>

namespace xbucket {
namespace {

using std::chrono::seconds;
using testing::LoggedRequest;
using testing::StoreCall;

class WalkAheadTest : public FsTest {
  protected:
    void put_files(const std::string& directory, size_t count) {
        for (size_t i = 0; i < count; ++i)
            put(directory + name(i), "body", {.user = {{"x", std::to_string(i)}}});
        clock_.advance(seconds(10));
        store_.clear_log();
    }
    static std::string name(size_t i) {
        std::string digits = std::to_string(i);
        return "f" + std::string(5 - digits.size(), '0') + digits;
    }
    // What getfattr does with a file.
    void read(const std::string& path) {
        EXPECT_THAT(listxattr(path).value(), ::testing::Contains("user.x"));
        EXPECT_TRUE(getxattr(path, "user.x"));
    }
    // Of what is below "d/"; looking up "d" itself asks for a file of that name.
    size_t heads() const {
        return count_heads([](const LoggedRequest&) { return true; });
    }
    size_t heads_ahead() const {
        return count_heads([](const LoggedRequest& request) {
            return request.request_class == RequestClass::prefetch;
        });
    }

  private:
    template <class Pred>
    size_t count_heads(Pred pred) const {
        const auto log = store_.log();
        return static_cast<size_t>(std::count_if(log.begin(), log.end(), [&](const auto& request) {
            return request.call == StoreCall::head && request.key.str().starts_with("d/") &&
                   pred(request);
        }));
    }
};

TEST_F(WalkAheadTest, a_walk_in_listing_order_is_fetched_ahead_and_asks_once_for_each) {
    put_files("d/", 500);
    names_in("d").value();
    for (size_t i = 0; i < 500; ++i) read("d/" + name(i));
    unmount();
    EXPECT_EQ(heads(), 500U);
    EXPECT_GE(heads_ahead(), 490U);
}

TEST_F(WalkAheadTest, a_reader_of_three_files_at_random_causes_no_other_request) {
    put_files("d/", 100);
    names_in("d").value();
    for (const size_t i : {70U, 5U, 33U}) read("d/" + name(i));
    unmount();
    EXPECT_EQ(heads(), 3U);
}

TEST_F(WalkAheadTest, many_reads_without_order_cause_no_other_request) {
    put_files("d/", 1000);
    names_in("d").value();
    for (size_t i = 0; i < 60; ++i) read("d/" + name(i * 617 % 1000));
    unmount();
    EXPECT_EQ(heads(), 60U);
}

TEST_F(WalkAheadTest, what_is_fetched_in_vain_when_a_walk_ends_is_a_window) {
    put_files("d/", 1000);
    names_in("d").value();
    for (size_t i = 0; i < 4; ++i) read("d/" + name(i));
    unmount();
    EXPECT_LE(heads(), 4U + 16U);
}

TEST_F(WalkAheadTest, several_walks_of_one_directory_are_told_apart) {
    put_files("d/", 600);
    names_in("d").value();
    for (size_t i = 0; i < 200; ++i)
        for (const size_t from : {0U, 200U, 400U}) read("d/" + name(from + i));
    unmount();
    EXPECT_EQ(heads(), 600U);
    EXPECT_GE(heads_ahead(), 580U);
}

TEST_F(WalkAheadTest, a_walk_by_inode_number_is_seen_too) {
    put_files("d/", 300);
    names_in("d").value();
    std::vector<std::string> names;
    for (size_t i = 0; i < 300; ++i) names.push_back(name(i));
    std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
        return inode_number_of("d/" + a) < inode_number_of("d/" + b);
    });
    for (const std::string& each : names) read("d/" + each);
    unmount();
    EXPECT_EQ(heads(), 300U);
    EXPECT_GE(heads_ahead(), 290U);
}

TEST_F(WalkAheadTest, a_walk_may_pass_over_some_files) {
    put_files("d/", 300);
    names_in("d").value();
    for (size_t i = 0; i < 300; ++i)
        if (i < 4 || i % 3 != 0) read("d/" + name(i));
    unmount();
    EXPECT_LE(heads(), 300U);
    EXPECT_GE(heads_ahead(), 280U);
}

TEST_F(WalkAheadTest, directories_among_the_files_are_fetched_ahead_by_their_markers) {
    for (size_t i = 0; i < 100; ++i) {
        put("d/" + name(i), "body", {.user = {{"x", "1"}}});
        put("d/" + name(i) + "z/", "", {.user = {{"x", "1"}}});
    }
    clock_.advance(seconds(10));
    store_.clear_log();
    names_in("d").value();
    for (size_t i = 0; i < 100; ++i) {
        read("d/" + name(i));
        read("d/" + name(i) + "z");
    }
    unmount();
    EXPECT_EQ(heads(), 200U);
    EXPECT_GE(heads_ahead(), 190U);
}

TEST_F(WalkAheadTest, a_walk_that_journals_changes_of_attributes_is_fetched_ahead) {
    put_files("d/", 50);
    const testing::TempDir journals;
    MetaConfig config;
    config.durability = Durability::timed;
    config.journal_directory = journals.path();
    mount(config_, config);
    names_in("d").value();
    for (size_t i = 0; i < 50; ++i) EXPECT_TRUE(setxattr("d/" + name(i), "user.y", "1"));
    unmount();
    EXPECT_GE(heads_ahead(), 40U);
}

TEST_F(WalkAheadTest, a_walk_that_changes_attributes_at_once_asks_for_nothing_ahead) {
    put_files("d/", 50);
    names_in("d").value();
    for (size_t i = 0; i < 50; ++i) EXPECT_TRUE(setxattr("d/" + name(i), "user.y", "1"));
    unmount();
    EXPECT_EQ(heads_ahead(), 0U);
}

TEST_F(WalkAheadTest, a_second_walk_after_expiry_costs_listings_only) {
    put_files("d/", 300);
    for (int round = 0; round < 2; ++round) {
        names_in("d").value();
        for (size_t i = 0; i < 300; ++i) read("d/" + name(i));
        EXPECT_EQ(heads(), 300U);
        clock_.advance(seconds(61));
    }
}

TEST_F(WalkAheadTest, a_walk_through_outlived_entries_renews_them_by_one_listing) {
    put_files("d/", 300);
    names_in("d").value();
    std::vector<InodeNumber> inodes;  // a program may have them open
    for (size_t i = 0; i < 300; ++i) {
        inodes.push_back(ino("d/" + name(i)));
        EXPECT_TRUE(fs_->getxattr(inodes.back(), "user.x", kUser));
    }
    clock_.advance(seconds(61));
    put("d/" + name(150), "body", {.user = {{"x", "new"}}});
    clock_.advance(seconds(10));
    store_.clear_log();
    for (size_t i = 0; i < 300; ++i) {
        const auto value = fs_->getxattr(inodes[i], "user.x", kUser);
        EXPECT_EQ(value.value(), i == 150 ? "new" : std::to_string(i));
        // The renewal is on its way; a program that waits for nothing would overtake it.
        if (i == 2)
            while (meta_->knowledge(ObjectKey("d/" + name(299))) != Knowledge::complete)
                std::this_thread::yield();
    }
    unmount();
    EXPECT_EQ(store_.count(StoreCall::list), 1U);
    EXPECT_LE(heads(), 5U);
}

TEST_F(WalkAheadTest, names_of_more_directories_than_fit_are_forgotten_and_asked_for_again) {
    WorkerPool helpers("t", 2);
    WalkAhead walks(*meta_, faulty_, helpers, {.names_bytes_max = 4096});
    for (size_t d = 0; d < 100; ++d) {
        ListPage page;
        for (size_t i = 0; i < 50; ++i) {
            ListEntry entry;
            entry.key = ObjectKey(std::to_string(d) + "/" + name(i));
            page.objects.push_back(entry);
        }
        walks.listed(ObjectKey(std::to_string(d) + "/"), page);
    }
    for (size_t i = 0; i < 50; ++i) walks.touched(ObjectKey("0/" + name(i)));
    EXPECT_EQ(meta_->knowledge(ObjectKey("0/" + name(49))), Knowledge::nothing);
    for (size_t i = 0; i < 50; ++i) walks.touched(ObjectKey("99/" + name(i)));
    while (meta_->knowledge(ObjectKey("99/" + name(49))) != Knowledge::absent)
        std::this_thread::yield();
}

TEST_F(WalkAheadTest, what_another_client_changed_reaches_the_kernel_when_a_listing_shows_it) {
    put_files("d/", 3);
    names_in("d").value();
    const InodeNumber changed = ino("d/" + name(1));
    const InodeNumber edited = ino("d/" + name(2));
    put("d/" + name(1), "other content");
    testing::put_object(other_, "d/" + name(2), "body", {.user = {{"x", "edited"}}}).value();
    EXPECT_THAT(notifier_.inodes(), ::testing::IsEmpty());
    names_in("d").value();
    EXPECT_THAT(notifier_.inodes(), ::testing::UnorderedElementsAre(std::pair(changed, true),
                                                                    std::pair(edited, false)));
}

}  // namespace
}  // namespace xbucket
